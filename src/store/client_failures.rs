//! Wrong secrets of clients: counted here, so that the count holds on every node and over a
//! restart. Nothing is written for a client whose secret is right.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// An address from which a client is not listened to for a while.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The client.
    pub client_id: String,
    /// The address (IPv6: the /64).
    pub address: String,
    /// Until when.
    pub closed_until: Timestamp,
}

record!(Closed in "client_failures" by client_id { client_id, address, closed_until });

/// How many wrong secrets are listened to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Within the window; one more closes the way.
    pub failures: i64,
    /// Where a window that is open now began at the earliest.
    pub window_from: Timestamp,
    /// Until when the way is closed that closes now.
    pub closed_until: Timestamp,
}

/// Counts a wrong secret; gives until when the way is closed, if it is. What comes while it is
/// closed does not make it longer.
pub async fn count(
    db: &mut Db,
    (client_id, address): (&str, &str),
    bounds: Bounds,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let closed_until = sqlx::query_scalar(
        "INSERT INTO client_failures (client_id, address, window_began_at, failures, \
         closed_until, last_at) VALUES ($1, $2, $3, 1, NULL, $3) \
         ON CONFLICT (client_id, address) DO UPDATE SET \
         window_began_at = CASE WHEN client_failures.window_began_at <= $4 \
         THEN $3 ELSE client_failures.window_began_at END, \
         failures = CASE WHEN client_failures.window_began_at <= $4 \
         THEN 1 ELSE client_failures.failures + 1 END, \
         closed_until = CASE WHEN client_failures.closed_until > $3 \
         THEN client_failures.closed_until \
         WHEN client_failures.window_began_at > $4 AND client_failures.failures >= $5 \
         THEN CAST($6 AS BIGINT) END, \
         last_at = $3 RETURNING closed_until",
    )
    .bind(client_id)
    .bind(address)
    .bind(now)
    .bind(bounds.window_from)
    .bind(bounds.failures)
    .bind(bounds.closed_until)
    .fetch_one(db)
    .await?;
    Ok(closed_until)
}

/// The ways that are closed at `now`, at most `limit`, those that stay so longest first.
pub async fn list_closed(
    db: &mut Db,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Closed>, StoreError> {
    let closed = sqlx::query_as(
        "SELECT client_id, address, closed_until FROM client_failures \
         WHERE closed_until IS NOT NULL AND closed_until > $1 \
         ORDER BY closed_until DESC LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(closed)
}

/// Deletes at most `limit` counts whose last wrong secret was before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM client_failures WHERE (client_id, address) IN \
         (SELECT client_id, address FROM client_failures WHERE last_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
