//! What a person allows a client: the connected applications.

use sqlx::any::AnyRow;

use crate::clock::Timestamp;
use crate::protocol::scope::Scope;

use super::row::{Reading, record, scope_from};
use super::{Db, StoreError, revisions};

/// The standing permission of a person to a client.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The record's id.
    pub id: String,
    /// Who allows.
    pub user_id: String,
    /// Whom.
    pub client_id: String,
    /// Since when.
    pub granted_at: Timestamp,
    /// When the client last used it.
    pub last_used_at: Timestamp,
    /// From which address: that of its server, or of the device that it runs on.
    pub last_used_address: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

record!(Consent in "consents" by id {
    id, user_id, client_id, granted_at, last_used_at, last_used_address, revoked_at,
});

/// What became of a permission that was given.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// The standing consent.
    pub consent: Consent,
    /// Whether there was none before.
    pub is_new: bool,
    /// What it did not hold before.
    pub added: Scope,
}

/// The standing consent of a person to a client, and its scopes in the order they were allowed.
pub async fn find(
    db: &mut Db,
    user_id: &str,
    client_id: &str,
) -> Result<Option<(Consent, Scope)>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.id, c.user_id, c.client_id, c.granted_at, c.last_used_at, c.last_used_address, \
         c.revoked_at, s.scope FROM consents c LEFT JOIN consent_scopes s ON s.consent_id = c.id \
         WHERE c.user_id = $1 AND c.client_id = $2 AND c.revoked_at IS NULL \
         ORDER BY s.granted_at, s.scope",
    )
    .bind(user_id)
    .bind(client_id)
    .fetch_all(db)
    .await?;
    Ok(fold(&rows)?.pop())
}

/// All standing consents of a person, the last used first.
pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<(Consent, Scope)>, StoreError> {
    let rows = sqlx::query(
        "SELECT c.id, c.user_id, c.client_id, c.granted_at, c.last_used_at, c.last_used_address, \
         c.revoked_at, s.scope FROM consents c LEFT JOIN consent_scopes s ON s.consent_id = c.id \
         WHERE c.user_id = $1 AND c.revoked_at IS NULL \
         ORDER BY c.last_used_at DESC, c.id, s.granted_at, s.scope",
    )
    .bind(user_id)
    .fetch_all(db)
    .await?;
    fold(&rows)
}

/// Rows of a consent and one of its scopes each, those of one consent together.
fn fold(rows: &[AnyRow]) -> Result<Vec<(Consent, Scope)>, StoreError> {
    let mut consents: Vec<(Consent, String)> = Vec::new();
    for row in rows {
        let reading = Reading::new("consents", "id", "", row);
        let id: String = reading.get("id")?;
        if consents.last().is_none_or(|(consent, _)| consent.id != id) {
            consents.push((Consent::read(row, "")?, String::new()));
        }
        let scope: Option<String> = reading.get("scope")?;
        if let (Some((_, scopes)), Some(scope)) = (consents.last_mut(), scope) {
            if !scopes.is_empty() {
                scopes.push(' ');
            }
            scopes.push_str(&scope);
        }
    }
    consents
        .into_iter()
        .map(|(consent, scopes)| match scope_from(&scopes) {
            Ok(scope) => Ok((consent, scope)),
            Err(cause) => {
                Err(StoreError::Corrupt { table: "consent_scopes", id: consent.id, cause })
            }
        })
        .collect()
}

/// Allows `scope`: widens the standing consent, or makes one with the id `new_id`.
pub async fn allow(
    db: &mut Db,
    new_id: &str,
    user_id: &str,
    client_id: &str,
    scope: &Scope,
    now: Timestamp,
) -> Result<Allowed, StoreError> {
    let consent: Consent = sqlx::query_as(
        "INSERT INTO consents (id, user_id, client_id, granted_at, last_used_at) \
         VALUES ($1, $2, $3, $4, $4) \
         ON CONFLICT (user_id, client_id) WHERE revoked_at IS NULL \
         DO UPDATE SET last_used_at = excluded.last_used_at \
         RETURNING id, user_id, client_id, granted_at, last_used_at, last_used_address, revoked_at",
    )
    .bind(new_id)
    .bind(user_id)
    .bind(client_id)
    .bind(now)
    .fetch_one(&mut *db)
    .await?;
    let mut added = Vec::new();
    for scope in scope.iter() {
        let inserted = sqlx::query(
            "INSERT INTO consent_scopes (consent_id, scope, granted_at) VALUES ($1, $2, $3) \
             ON CONFLICT (consent_id, scope) DO NOTHING",
        )
        .bind(&consent.id)
        .bind(scope)
        .bind(now)
        .execute(&mut *db)
        .await?;
        if inserted.rows_affected() > 0 {
            added.push(scope);
        }
    }
    let added = scope.keep(|scope| added.contains(&scope));
    Ok(Allowed { is_new: consent.id == new_id, added, consent })
}

/// The standing consent, held until the transaction ends; `None` when it was taken back, if only a
/// moment ago.
pub async fn hold(
    db: &mut Db,
    user_id: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Consent>, StoreError> {
    let consent = sqlx::query_as(
        "UPDATE consents SET last_used_at = CASE WHEN last_used_at < $3 THEN $3 \
         ELSE last_used_at END \
         WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL \
         RETURNING id, user_id, client_id, granted_at, last_used_at, last_used_address, revoked_at",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(consent)
}

/// Notes that the client used the consent, and from where.
pub async fn touch(db: &mut Db, id: &str, address: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE consents SET last_used_at = $2, last_used_address = $3 \
         WHERE id = $1 AND last_used_at <= $2 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .bind(address)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a person's consent back, with all authorizations and codes under it; `false` when it is
/// not theirs or was taken back before.
pub async fn revoke(
    db: &mut Db,
    id: &str,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let client_id: Option<String> = sqlx::query_scalar(
        "UPDATE consents SET revoked_at = $3 \
         WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING client_id",
    )
    .bind(id)
    .bind(user_id)
    .bind(now)
    .fetch_optional(&mut *db)
    .await?;
    let Some(client_id) = client_id else { return Ok(false) };
    super::authorizations::revoke_for_client_user(&mut *db, &client_id, user_id, reason, now)
        .await?;
    revisions::bump(db).await?;
    Ok(true)
}

/// Takes all that a person allowed anyone back, as [`revoke`] does, and each yes that is not answered
/// yet; gives the clients.
pub async fn revoke_all(
    db: &mut Db,
    user_id: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    super::authorization_requests::withdraw(&mut *db, user_id, None, now).await?;
    let clients: Vec<String> = sqlx::query_scalar(
        "UPDATE consents SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL \
         RETURNING client_id",
    )
    .bind(user_id)
    .bind(now)
    .fetch_all(&mut *db)
    .await?;
    super::authorizations::revoke_for_user(&mut *db, user_id, reason, now).await?;
    revisions::bump(db).await?;
    Ok(clients)
}
