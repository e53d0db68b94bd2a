//! Authorization requests in progress, and the codes they end in.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::authorization_request::AuthorizationRequest;

use super::row::{record, to_json};
use super::{Db, StoreError, revisions};

/// A checked request, kept while the person signs in and consents.
#[derive(Clone, Debug)]
pub struct PendingAuthorization {
    /// Stands in the address the browser comes back to.
    pub id: String,
    /// The SHA-256 of the cookie of the browser that made the request.
    pub browser_hash: String,
    /// Who asks.
    pub client_id: String,
    /// What for.
    pub request: AuthorizationRequest,
    /// Whom the `id_token_hint` or the `claims` parameter names, as the client knows them.
    pub hinted_subject: Option<String>,
    /// When it arrived.
    pub created_at: Timestamp,
    /// When it is too late to answer it.
    pub expires_at: Timestamp,
    /// When the person chose an account.
    pub account_selected_at: Option<Timestamp>,
    /// When the person decided.
    pub decided_at: Option<Timestamp>,
    /// What: `allowed` or `denied`.
    pub decision: Option<String>,
    /// Who decided: a user's id.
    pub decided_by: Option<String>,
    /// When it was answered.
    pub finished_at: Option<Timestamp>,
    /// Whose share of the requests in progress it takes: a person's or an address's.
    pub source: String,
}

record!(PendingAuthorization in "pending_authorizations" by id {
    id, browser_hash, client_id, request as json, hinted_subject, created_at, expires_at,
    account_selected_at, decided_at, decision, decided_by, finished_at, source,
});

impl PendingAuthorization {
    /// A request that nobody has done anything about yet, for so long.
    #[must_use]
    pub fn new(
        id: String,
        browser_hash: String,
        request: AuthorizationRequest,
        now: Timestamp,
        lasts: Duration,
    ) -> Self {
        Self {
            id,
            browser_hash,
            client_id: request.client_id.clone(),
            request,
            hinted_subject: None,
            created_at: now,
            expires_at: now + lasts,
            account_selected_at: None,
            decided_at: None,
            decision: None,
            decided_by: None,
            finished_at: None,
            source: String::new(),
        }
    }
}

/// An authorization code (RFC 6749 §4.1.2), good once.
#[derive(Clone, Debug)]
pub struct Code {
    /// The code's SHA-256.
    pub code_hash: String,
    /// What it hands over.
    pub authorization_id: String,
    /// The only client that may redeem it.
    pub client_id: String,
    /// The redirect URI as it was sent.
    pub redirect_uri: String,
    /// The S256 challenge (RFC 7636 §4.2).
    pub code_challenge: Option<String>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// When it was redeemed, or died with its authorization.
    pub consumed_at: Option<Timestamp>,
}

record!(Code in "authorization_codes" by code_hash {
    code_hash, authorization_id, client_id, redirect_uri, code_challenge, created_at, expires_at,
    consumed_at,
});

/// Keeps a request.
pub async fn insert(db: &mut Db, pending: &PendingAuthorization) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO pending_authorizations (id, browser_hash, client_id, request, hinted_subject, \
         created_at, expires_at, account_selected_at, decided_at, decision, decided_by, \
         finished_at, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&pending.id)
    .bind(&pending.browser_hash)
    .bind(&pending.client_id)
    .bind(to_json(&pending.request)?)
    .bind(&pending.hinted_subject)
    .bind(pending.created_at)
    .bind(pending.expires_at)
    .bind(pending.account_selected_at)
    .bind(pending.decided_at)
    .bind(&pending.decision)
    .bind(&pending.decided_by)
    .bind(pending.finished_at)
    .bind(&pending.source)
    .execute(db)
    .await?;
    Ok(())
}

/// The request of this id, if this browser made it and its time is not over.
pub async fn find(
    db: &mut Db,
    id: &str,
    browser_hash: &str,
    now: Timestamp,
) -> Result<Option<PendingAuthorization>, StoreError> {
    let pending = sqlx::query_as(
        "SELECT id, browser_hash, client_id, request, hinted_subject, created_at, expires_at, \
         account_selected_at, decided_at, decision, decided_by, finished_at, source \
         FROM pending_authorizations WHERE id = $1 AND browser_hash = $2 AND expires_at > $3",
    )
    .bind(id)
    .bind(browser_hash)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(pending)
}

/// Notes that the person chose an account; `false` when the request is already answered.
pub async fn select_account(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE pending_authorizations SET account_selected_at = $2 \
         WHERE id = $1 AND finished_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes what was decided, `allowed` or `denied`, by whom if they were signed in; `false` when it
/// was decided before.
pub async fn decide(
    db: &mut Db,
    id: &str,
    decision: &str,
    user_id: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE pending_authorizations SET decided_at = $4, decision = $2, decided_by = $3 \
         WHERE id = $1 AND decided_at IS NULL AND finished_at IS NULL",
    )
    .bind(id)
    .bind(decision)
    .bind(user_id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes that the request is answered; of racing calls only one gets `true`.
pub async fn finish(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE pending_authorizations SET finished_at = $2 \
         WHERE id = $1 AND finished_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the requests that a person has said yes to and that are not answered yet, of one client or
/// of all: a yes from before a revocation is worth nothing after it. Call it before what stands
/// under the consent is revoked, in the order in which an answer takes these rows.
pub async fn withdraw(
    db: &mut Db,
    user_id: &str,
    client_id: Option<&str>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query(
        "UPDATE pending_authorizations SET finished_at = $3 \
         WHERE decided_by = $1 AND ($2 IS NULL OR client_id = $2) AND decision = 'allowed' \
         AND finished_at IS NULL",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes at most `limit` requests that expired before `before`.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM pending_authorizations WHERE id IN \
         (SELECT id FROM pending_authorizations WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Keeps a code.
pub async fn insert_code(db: &mut Db, code: &Code) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO authorization_codes (code_hash, authorization_id, client_id, redirect_uri, \
         code_challenge, created_at, expires_at, consumed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&code.code_hash)
    .bind(&code.authorization_id)
    .bind(&code.client_id)
    .bind(&code.redirect_uri)
    .bind(&code.code_challenge)
    .bind(code.created_at)
    .bind(code.expires_at)
    .bind(code.consumed_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The code of this hash, also when it is used or expired.
pub async fn find_code(db: &mut Db, code_hash: &str) -> Result<Option<Code>, StoreError> {
    let code = sqlx::query_as(
        "SELECT code_hash, authorization_id, client_id, redirect_uri, code_challenge, created_at, \
         expires_at, consumed_at FROM authorization_codes WHERE code_hash = $1",
    )
    .bind(code_hash)
    .fetch_optional(db)
    .await?;
    Ok(code)
}

/// Uses up a code that was issued to `client_id`; `None` when it was another client's, was used
/// before, has expired or never was. Of racing calls only one gets it (RFC 6749 §4.1.2).
pub async fn consume_code(
    db: &mut Db,
    code_hash: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Code>, StoreError> {
    let code = sqlx::query_as(
        "UPDATE authorization_codes SET consumed_at = $2 \
         WHERE code_hash = $1 AND client_id = $3 AND consumed_at IS NULL AND expires_at > $2 \
         RETURNING code_hash, authorization_id, client_id, redirect_uri, code_challenge, \
         created_at, expires_at, consumed_at",
    )
    .bind(code_hash)
    .bind(now)
    .bind(client_id)
    .fetch_optional(db)
    .await?;
    Ok(code)
}

/// Deletes at most `limit` codes that expired before `before`; keep used ones for as long as a
/// second use shall be noticed.
pub async fn sweep_codes(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM authorization_codes WHERE code_hash IN \
         (SELECT code_hash FROM authorization_codes WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
