//! What people prove themselves with: passwords, second factors.

use crate::clock::Timestamp;
use crate::secret::sha256;

use super::row::record;
use super::{Db, StoreError, revisions};

/// A person's password.
#[derive(Clone, Debug)]
pub struct PasswordCredential {
    /// Whose.
    pub user_id: String,
    /// Argon2id, in the PHC string format.
    pub hash: String,
    /// When the person chose it.
    pub set_at: Timestamp,
}

record!(PasswordCredential in "password_credentials" by user_id { user_id, hash, set_at });

/// An authenticator app (RFC 6238); a factor only once it is confirmed.
#[derive(Clone, Debug)]
pub struct TotpCredential {
    /// The record's id.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// What the person calls it.
    pub name: String,
    /// The seed, sealed under the master key.
    pub sealed_seed: String,
    /// The last step a code was accepted for.
    pub last_step: i64,
    /// When enrolment began.
    pub created_at: Timestamp,
    /// When the person showed a first code.
    pub confirmed_at: Option<Timestamp>,
    /// When a code of it was last accepted.
    pub last_used_at: Option<Timestamp>,
}

record!(TotpCredential in "totp_credentials" by id {
    id, user_id, name, sealed_seed, last_step, created_at, confirmed_at, last_used_at,
});

/// The person's password.
pub async fn find(db: &mut Db, user_id: &str) -> Result<Option<PasswordCredential>, StoreError> {
    let sql = "SELECT user_id, hash, set_at FROM password_credentials WHERE user_id = $1";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_optional(db).await?)
}

/// Whether a person may still come in by what was proven: nobody has locked the account, and the
/// password is the one that was compared, by its `hash`, or else was not set after `proven_at`.
/// Until the transaction ends neither can change, so that no session slips past a lock or a new
/// password.
pub async fn hold_if_standing(
    db: &mut Db,
    user_id: &str,
    hash: Option<&str>,
    proven_at: Timestamp,
) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let sql = "SELECT COALESCE(p.hash, ''), COALESCE(p.rehashed_from, ''), p.set_at FROM users u \
               LEFT JOIN password_credentials p ON p.user_id = u.id \
               WHERE u.id = $1 AND u.locked_at IS NULL";
    let found: Option<(String, String, Option<Timestamp>)> =
        sqlx::query_as(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.is_some_and(|(present, before, set_at)| match hash {
        // Hashed anew meanwhile it is still the same password.
        Some(hash) => hash == present || sha256(hash) == before,
        None => set_at.is_some_and(|set_at| set_at <= proven_at),
    }))
}

/// Gives the person this password in place of any other.
pub async fn set(db: &mut Db, credential: &PasswordCredential) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO password_credentials (user_id, hash, set_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, set_at = excluded.set_at, \
         must_change_at = NULL, rehashed_from = NULL",
    )
    .bind(&credential.user_id)
    .bind(&credential.hash)
    .bind(credential.set_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Gives the person a new password in place of the one with the hash `old`; `false` when it has
/// changed meanwhile, so that of two changes at once only one counts.
pub async fn change(
    db: &mut Db,
    old: &str,
    credential: &PasswordCredential,
) -> Result<bool, StoreError> {
    let sql = "UPDATE password_credentials \
               SET hash = $3, set_at = $4, must_change_at = NULL, rehashed_from = NULL \
               WHERE user_id = $1 AND hash = $2";
    let done = sqlx::query(sql)
        .bind(&credential.user_id)
        .bind(old)
        .bind(&credential.hash)
        .bind(credential.set_at)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Replaces the hash `old` of the same password by one with stronger parameters; `false` when
/// the password has changed meanwhile.
pub async fn replace_hash_if(
    db: &mut Db,
    user_id: &str,
    old: &str,
    new: &str,
) -> Result<bool, StoreError> {
    let sql = "UPDATE password_credentials SET hash = $3, rehashed_from = $4 \
               WHERE user_id = $1 AND hash = $2";
    let done =
        sqlx::query(sql).bind(user_id).bind(old).bind(new).bind(sha256(old)).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// Makes the person's present password a temporary one: it opens nothing but the page that asks
/// for another.
pub async fn make_temporary(db: &mut Db, user_id: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE password_credentials SET must_change_at = $2 WHERE user_id = $1";
    sqlx::query(sql).bind(user_id).bind(now).execute(db).await?;
    Ok(())
}

/// Since when the person's password is a temporary one; `None`: it is their own.
pub async fn temporary_since(db: &mut Db, user_id: &str) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT must_change_at FROM password_credentials WHERE user_id = $1";
    let found: Option<Option<Timestamp>> =
        sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.flatten())
}

/// Whether the person must show a second factor after the password.
pub async fn has_second_factor(db: &mut Db, user_id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM totp_credentials \
               WHERE user_id = $1 AND confirmed_at IS NOT NULL LIMIT 1";
    let found: Option<String> = sqlx::query_scalar(sql).bind(user_id).fetch_optional(db).await?;
    Ok(found.is_some())
}

/// Adds an authenticator app.
pub async fn insert_totp(db: &mut Db, totp: &TotpCredential) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO totp_credentials \
         (id, user_id, name, sealed_seed, last_step, created_at, confirmed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&totp.id)
    .bind(&totp.user_id)
    .bind(&totp.name)
    .bind(&totp.sealed_seed)
    .bind(totp.last_step)
    .bind(totp.created_at)
    .bind(totp.confirmed_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The person's authenticator apps, the oldest first, also those not confirmed.
pub async fn list_totp(db: &mut Db, user_id: &str) -> Result<Vec<TotpCredential>, StoreError> {
    let sql = "SELECT id, user_id, name, sealed_seed, last_step, created_at, confirmed_at, \
               last_used_at FROM totp_credentials WHERE user_id = $1 ORDER BY created_at, id";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// Those of them whose codes count.
pub async fn list_confirmed_totp(
    db: &mut Db,
    user_id: &str,
) -> Result<Vec<TotpCredential>, StoreError> {
    let mut apps = list_totp(db, user_id).await?;
    apps.retain(|one| one.confirmed_at.is_some());
    Ok(apps)
}

/// Confirms an authenticator app with the code of `step`; `false` when it already was.
pub async fn confirm_totp(
    db: &mut Db,
    id: &str,
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE totp_credentials SET confirmed_at = $3, last_step = $2 \
         WHERE id = $1 AND confirmed_at IS NULL AND last_step < $2",
    )
    .bind(id)
    .bind(step)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Accepts the code of `step`; `false` when that step or a later one was used (RFC 6238 §5.2).
pub async fn use_totp_step(
    db: &mut Db,
    id: &str,
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE totp_credentials SET last_step = $2, last_used_at = $3 \
         WHERE id = $1 AND confirmed_at IS NOT NULL AND last_step < $2",
    )
    .bind(id)
    .bind(step)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes one of a person's authenticator apps; `false` when it is not theirs.
pub async fn remove_one_totp(db: &mut Db, user_id: &str, id: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM totp_credentials WHERE user_id = $1 AND id = $2";
    Ok(sqlx::query(sql).bind(user_id).bind(id).execute(db).await?.rows_affected() > 0)
}

/// Removes all of a person's authenticator apps.
pub async fn remove_totp(db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM totp_credentials WHERE user_id = $1";
    Ok(sqlx::query(sql).bind(user_id).execute(db).await?.rows_affected())
}
