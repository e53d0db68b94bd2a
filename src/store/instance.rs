//! Facts about this instance that are set once and hold for all its nodes.

use super::{Db, StoreError};

/// The value of this name.
pub async fn get(db: &mut Db, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM instance WHERE name = $1";
    Ok(sqlx::query_scalar(sql).bind(name).fetch_optional(db).await?)
}

/// Sets the value of this name unless it has one; `false` when it had.
pub async fn set_once(db: &mut Db, name: &str, value: &str) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO instance (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name)
    .bind(value)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
