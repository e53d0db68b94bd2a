//! The instance's signing keys, sealed under the master key.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// A signing key at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// The key's id: its thumbprint (RFC 7638).
    pub kid: String,
    /// Which kind of key.
    pub key_type: String,
    /// The public half as a JWK (RFC 7517).
    pub public_jwk: String,
    /// The private half, sealed.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it begins to sign.
    pub activates_at: Timestamp,
    /// When it stops signing.
    pub retires_at: Option<Timestamp>,
    /// When it was taken out of the published set.
    pub removed_at: Option<Timestamp>,
}

record!(SigningKeyRow in "signing_keys" by kid {
    kid, key_type, public_jwk, sealed, created_at, activates_at, retires_at, removed_at,
});

/// Adds a key.
pub async fn insert(db: &mut Db, key: &SigningKeyRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO signing_keys (kid, key_type, public_jwk, sealed, created_at, activates_at, \
         retires_at, removed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&key.kid)
    .bind(&key.key_type)
    .bind(&key.public_jwk)
    .bind(&key.sealed)
    .bind(key.created_at)
    .bind(key.activates_at)
    .bind(key.retires_at)
    .bind(key.removed_at)
    .execute(db)
    .await?;
    Ok(())
}

/// All keys that were not removed, the oldest first.
pub async fn list(db: &mut Db) -> Result<Vec<SigningKeyRow>, StoreError> {
    let keys = sqlx::query_as(
        "SELECT kid, key_type, public_jwk, sealed, created_at, activates_at, retires_at, \
         removed_at FROM signing_keys WHERE removed_at IS NULL ORDER BY created_at, kid",
    )
    .fetch_all(db)
    .await?;
    Ok(keys)
}

/// Makes other nodes that want to change the keys wait until this transaction is over.
pub async fn lock(db: &mut Db) -> Result<(), StoreError> {
    let sql = "INSERT INTO instance (name, value) VALUES ('signing_keys_lock', '') \
               ON CONFLICT (name) DO UPDATE SET value = ''";
    sqlx::query(sql).execute(db).await?;
    Ok(())
}

/// Says when a key stops signing; `false` when there is no such key.
pub async fn set_retires(
    db: &mut Db,
    kid: &str,
    retires_at: Timestamp,
) -> Result<bool, StoreError> {
    let sql = "UPDATE signing_keys SET retires_at = $2 WHERE kid = $1 AND removed_at IS NULL";
    let done = sqlx::query(sql).bind(kid).bind(retires_at).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// Takes a key out of the published set and wipes its private half; the row stays as a record.
pub async fn remove(db: &mut Db, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE signing_keys SET removed_at = $2, sealed = '' \
               WHERE kid = $1 AND removed_at IS NULL";
    let done = sqlx::query(sql).bind(kid).bind(now).execute(db).await?;
    Ok(done.rows_affected() > 0)
}
