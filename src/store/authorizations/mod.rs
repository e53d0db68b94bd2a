//! One approval turned into tokens; every token hangs on it, so that one statement kills them all.

mod revoking;

use crate::clock::Timestamp;
use crate::protocol::claims::ClaimsRequest;
use crate::protocol::scope::Scope;

use super::row::{record, to_json};
use super::{Db, StoreError, revisions, revoked_tokens};

pub use revoking::{revoke, revoke_for_client_user, revoke_for_session, revoke_for_user};

/// One completed request for authorization, under a consent and a browser session.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The record's id.
    pub id: String,
    /// The consent it stands under.
    pub consent_id: String,
    /// Who allowed it.
    pub user_id: String,
    /// Whom.
    pub client_id: String,
    /// In which browser session.
    pub session_id: String,
    /// What.
    pub scope: Scope,
    /// Single claims that were asked for (OpenID Connect Core §5.5).
    pub claims: ClaimsRequest,
    /// The resources it is for (RFC 8707), separated by spaces.
    pub resource: String,
    /// The `nonce` of the request.
    pub nonce: Option<String>,
    /// When the person last had proven who they are.
    pub auth_time: Timestamp,
    /// The authentication context class then.
    pub acr: String,
    /// The authentication methods then, separated by spaces.
    pub amr: String,
    /// When it was allowed to outlive the session (`offline_access`).
    pub offline_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its code was redeemed.
    pub redeemed_at: Option<Timestamp>,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it ends unless a refresh token is used.
    pub idle_expires_at: Timestamp,
    /// The generation of the refresh token that is good; the first is 1.
    pub generation: i64,
    /// The generation before the last rotation.
    pub previous_generation: Option<i64>,
    /// When the last rotation was.
    pub rotated_at: Option<Timestamp>,
    /// The highest generation of which a token was seen; 1 at first.
    pub seen_generation: i64,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoke_reason: Option<String>,
}

record!(Authorization in "authorizations" by id {
    id, consent_id, user_id, client_id, session_id, scope as scope, claims as json, resource,
    nonce, auth_time, acr, amr, offline_at, created_at, redeemed_at, expires_at, idle_expires_at,
    generation, previous_generation, rotated_at, seen_generation, revoked_at, revoke_reason,
});

/// The columns of the record, in the order in which it is bound.
macro_rules! columns {
    () => {
        "id, consent_id, user_id, client_id, session_id, scope, claims, resource, nonce, auth_time, \
         acr, amr, offline_at, created_at, redeemed_at, expires_at, idle_expires_at, generation, \
         previous_generation, rotated_at, seen_generation, revoked_at, revoke_reason"
    };
}

impl Authorization {
    /// Reads the authorization's columns of a join.
    pub(super) fn joined(row: &sqlx::any::AnyRow) -> sqlx::Result<Self> {
        Self::read(row, "")
    }
}

/// Adds an authorization.
pub async fn insert(db: &mut Db, authorization: &Authorization) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "INSERT INTO authorizations (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22, $23)"
    ))
    .bind(&authorization.id)
    .bind(&authorization.consent_id)
    .bind(&authorization.user_id)
    .bind(&authorization.client_id)
    .bind(&authorization.session_id)
    .bind(authorization.scope.to_string())
    .bind(to_json(&authorization.claims)?)
    .bind(&authorization.resource)
    .bind(&authorization.nonce)
    .bind(authorization.auth_time)
    .bind(&authorization.acr)
    .bind(&authorization.amr)
    .bind(authorization.offline_at)
    .bind(authorization.created_at)
    .bind(authorization.redeemed_at)
    .bind(authorization.expires_at)
    .bind(authorization.idle_expires_at)
    .bind(authorization.generation)
    .bind(authorization.previous_generation)
    .bind(authorization.rotated_at)
    .bind(authorization.seen_generation)
    .bind(authorization.revoked_at)
    .bind(&authorization.revoke_reason)
    .execute(db)
    .await?;
    Ok(())
}

/// The authorization of this id, revoked or not.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<Authorization>, StoreError> {
    let authorization =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM authorizations WHERE id = $1"))
            .bind(id)
            .fetch_optional(db)
            .await?;
    Ok(authorization)
}

/// Notes that the code was redeemed; `false` when it was before, or the authorization is revoked.
pub async fn mark_redeemed(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE authorizations SET redeemed_at = $2 \
         WHERE id = $1 AND redeemed_at IS NULL AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Replaces the refresh token of generation `from` by the next one; `None` when another call was
/// faster or the authorization is revoked.
pub async fn rotate(
    db: &mut Db,
    id: &str,
    from: i64,
    now: Timestamp,
    idle_expires_at: Timestamp,
) -> Result<Option<Authorization>, StoreError> {
    let authorization = sqlx::query_as(concat!(
        "UPDATE authorizations SET generation = generation + 1, previous_generation = generation, \
         rotated_at = $3, idle_expires_at = $4, \
         seen_generation = CASE WHEN seen_generation < $2 THEN $2 ELSE seen_generation END \
         WHERE id = $1 AND generation = $2 AND revoked_at IS NULL RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(from)
    .bind(now)
    .bind(idle_expires_at)
    .fetch_optional(db)
    .await?;
    Ok(authorization)
}

/// Replaces the generation `dead`, of which nothing was ever seen, by a fresh one, for a client
/// that still holds the one before; all tokens of `dead` die. `None` when something of `dead` was
/// seen meanwhile, or it is no longer the current one, or the authorization is revoked.
pub async fn replace_unseen(
    db: &mut Db,
    id: &str,
    dead: i64,
    now: Timestamp,
    idle_expires_at: Timestamp,
) -> Result<Option<Authorization>, StoreError> {
    revisions::lock(db).await?;
    let authorization: Option<Authorization> = sqlx::query_as(concat!(
        "UPDATE authorizations SET generation = generation + 1, rotated_at = $3, \
         idle_expires_at = $4 WHERE id = $1 AND generation = $2 AND seen_generation < $2 AND revoked_at IS NULL \
         RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(dead)
    .bind(now)
    .bind(idle_expires_at)
    .fetch_optional(&mut *db)
    .await?;
    if let Some(authorization) = &authorization {
        revoked_tokens::insert_generation(db, id, dead, authorization.expires_at).await?;
    }
    Ok(authorization)
}

/// Notes that a token of `generation` was presented; `false` when it or a later one was before.
pub async fn mark_seen(db: &mut Db, id: &str, generation: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE authorizations SET seen_generation = $2 WHERE id = $1 AND seen_generation < $2",
    )
    .bind(id)
    .bind(generation)
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes at most `limit` authorizations that expired before `before`, with their codes.
pub async fn sweep(db: &mut Db, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM authorizations WHERE id IN \
         (SELECT id FROM authorizations WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(before)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
