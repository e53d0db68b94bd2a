//! Single tokens that died before their time, and assertions that were used: no other token has
//! a row of its own.

use crate::clock::Timestamp;

use super::{Db, StoreError, revisions};

/// Kills one token; keep it until the token would have expired. `false` when it was dead before.
pub async fn insert(
    db: &mut Db,
    token_id: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query(
        "INSERT INTO revoked_tokens (token_id, expires_at) VALUES ($1, $2) \
         ON CONFLICT (token_id) DO NOTHING",
    )
    .bind(token_id)
    .bind(expires_at)
    .execute(&mut *db)
    .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// Kills all tokens of one generation of an authorization.
pub(super) async fn insert_generation(
    db: &mut Db,
    authorization_id: &str,
    generation: i64,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO revoked_tokens (token_id, expires_at, authorization_id, generation) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (token_id) DO NOTHING",
    )
    .bind(format!("{authorization_id}:{generation}"))
    .bind(expires_at)
    .bind(authorization_id)
    .bind(generation)
    .execute(&mut *db)
    .await?;
    revisions::bump(db).await
}

/// The generations of an authorization whose tokens are dead.
pub async fn dead_generations(db: &mut Db, authorization_id: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT generation FROM revoked_tokens \
               WHERE authorization_id = $1 AND generation IS NOT NULL";
    Ok(sqlx::query_scalar(sql).bind(authorization_id).fetch_all(db).await?)
}

/// Whether the token is dead. Requests go through [`super::Store::token_revoked`], which caches.
pub async fn contains(db: &mut Db, token_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT token_id FROM revoked_tokens WHERE token_id = $1";
    let found: Option<String> = sqlx::query_scalar(sql).bind(token_id).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// Deletes at most `limit` entries that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM revoked_tokens WHERE token_id IN \
         (SELECT token_id FROM revoked_tokens WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
