//! What is held about one person, all of it: ended sessions, consents taken back, links as well,
//! and every row, where the pages stop after so many.

use crate::clock::Timestamp;

use super::devices::Device;
use super::failure_counts::FailureCount;
use super::row::record;
use super::{Db, StoreError};

/// A browser session, live or over.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of `sessions::BrowserSession`")]
pub struct HeldSession {
    pub id: String,
    pub created_at: Timestamp,
    pub last_active_at: Timestamp,
    pub auth_time: Timestamp,
    pub amr: String,
    pub address: String,
    pub user_agent: String,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<String>,
}

record!(HeldSession in "browser_sessions" by id {
    id, created_at, last_active_at, auth_time, amr, address, user_agent, expires_at, ended_at,
    end_reason,
});

/// A consent, standing or taken back.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of `consents::Consent`")]
pub struct HeldConsent {
    pub id: String,
    pub client_id: String,
    pub granted_at: Timestamp,
    pub last_used_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

record!(HeldConsent in "consents" by id { id, client_id, granted_at, last_used_at, revoked_at });

/// One approval that was turned into tokens, standing or revoked.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of `authorizations::Authorization`")]
pub struct HeldAuthorization {
    pub id: String,
    pub client_id: String,
    pub session_id: String,
    pub scope: String,
    pub resource: String,
    pub auth_time: Timestamp,
    pub amr: String,
    pub offline_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub redeemed_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub revoke_reason: Option<String>,
}

record!(HeldAuthorization in "authorizations" by id {
    id, client_id, session_id, scope, resource, auth_time, amr, offline_at, created_at,
    redeemed_at, expires_at, revoked_at, revoke_reason,
});

/// A link that was sent by mail; what it is about, but not its token.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the members are those of `links::Link`")]
pub struct HeldLink {
    pub purpose: String,
    pub details: serde_json::Value,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

record!(HeldLink in "links" by purpose {
    purpose, details as json, created_at, expires_at, used_at,
});

/// All of a person's sessions, the newest first.
pub async fn sessions(db: &mut Db, user_id: &str) -> Result<Vec<HeldSession>, StoreError> {
    let sql = "SELECT id, created_at, last_active_at, auth_time, amr, address, user_agent, \
               expires_at, ended_at, end_reason FROM browser_sessions WHERE user_id = $1 \
               ORDER BY created_at DESC, id";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// All of a person's consents, the newest first.
pub async fn consents(db: &mut Db, user_id: &str) -> Result<Vec<HeldConsent>, StoreError> {
    let sql = "SELECT id, client_id, granted_at, last_used_at, revoked_at FROM consents \
               WHERE user_id = $1 ORDER BY granted_at DESC, id";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// The scopes of all of a person's consents: the consent's id and the scope.
pub async fn scopes(db: &mut Db, user_id: &str) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT s.consent_id, s.scope FROM consent_scopes s \
               JOIN consents c ON c.id = s.consent_id WHERE c.user_id = $1 \
               ORDER BY s.granted_at, s.scope";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// All of a person's authorizations, the newest first.
pub async fn authorizations(
    db: &mut Db,
    user_id: &str,
) -> Result<Vec<HeldAuthorization>, StoreError> {
    let sql = "SELECT id, client_id, session_id, scope, resource, auth_time, amr, offline_at, \
               created_at, redeemed_at, expires_at, revoked_at, revoke_reason FROM authorizations \
               WHERE user_id = $1 ORDER BY created_at DESC, id";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// All browsers that a person has signed in from, the last seen first.
pub async fn devices(db: &mut Db, user_id: &str) -> Result<Vec<Device>, StoreError> {
    let sql = "SELECT id, user_id, token_hash, user_agent, address, first_seen_at, last_seen_at, \
               trusted_until, trusted_at FROM devices WHERE user_id = $1 \
               ORDER BY last_seen_at DESC, id";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// All counts of attempts on a person's account that went wrong, the newest first.
pub async fn failures(db: &mut Db, user_id: &str) -> Result<Vec<FailureCount>, StoreError> {
    let sql = "SELECT user_id, day, bucket, failures, last_at, last_address FROM failure_counts \
               WHERE user_id = $1 ORDER BY day DESC, bucket";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}

/// All links that were sent to a person, the newest first.
pub async fn links(db: &mut Db, user_id: &str) -> Result<Vec<HeldLink>, StoreError> {
    let sql = "SELECT purpose, details, created_at, expires_at, used_at FROM links \
               WHERE user_id = $1 ORDER BY created_at DESC, purpose";
    Ok(sqlx::query_as(sql).bind(user_id).fetch_all(db).await?)
}
