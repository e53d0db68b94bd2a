//! Tries at passwords, counted before they are looked at, so that no race gets more of them.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// What the subject of a name that nobody has begins with; no id does.
pub const UNKNOWN: char = '?';

/// The tries at one account from one kind of browser.
#[derive(Clone, Debug)]
pub struct Tries {
    /// A person's id, or the keyed hash of a name that nobody has.
    pub subject: String,
    /// The id of a device that the account knows; empty for all strangers together.
    pub bucket: String,
    /// When the first failure of the present window was.
    pub window_began_at: Timestamp,
    /// Failures within the window.
    pub failures: i64,
    /// Failures since the last success.
    pub in_a_row: i64,
    /// Until when no further try is looked at.
    pub blocked_until: Option<Timestamp>,
    /// When the last try was.
    pub last_at: Timestamp,
    /// When the person was told of the present block.
    pub told_at: Option<Timestamp>,
}

record!(Tries in "throttle" by subject {
    subject, bucket, window_began_at, failures, in_a_row, blocked_until, last_at, told_at,
});

/// How many tries are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Failures within the window before further tries are blocked.
    pub failures: i64,
    /// Where a window that is open at `now` began at the earliest.
    pub window_from: Timestamp,
    /// Until when a block that begins now lasts.
    pub blocked_until: Timestamp,
    /// Failures in a row after which only a success elsewhere opens the way again.
    pub in_a_row: i64,
}

/// Takes one try: it counts as failed unless [`succeed`] follows. `None` when no try is left.
///
/// The last try of a window closes the way in the same statement: of racing tries never more than
/// `bounds.failures` are looked at.
pub async fn take(
    db: &mut Db,
    subject: &str,
    bucket: &str,
    bounds: Bounds,
    now: Timestamp,
) -> Result<Option<Tries>, StoreError> {
    let tries = sqlx::query_as(
        "INSERT INTO throttle (subject, bucket, window_began_at, failures, in_a_row, \
         blocked_until, last_at, told_at) \
         VALUES ($1, $2, $3, 1, 1, CASE WHEN $4 <= 1 THEN CAST($6 AS BIGINT) END, $3, NULL) \
         ON CONFLICT (subject, bucket) DO UPDATE SET \
         window_began_at = CASE WHEN throttle.window_began_at <= $5 \
         OR throttle.blocked_until IS NOT NULL THEN $3 ELSE throttle.window_began_at END, \
         failures = CASE WHEN throttle.window_began_at <= $5 \
         OR throttle.blocked_until IS NOT NULL THEN 1 ELSE throttle.failures + 1 END, \
         in_a_row = throttle.in_a_row + 1, \
         blocked_until = CASE WHEN (CASE WHEN throttle.window_began_at <= $5 \
         OR throttle.blocked_until IS NOT NULL THEN 1 ELSE throttle.failures + 1 END) >= $4 \
         THEN CAST($6 AS BIGINT) END, \
         last_at = $3, told_at = NULL \
         WHERE (throttle.blocked_until IS NULL OR throttle.blocked_until <= $3) \
         AND throttle.in_a_row < $7 \
         RETURNING subject, bucket, window_began_at, failures, in_a_row, blocked_until, last_at, \
         told_at",
    )
    .bind(subject)
    .bind(bucket)
    .bind(now)
    .bind(bounds.failures)
    .bind(bounds.window_from)
    .bind(bounds.blocked_until)
    .bind(bounds.in_a_row)
    .fetch_optional(db)
    .await?;
    Ok(tries)
}

/// The tries counted so far.
pub async fn find(db: &mut Db, subject: &str, bucket: &str) -> Result<Option<Tries>, StoreError> {
    let tries = sqlx::query_as(
        "SELECT subject, bucket, window_began_at, failures, in_a_row, blocked_until, last_at, \
         told_at FROM throttle WHERE subject = $1 AND bucket = $2",
    )
    .bind(subject)
    .bind(bucket)
    .fetch_optional(db)
    .await?;
    Ok(tries)
}

/// Whether any browser that the account knows has failed so often that the password is worth
/// nothing until it is reset.
pub async fn is_password_spent(
    db: &mut Db,
    subject: &str,
    in_a_row: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT bucket FROM throttle \
               WHERE subject = $1 AND bucket <> '' AND in_a_row >= $2 LIMIT 1";
    let found: Option<String> =
        sqlx::query_scalar(sql).bind(subject).bind(in_a_row).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// Notes that the person was told of the block; of racing calls one gets `true`.
pub async fn tell_once(
    db: &mut Db,
    subject: &str,
    bucket: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE throttle SET told_at = $3 \
         WHERE subject = $1 AND bucket = $2 AND told_at IS NULL",
    )
    .bind(subject)
    .bind(bucket)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives a try back that was never looked at. What counts nothing any more leaves no row: names
/// that somebody made up must not fill the disk while nothing was looked at.
pub async fn give_back(db: &mut Db, subject: &str, bucket: &str) -> Result<(), StoreError> {
    let only = sqlx::query(
        "DELETE FROM throttle WHERE subject = $1 AND bucket = $2 \
         AND in_a_row <= 1 AND failures <= 1",
    )
    .bind(subject)
    .bind(bucket)
    .execute(&mut *db)
    .await?;
    if only.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE throttle SET failures = failures - 1, in_a_row = in_a_row - 1, \
         blocked_until = NULL WHERE subject = $1 AND bucket = $2 AND in_a_row > 0",
    )
    .bind(subject)
    .bind(bucket)
    .execute(db)
    .await?;
    Ok(())
}

/// A try succeeded: its bucket begins anew.
pub async fn succeed(db: &mut Db, subject: &str, bucket: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM throttle WHERE subject = $1 AND bucket = $2";
    sqlx::query(sql).bind(subject).bind(bucket).execute(db).await?;
    Ok(())
}

/// Forgets all tries at an account: its password was reset, or support unlocked it.
pub async fn forget(db: &mut Db, subject: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM throttle WHERE subject = $1").bind(subject).execute(db).await?;
    Ok(())
}

/// Somebody proved who they are in a browser that the account knows: what strangers failed at no
/// longer counts as a row, though a block that has begun runs its time.
pub async fn break_row(db: &mut Db, subject: &str) -> Result<(), StoreError> {
    let sql = "UPDATE throttle SET in_a_row = 0 WHERE subject = $1 AND bucket = ''";
    sqlx::query(sql).bind(subject).execute(db).await?;
    Ok(())
}

/// Deletes at most `limit` counts of names that nobody has ([`UNKNOWN`]) whose last try was before
/// `before`. Counts of accounts stay: failures in a row have no end of their own (NIST SP 800-63B-4
/// §3.2.2).
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM throttle WHERE subject IN (SELECT subject FROM throttle \
         WHERE last_at < $1 AND subject >= '?' AND subject < '@' LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// How many counts there are of names that nobody has.
pub async fn count_unknown(db: &mut Db) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM throttle WHERE subject >= '?' AND subject < '@'";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// Deletes so `many` counts of names that nobody has: those with the fewest failures first, of these
/// the oldest. Whoever wants one of `n` failures to be forgotten, to see whether the name is somebody's,
/// has to fail `n` times at every other name that is kept; before the first, twice (S-108).
pub async fn trim_unknown(db: &mut Db, many: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM throttle WHERE subject IN (SELECT subject FROM throttle \
         WHERE subject >= '?' AND subject < '@' ORDER BY in_a_row, last_at LIMIT $1)",
    )
    .bind(many)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
