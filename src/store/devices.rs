//! Browsers that a person has signed in from before: known, and perhaps trusted.

use crate::clock::Timestamp;

use super::row::record;
use super::{Db, StoreError};

/// As many accounts know one browser at once.
pub const AT_ONCE: usize = 5;

/// A browser that a person has signed in from.
#[derive(Clone, Debug)]
pub struct Device {
    /// The record's id.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// The SHA-256 of the token that this account gave the browser's long-lived cookie.
    pub token_hash: String,
    /// What it called itself last.
    pub user_agent: String,
    /// Where it was last.
    pub address: String,
    /// When the person first signed in from it.
    pub first_seen_at: Timestamp,
    /// When they last did.
    pub last_seen_at: Timestamp,
    /// Until when a password is enough there.
    pub trusted_until: Option<Timestamp>,
    /// When the person said so.
    pub trusted_at: Option<Timestamp>,
}

record!(Device in "devices" by id {
    id, user_id, token_hash, user_agent, address, first_seen_at, last_seen_at, trusted_until,
    trusted_at,
});

impl Device {
    /// Whether a password is enough there at `now`.
    #[must_use]
    pub fn is_trusted(&self, now: Timestamp) -> bool {
        self.trusted_until.is_some_and(|until| now < until)
    }
}

/// The person's device with one of these tokens, of which at most [`AT_ONCE`] are looked for.
pub async fn find(
    db: &mut Db,
    user_id: &str,
    token_hashes: &[String],
) -> Result<Option<Device>, StoreError> {
    let hash = |at: usize| token_hashes.get(at).map(String::as_str).unwrap_or_default();
    let device = sqlx::query_as(
        "SELECT id, user_id, token_hash, user_agent, address, first_seen_at, last_seen_at, \
         trusted_until, trusted_at FROM devices \
         WHERE user_id = $1 AND token_hash IN ($2, $3, $4, $5, $6) \
         ORDER BY last_seen_at DESC, id LIMIT 1",
    )
    .bind(user_id)
    .bind(hash(0))
    .bind(hash(1))
    .bind(hash(2))
    .bind(hash(3))
    .bind(hash(4))
    .fetch_optional(db)
    .await?;
    Ok(device)
}

/// Knows a device by another token from now on.
pub async fn renew(db: &mut Db, id: &str, token_hash: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE devices SET token_hash = $2 WHERE id = $1")
        .bind(id)
        .bind(token_hash)
        .execute(db)
        .await?;
    Ok(())
}

/// Whose browser holds this token, before anybody's name is known.
pub async fn owner(db: &mut Db, token_hash: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT user_id FROM devices WHERE token_hash = $1 \
               ORDER BY last_seen_at DESC LIMIT 1";
    Ok(sqlx::query_scalar(sql).bind(token_hash).fetch_optional(db).await?)
}

/// The person's device of this id.
pub async fn find_by_id(
    db: &mut Db,
    user_id: &str,
    id: &str,
) -> Result<Option<Device>, StoreError> {
    let device = sqlx::query_as(
        "SELECT id, user_id, token_hash, user_agent, address, first_seen_at, last_seen_at, \
         trusted_until, trusted_at FROM devices WHERE user_id = $1 AND id = $2",
    )
    .bind(user_id)
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(device)
}

/// Notes that the person signed in from this device; gives its record's id, which is the one of
/// `device` only when the device was new.
pub async fn see(db: &mut Db, device: &Device) -> Result<String, StoreError> {
    let id = sqlx::query_scalar(
        "INSERT INTO devices (id, user_id, token_hash, user_agent, address, first_seen_at, \
         last_seen_at, trusted_until, trusted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (user_id, token_hash) DO UPDATE SET user_agent = excluded.user_agent, \
         address = excluded.address, last_seen_at = excluded.last_seen_at RETURNING id",
    )
    .bind(&device.id)
    .bind(&device.user_id)
    .bind(&device.token_hash)
    .bind(&device.user_agent)
    .bind(&device.address)
    .bind(device.first_seen_at)
    .bind(device.last_seen_at)
    .bind(device.trusted_until)
    .bind(device.trusted_at)
    .fetch_one(db)
    .await?;
    Ok(id)
}

/// A person's devices, the last seen first.
pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<Device>, StoreError> {
    let devices = sqlx::query_as(
        "SELECT id, user_id, token_hash, user_agent, address, first_seen_at, last_seen_at, \
         trusted_until, trusted_at FROM devices WHERE user_id = $1 \
         ORDER BY last_seen_at DESC, id LIMIT 200",
    )
    .bind(user_id)
    .fetch_all(db)
    .await?;
    Ok(devices)
}

/// Whether the person has signed in from any device that is remembered.
pub async fn has_any(db: &mut Db, user_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM devices WHERE user_id = $1 LIMIT 1";
    let found: Option<String> = sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// Trusts a device of the person until then; `false` when it is not theirs.
pub async fn trust(
    db: &mut Db,
    user_id: &str,
    token_hash: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE devices SET trusted_until = $3, trusted_at = $4 \
         WHERE user_id = $1 AND token_hash = $2",
    )
    .bind(user_id)
    .bind(token_hash)
    .bind(until)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Trusts one of the person's devices no more; `false` when it is not theirs or was not trusted.
pub async fn distrust(db: &mut Db, user_id: &str, id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE devices SET trusted_until = NULL, trusted_at = NULL \
         WHERE user_id = $1 AND id = $2 AND trusted_until IS NOT NULL",
    )
    .bind(user_id)
    .bind(id)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Trusts none of the person's devices any more; says how many were.
pub async fn distrust_all(db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE devices SET trusted_until = NULL, trusted_at = NULL \
         WHERE user_id = $1 AND trusted_until IS NOT NULL",
    )
    .bind(user_id)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets a device, so that it counts as unfamiliar again; `false` when it is not the person's.
pub async fn forget(db: &mut Db, user_id: &str, id: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM devices WHERE user_id = $1 AND id = $2";
    Ok(sqlx::query(sql).bind(user_id).bind(id).execute(db).await?.rows_affected() > 0)
}

/// Deletes at most `limit` devices that were last seen before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM devices WHERE id IN \
         (SELECT id FROM devices WHERE last_seen_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
