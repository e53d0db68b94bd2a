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

/// The ids of at most `many` requests that end when there are too many, in order: first those that
/// are answered, then the oldest of the sources that have most, so that who has few keeps them.
///
/// Both are told by an index alone. The requests themselves are long, and reading past them takes
/// so long that nobody should be made to wait for it.
pub async fn surplus(db: &mut Db, many: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM pending_authorizations WHERE finished_at IS NOT NULL \
               ORDER BY finished_at LIMIT $1";
    let mut ids: Vec<String> = sqlx::query_scalar(sql).bind(many).fetch_all(&mut *db).await?;
    let more = many - i64::try_from(ids.len()).unwrap_or(many);
    if more > 0 {
        let sql = "SELECT id FROM (SELECT id, created_at, ROW_NUMBER() OVER \
                   (PARTITION BY source ORDER BY created_at DESC, id DESC) AS nth \
                   FROM pending_authorizations WHERE finished_at IS NULL) AS ranked \
                   ORDER BY nth DESC, created_at LIMIT $1";
        ids.extend(sqlx::query_scalar(sql).bind(more).fetch_all(db).await?);
    }
    // Who deletes the same ones does it in the same order, and nobody waits in a circle.
    ids.sort_unstable();
    Ok(ids)
}
