//! How many authorization requests are in progress, so that nobody fills the table with theirs.

use super::{Db, StoreError};

/// The most rows that one call gives.
const BATCH: i64 = 1000;

/// The ids of the requests in progress from this source beyond the `most` newest, in order.
pub async fn beyond(db: &mut Db, source: &str, most: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM pending_authorizations WHERE source = $1 AND finished_at IS NULL \
               ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $2";
    let ids = sqlx::query_scalar(sql).bind(source).bind(most).bind(BATCH);
    let mut ids: Vec<String> = ids.fetch_all(db).await?;
    // Who deletes the same ones does it in the same order, and nobody waits in a circle.
    ids.sort_unstable();
    Ok(ids)
}

/// Ends a request.
pub async fn end(db: &mut Db, id: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM pending_authorizations WHERE id = $1";
    sqlx::query(sql).bind(id).execute(db).await?;
    Ok(())
}

/// How many requests are kept, from everywhere.
pub async fn count(db: &mut Db) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM pending_authorizations";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// Ends `many` requests: first those that are answered, then the oldest of the sources that have
/// most, so that who has few keeps them.
pub async fn trim(db: &mut Db, many: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM pending_authorizations WHERE id IN \
         (SELECT id FROM (SELECT id, created_at, finished_at, ROW_NUMBER() OVER \
         (PARTITION BY source ORDER BY created_at DESC, id DESC) AS nth \
         FROM pending_authorizations) AS ranked \
         ORDER BY CASE WHEN finished_at IS NULL THEN 1 ELSE 0 END, nth DESC, created_at LIMIT $1)",
    )
    .bind(many)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
