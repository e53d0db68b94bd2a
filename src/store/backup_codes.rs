//! Codes for when the authenticator app is not at hand: good once each.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// One code of a person's set; a set is made and replaced as a whole.
#[derive(Clone, Debug)]
pub struct BackupCode {
    /// The record's id.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// Its place in the set, from 1.
    pub position: i64,
    /// Its keyed hash.
    pub code_hash: String,
    /// When the set was made.
    pub created_at: Timestamp,
    /// When the person said that they keep the set.
    pub saved_at: Option<Timestamp>,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

record!(BackupCode in "backup_codes" by id {
    id, user_id, position, code_hash, created_at, saved_at, used_at,
});

/// Puts this set in place of any other.
pub async fn replace(db: &mut Db, user_id: &str, set: &[BackupCode]) -> Result<(), StoreError> {
    remove(db, user_id).await?;
    for code in set {
        sqlx::query(
            "INSERT INTO backup_codes (id, user_id, position, code_hash, created_at, saved_at, \
             used_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&code.id)
        .bind(user_id)
        .bind(code.position)
        .bind(&code.code_hash)
        .bind(code.created_at)
        .bind(code.saved_at)
        .bind(code.used_at)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// The person's set, in its order.
pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<BackupCode>, StoreError> {
    let sql = "SELECT id, user_id, position, code_hash, created_at, saved_at, used_at \
               FROM backup_codes WHERE user_id = $1 ORDER BY position";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// Notes that the person keeps the set; `false` when that was known.
pub async fn mark_saved(db: &mut Db, user_id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE backup_codes SET saved_at = $2 WHERE user_id = $1 AND saved_at IS NULL";
    let done = sqlx::query(sql).bind(user_id).bind(now).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// Uses a code; `false` when it is not the person's, or was used before. Of racing calls one wins.
pub async fn spend(
    db: &mut Db,
    user_id: &str,
    code_hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE backup_codes SET used_at = $3 \
         WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
    )
    .bind(user_id)
    .bind(code_hash)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many codes of the person are not used yet.
pub async fn count_left(db: &mut Db, user_id: &str) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM backup_codes WHERE user_id = $1 AND used_at IS NULL";
    Ok(sqlx::query_scalar(sql).bind(user_id).fetch_one(db).await?)
}

/// Removes the person's set.
pub async fn remove(db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM backup_codes WHERE user_id = $1";
    Ok(sqlx::query(sql).bind(user_id).execute(db).await?.rows_affected())
}
