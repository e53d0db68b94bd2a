//! Facts about this instance that are set once and hold for all its nodes.

use super::{Db, StoreError};

/// The value of this name.
pub async fn get(db: &mut Db, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT value FROM instance WHERE name = $1";
    Ok(sqlx::query_scalar(sql).bind(name).fetch_optional(db).await?)
}

/// The names and values of all names that begin with `prefix`, which holds no wildcards.
pub async fn list(db: &mut Db, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT name, value FROM instance WHERE name LIKE $1 ORDER BY name";
    Ok(sqlx::query_as(sql).bind(format!("{prefix}%")).fetch_all(db).await?)
}

/// Sets the value of this name, whatever it was.
pub async fn set(db: &mut Db, name: &str, value: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO instance (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(db)
    .await?;
    Ok(())
}

/// Makes other nodes that want to change the same things wait until this transaction is over.
pub async fn lock(db: &mut Db, what: &str) -> Result<(), StoreError> {
    set(db, &format!("lock/{what}"), "").await
}
