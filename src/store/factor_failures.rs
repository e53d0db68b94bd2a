//! Wrong codes of the second factor, counted apart from wrong passwords: for each account apart for
//! strangers and for each browser that it knows.

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// What the buckets of backup codes begin with; no id of a device does.
pub const BACKUP: &str = "backup ";

/// What stands against a person's second factor in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Wrong codes since the last right one.
    pub in_a_row: i64,
    /// The step of 30 seconds in which the last wrong one came.
    pub step: i64,
    /// How many came in it.
    pub in_step: i64,
    /// When the hour began in which the last wrong one came.
    pub hour_began_at: i64,
    /// How many came in it.
    pub in_hour: i64,
}

/// Keeps everybody else from this person's factors until the transaction ends: of racing codes,
/// confirmations and removals each sees what the one before it did.
pub async fn hold(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO factor_failures (user_id, in_a_row, step, in_step) VALUES ($1, 0, 0, 0) \
         ON CONFLICT (user_id) DO UPDATE SET in_a_row = factor_failures.in_a_row",
    )
    .bind(user_id)
    .execute(db)
    .await?;
    Ok(())
}

/// What was counted so far; [`hold`] went before.
pub async fn find(db: &mut Db, user_id: &str, bucket: &str) -> Result<Failures, StoreError> {
    let found: Option<(i64, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT in_a_row, step, in_step, hour_began_at, in_hour FROM factor_tries \
         WHERE user_id = $1 AND bucket = $2",
    )
    .bind(user_id)
    .bind(bucket)
    .fetch_optional(db)
    .await?;
    Ok(found.map_or_else(Failures::default, |row| Failures {
        in_a_row: row.0,
        step: row.1,
        in_step: row.2,
        hour_began_at: row.3,
        in_hour: row.4,
    }))
}

/// Counts a wrong code in this step; an hour that began at `hour_from` or before is over. Says how
/// many came in a row by now, each number to one caller only.
pub async fn count(
    db: &mut Db,
    user_id: &str,
    bucket: &str,
    step: i64,
    (hour_from, now): (Timestamp, Timestamp),
) -> Result<i64, StoreError> {
    let in_a_row = sqlx::query_scalar(
        "INSERT INTO factor_tries \
         (user_id, bucket, in_a_row, step, in_step, hour_began_at, in_hour) \
         VALUES ($1, $2, 1, $3, 1, $5, 1) ON CONFLICT (user_id, bucket) DO UPDATE SET \
         in_a_row = factor_tries.in_a_row + 1, step = excluded.step, \
         in_step = CASE WHEN factor_tries.step = $3 THEN factor_tries.in_step + 1 ELSE 1 END, \
         hour_began_at = CASE WHEN factor_tries.hour_began_at <= $4 THEN $5 \
         ELSE factor_tries.hour_began_at END, \
         in_hour = CASE WHEN factor_tries.hour_began_at <= $4 THEN 1 \
         ELSE factor_tries.in_hour + 1 END RETURNING in_a_row",
    )
    .bind(user_id)
    .bind(bucket)
    .bind(step)
    .bind(hour_from)
    .bind(now)
    .fetch_one(db)
    .await?;
    Ok(in_a_row)
}

/// Whether so many of an app's codes were wrong in a row in any browser that the account knows.
pub async fn is_spent(db: &mut Db, user_id: &str, in_a_row: i64) -> Result<bool, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT bucket FROM factor_tries WHERE user_id = $1 AND bucket <> '' \
         AND bucket NOT LIKE 'backup %' AND in_a_row >= $2 LIMIT 1",
    )
    .bind(user_id)
    .bind(in_a_row)
    .fetch_optional(db)
    .await?;
    Ok(found.is_some())
}

/// A right code came: its bucket begins anew.
pub async fn succeed(db: &mut Db, user_id: &str, bucket: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM factor_tries WHERE user_id = $1 AND bucket = $2";
    sqlx::query(sql).bind(user_id).bind(bucket).execute(db).await?;
    Ok(())
}

/// The owner showed a code in a browser that the account knows: what strangers failed at no longer
/// counts as a row, though their hour runs on.
pub async fn break_row(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE factor_tries SET in_a_row = 0 WHERE user_id = $1 AND bucket = ''";
    sqlx::query(sql).bind(user_id).execute(db).await?;
    Ok(())
}

/// Forgets all of them: a backup code set it right, support unlocked the account, or there is no
/// factor any more.
pub async fn clear(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM factor_tries WHERE user_id = $1").bind(user_id).execute(db).await?;
    Ok(())
}
