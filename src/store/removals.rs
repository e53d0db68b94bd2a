//! Accounts whose owners want them removed.

use crate::clock::Timestamp;

use super::{Db, StoreError, revisions};

/// Plans the removal of an account, or calls it off.
pub async fn set(db: &mut Db, id: &str, removal_at: Option<Timestamp>) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE users SET removal_at = $2 WHERE id = $1")
        .bind(id)
        .bind(removal_at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// At most `limit` people whose removal is due.
pub async fn list_due(db: &mut Db, now: Timestamp, limit: i64) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM users WHERE removal_at <= $1 ORDER BY removal_at LIMIT $2";
    Ok(sqlx::query_scalar(sql).bind(now).bind(limit).fetch_all(db).await?)
}

/// Removes a person with all that is theirs if their removal is due; events stay. `false` when it
/// was called off meanwhile.
pub async fn carry_out(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query("DELETE FROM users WHERE id = $1 AND removal_at <= $2")
        .bind(id)
        .bind(now)
        .execute(&mut *db)
        .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// How many administrators there are beside this one who may act and want to stay. Counted after
/// `revisions::lock`, so that two who leave at once do not both count the other.
pub async fn count_other_administrators(db: &mut Db, id: &str) -> Result<i64, StoreError> {
    revisions::lock(db).await?;
    let sql = "SELECT COUNT(*) FROM users WHERE admin_at IS NOT NULL AND locked_at IS NULL \
               AND removal_at IS NULL AND id <> $1";
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(db).await?)
}
