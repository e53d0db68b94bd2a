//! Client assertions that were used, so that none is good twice (RFC 7523 §3).
//!
//! They are forgotten soon after they expired, because clients may send thousands a second. What was
//! forgotten is no good for ever: a clock that is set back brings nothing back to life.

use std::collections::BTreeMap;

use crate::clock::Timestamp;

use super::{Db, StoreError};

/// Notes that a client used the assertion with this hashed `jti`; `false` when it had before, or when
/// that may be: assertions that expired later are forgotten already.
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
    .execute(&mut *db)
    .await?;
    // Afterwards: where it waited for a sweep that deleted its like, that says so here.
    let sql =
        "SELECT client_id FROM forgotten_assertions WHERE client_id = $1 AND expired_by >= $2";
    let forgotten: Option<String> =
        sqlx::query_scalar(sql).bind(client_id).bind(expires_at).fetch_optional(db).await?;
    Ok(done.rows_affected() > 0 && forgotten.is_none())
}

/// Forgets at most `limit` that expired before `before`, and notes up to when; says how many.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let gone: Vec<(String, Timestamp)> = sqlx::query_as(
        "DELETE FROM used_assertions WHERE (client_id, jti_hash) IN \
         (SELECT client_id, jti_hash FROM used_assertions WHERE expires_at < $1 LIMIT $2) \
         RETURNING client_id, expires_at",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(&mut *db)
    .await?;
    let mut latest = BTreeMap::new();
    for (client_id, expired) in &gone {
        let latest = latest.entry(client_id).or_insert(*expired);
        *latest = (*latest).max(*expired);
    }
    for (client_id, expired_by) in latest {
        sqlx::query(
            "INSERT INTO forgotten_assertions (client_id, expired_by) VALUES ($1, $2) \
             ON CONFLICT (client_id) DO UPDATE SET expired_by = CASE \
             WHEN excluded.expired_by > forgotten_assertions.expired_by \
             THEN excluded.expired_by ELSE forgotten_assertions.expired_by END",
        )
        .bind(client_id)
        .bind(expired_by)
        .execute(&mut *db)
        .await?;
    }
    Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
}

/// Deletes at most `limit` notes of what was forgotten and expired before `before`: so far back no
/// clock is set by mistake.
pub async fn sweep_notes(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM forgotten_assertions WHERE client_id IN \
         (SELECT client_id FROM forgotten_assertions WHERE expired_by < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
