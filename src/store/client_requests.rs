//! Token requests of clients that prove who they are: counted here, so that a client has as many as
//! it may over all nodes and over a restart.

use std::time::Duration;

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// The time that a limit is about.
const MINUTE: i64 = 60_000_000_000;

/// What is left of a client's limit for one who wants some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many requests, at least one, which count from now on.
    Taken(u32),
    /// None; there is one again after this time.
    Spent(Duration),
}

/// Takes up to `wanted` requests of the client's `a_minute`, as many as are left. The limit fills up
/// evenly: a client that was silent for a minute has all of them at once.
///
/// Where a clock was set back, what was counted by it lies further ahead than a limit can reach, and
/// no longer counts.
pub async fn take(
    db: &mut Db,
    client_id: &str,
    wanted: u32,
    a_minute: u32,
    now: Timestamp,
) -> Result<Share, StoreError> {
    let one = MINUTE / i64::from(a_minute.max(1));
    let now = now.millis().saturating_mul(1_000_000);
    let wanted = i64::from(wanted.max(1)).min(MINUTE / one);
    if try_take(db, client_id, wanted * one, now).await? {
        return Ok(Share::Taken(count(wanted)));
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT filled_until FROM client_requests WHERE client_id = $1")
            .bind(client_id)
            .fetch_optional(&mut *db)
            .await?;
    let filled = found.unwrap_or(now).max(now);
    let left = now.saturating_add(MINUTE).saturating_sub(filled) / one;
    // Another node may have been faster since; then it is as if there were none.
    if left > 0 && try_take(db, client_id, left * one, now).await? {
        return Ok(Share::Taken(count(left)));
    }
    // Whoever was overtaken between the two statements waits for one more.
    let least = if left > 0 { one } else { 1 };
    let wait = filled.saturating_add(one).saturating_sub(now.saturating_add(MINUTE));
    Ok(Share::Spent(Duration::from_nanos(u64::try_from(wait.clamp(least, MINUTE)).unwrap_or(0))))
}

fn count(many: i64) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

/// Whether there was room for so many nanoseconds, which are taken then.
async fn try_take(db: &mut Db, client_id: &str, cost: i64, now: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO client_requests (client_id, filled_until) VALUES ($1, $2 + $3) \
         ON CONFLICT (client_id) DO UPDATE SET filled_until = \
         CASE WHEN client_requests.filled_until BETWEEN $2 AND $5 \
         THEN client_requests.filled_until + $3 ELSE $2 + $3 END \
         WHERE client_requests.filled_until <= $4 OR client_requests.filled_until > $5",
    )
    .bind(client_id)
    .bind(now)
    .bind(cost)
    .bind(now.saturating_add(MINUTE).saturating_sub(cost))
    .bind(now.saturating_add(2 * MINUTE))
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes at most `limit` counts that say nothing any more at `now`.
pub async fn sweep(db: &mut Db, now: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM client_requests WHERE client_id IN \
         (SELECT client_id FROM client_requests WHERE filled_until < $1 LIMIT $2) \
         AND filled_until < $1",
    )
    .bind(now.millis().saturating_mul(1_000_000))
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
