//! Client assertions that were used, so that none is good twice (RFC 7523 §3).

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// Notes that a client used the assertion with this hashed `jti`; `false` when it had before.
pub async fn insert_once(
    db: &mut Db,
    client_id: &str,
    jti_hash: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO used_assertions (client_id, jti_hash, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (client_id, jti_hash) DO NOTHING",
    )
    .bind(client_id)
    .bind(jti_hash)
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes at most `limit` entries that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM used_assertions WHERE (client_id, jti_hash) IN \
         (SELECT client_id, jti_hash FROM used_assertions WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
