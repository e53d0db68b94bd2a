//! How many attempts went wrong, counted apart from the trail so that a flood of them cannot fill
//! it or push anything out.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// The bucket of requests for a link to choose a new password: anybody can make them, so they are
/// counted here too, but they are no attempts to sign in.
pub const RECOVERY: &str = "recovery asked";

/// The attempts on one account that went wrong on one day, in one way.
#[derive(Clone, Debug)]
pub struct FailureCount {
    /// Whose account; for a name that is nobody's, [`UNKNOWN`](super::throttle::UNKNOWN) and
    /// its keyed hash.
    pub user_id: String,
    /// Days since 1970, UTC.
    pub day: i64,
    /// How they went wrong: method and outcome.
    pub bucket: String,
    /// How many did.
    pub failures: i64,
    /// When the last one did.
    pub last_at: Timestamp,
    /// From where.
    pub last_address: String,
}

record!(FailureCount in "failure_counts" by user_id {
    user_id, day, bucket, failures, last_at, last_address,
});

/// The day that `at` belongs to.
#[must_use]
pub fn day_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(86_400)
}

/// Counts one more; says how many it were on that day in that way, this one included.
pub async fn count(
    db: &mut Db,
    user_id: &str,
    bucket: &str,
    (at, address): (Timestamp, &str),
) -> Result<i64, StoreError> {
    let failures = sqlx::query_scalar(
        "INSERT INTO failure_counts (user_id, day, bucket, failures, last_at, last_address) \
         VALUES ($1, $2, $3, 1, $4, $5) ON CONFLICT (user_id, day, bucket) DO UPDATE SET \
         failures = failure_counts.failures + 1, last_at = excluded.last_at, \
         last_address = excluded.last_address RETURNING failures",
    )
    .bind(user_id)
    .bind(day_of(at))
    .bind(bucket)
    .bind(at)
    .bind(address)
    .fetch_one(db)
    .await?;
    Ok(failures)
}

/// The days since `since` on which more than `kept` went wrong in one way, the last first.
pub async fn list_over(
    db: &mut Db,
    user_id: &str,
    since: Timestamp,
    kept: i64,
) -> Result<Vec<FailureCount>, StoreError> {
    let counts = sqlx::query_as(
        "SELECT user_id, day, bucket, failures, last_at, last_address FROM failure_counts \
         WHERE user_id = $1 AND day >= $2 AND failures > $3 AND bucket <> $4 ORDER BY last_at DESC, bucket",
    )
    .bind(user_id)
    .bind(day_of(since))
    .bind(kept)
    .bind(RECOVERY)
    .fetch_all(db)
    .await?;
    Ok(counts)
}

/// Deletes at most `limit` counts of names that nobody has, of days that were over before `before`.
pub async fn sweep_unknown(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM failure_counts WHERE (user_id, day, bucket) IN \
         (SELECT user_id, day, bucket FROM failure_counts \
         WHERE day < $1 AND (user_id = '' OR (user_id >= '?' AND user_id < '@')) LIMIT $2)",
    )
    .bind(day_of(before))
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes at most `limit` counts of days that were over before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM failure_counts WHERE (user_id, day, bucket) IN \
         (SELECT user_id, day, bucket FROM failure_counts WHERE day < $1 LIMIT $2)",
    )
    .bind(day_of(before))
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
