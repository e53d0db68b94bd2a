//! Browsers that are signed in, and those that still owe a second factor.

use std::time::Duration;

use sqlx::any::AnyRow;

use crate::clock::Timestamp;

use super::row::record;
use super::users::User;
use super::{Db, StoreError, revisions};

/// A browser that is signed in; its id is the `sid` of OpenID Connect Front-Channel Logout §3.
#[derive(Clone, Debug)]
pub struct BrowserSession {
    /// The record's id, which may be told to clients.
    pub id: String,
    /// The SHA-256 of what the cookie holds.
    pub token_hash: String,
    /// Who is signed in.
    pub user_id: String,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When the person last did something.
    pub last_active_at: Timestamp,
    /// When the person last proved who they are.
    pub auth_time: Timestamp,
    /// How: authentication methods (RFC 8176), separated by spaces.
    pub amr: String,
    /// The authentication context class.
    pub acr: String,
    /// Where from.
    pub address: String,
    /// With what.
    pub user_agent: String,
    /// How long it lives without activity, in milliseconds.
    pub idle_ttl: i64,
    /// When it ends whatever the person does.
    pub expires_at: Timestamp,
    /// When the person asked to be remembered.
    pub remembered_at: Option<Timestamp>,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Why.
    pub end_reason: Option<String>,
    /// In which of the person's devices it lives.
    pub device_id: Option<String>,
}

record!(BrowserSession in "browser_sessions" by id {
    id, token_hash, user_id, created_at, last_active_at, auth_time, amr, acr, address, user_agent,
    idle_ttl, expires_at, remembered_at, ended_at, end_reason, device_id,
});

impl BrowserSession {
    /// Whether the session, seen by itself, still counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        let idle = Duration::from_millis(u64::try_from(self.idle_ttl).unwrap_or(0));
        self.ended_at.is_none() && now < self.expires_at && now < self.last_active_at + idle
    }
}

/// A proof of who the person is, which renews a session.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// When.
    pub auth_time: Timestamp,
    /// How (RFC 8176), separated by spaces.
    pub amr: &'a str,
    /// The authentication context class.
    pub acr: &'a str,
}

/// Adds a session.
pub async fn insert(db: &mut Db, session: &BrowserSession) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO browser_sessions (id, token_hash, user_id, created_at, last_active_at, \
         auth_time, amr, acr, address, user_agent, idle_ttl, expires_at, remembered_at, ended_at, \
         end_reason, device_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(&session.id)
    .bind(&session.token_hash)
    .bind(&session.user_id)
    .bind(session.created_at)
    .bind(session.last_active_at)
    .bind(session.auth_time)
    .bind(&session.amr)
    .bind(&session.acr)
    .bind(&session.address)
    .bind(&session.user_agent)
    .bind(session.idle_ttl)
    .bind(session.expires_at)
    .bind(session.remembered_at)
    .bind(session.ended_at)
    .bind(&session.end_reason)
    .bind(&session.device_id)
    .execute(db)
    .await?;
    Ok(())
}

/// The live session whose cookie hashes to `token_hash`, with its person, who is not locked.
pub async fn find_live(
    db: &mut Db,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<(BrowserSession, User)>, StoreError> {
    let row: Option<AnyRow> = sqlx::query(
        "SELECT s.id, s.token_hash, s.created_at, s.last_active_at, s.auth_time, \
         s.amr, s.acr, s.address, s.user_agent, s.idle_ttl, s.expires_at, s.remembered_at, \
         s.ended_at, s.end_reason, s.device_id, \
         u.id AS user_id, u.username AS user_username, \
         u.username_key AS user_username_key, u.email AS user_email, \
         u.email_key AS user_email_key, u.email_verified_at AS user_email_verified_at, \
         u.claims AS user_claims, u.created_at AS user_created_at, \
         u.updated_at AS user_updated_at, u.locked_at AS user_locked_at, \
         u.lock_reason AS user_lock_reason, u.admin_at AS user_admin_at, \
         u.member_of AS user_member_of, u.appearance AS user_appearance, \
         u.sign_in_mails_off_at AS user_sign_in_mails_off_at, u.removal_at AS user_removal_at, \
         u.securing_at AS user_securing_at \
         FROM browser_sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2 \
         AND s.last_active_at + s.idle_ttl > $2 AND u.locked_at IS NULL",
    )
    .bind(token_hash)
    .bind(now)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((BrowserSession::read(&row, "")?, User::joined(&row)?)))
}

/// The session of this id, live or not.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<BrowserSession>, StoreError> {
    let session = sqlx::query_as(
        "SELECT id, token_hash, user_id, created_at, last_active_at, auth_time, amr, acr, address, \
         user_agent, idle_ttl, expires_at, remembered_at, ended_at, end_reason, \
         device_id FROM browser_sessions WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(session)
}

/// Notes that the person did something.
pub async fn touch(db: &mut Db, id: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE browser_sessions SET last_active_at = $2 \
         WHERE id = $1 AND ended_at IS NULL AND last_active_at < $2",
    )
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a session still counts, held until the transaction ends: whatever ends it comes before
/// or after all that is done in its name. Take it before any row of a request or a consent.
pub async fn hold(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE browser_sessions SET last_active_at = last_active_at \
         WHERE id = $1 AND ended_at IS NULL AND expires_at > $2",
    )
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives a session a new cookie after a new proof; `false` when it has ended.
pub async fn rotate(
    db: &mut Db,
    id: &str,
    new_token_hash: &str,
    proof: Proof<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE browser_sessions SET token_hash = $2, auth_time = $3, amr = $4, acr = $5, \
         last_active_at = $6 WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(id)
    .bind(new_token_hash)
    .bind(proof.auth_time)
    .bind(proof.amr)
    .bind(proof.acr)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a session and the authorizations born in it that were not to outlive it; `false` when it
/// already had ended.
pub async fn end(db: &mut Db, id: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let ended = sqlx::query(
        "UPDATE browser_sessions SET ended_at = $2, end_reason = $3 \
         WHERE id = $1 AND ended_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE authorizations SET revoked_at = $2, revoke_reason = $3 \
         WHERE session_id = $1 AND offline_at IS NULL AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump(db).await?;
    Ok(true)
}

/// Ends all of a person's sessions but one, as [`end`] does; says how many.
pub async fn end_all(
    db: &mut Db,
    user_id: &str,
    except: Option<&str>,
    reason: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    revisions::lock(db).await?;
    let ended = sqlx::query(
        "UPDATE browser_sessions SET ended_at = $3, end_reason = $4 \
         WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL",
    )
    .bind(user_id)
    .bind(except.unwrap_or_default())
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "UPDATE authorizations SET revoked_at = $3, revoke_reason = $4 \
         WHERE user_id = $1 AND session_id <> $2 AND offline_at IS NULL AND revoked_at IS NULL",
    )
    .bind(user_id)
    .bind(except.unwrap_or_default())
    .bind(now)
    .bind(reason)
    .execute(&mut *db)
    .await?;
    revisions::bump(db).await?;
    Ok(ended.rows_affected())
}

/// A person's sessions that were not ended, the last active first; some may have expired
/// (see [`BrowserSession::is_live`]).
pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<BrowserSession>, StoreError> {
    let sessions = sqlx::query_as(
        "SELECT id, token_hash, user_id, created_at, last_active_at, auth_time, amr, acr, address, \
         user_agent, idle_ttl, expires_at, remembered_at, ended_at, end_reason, \
         device_id FROM browser_sessions WHERE user_id = $1 AND ended_at IS NULL \
         ORDER BY last_active_at DESC, id LIMIT 1000",
    )
    .bind(user_id)
    .fetch_all(db)
    .await?;
    Ok(sessions)
}

/// Deletes at most `limit` sessions that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM browser_sessions WHERE id IN \
         (SELECT id FROM browser_sessions WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
