//! Clients: their metadata, their secret, the resources they answer for.

use crate::clock::Timestamp;
use crate::protocol::client::{ClientMetadata, RegisteredBy};

use super::row::{record, to_json};
use super::{Db, StoreError, revisions};

/// A registered client.
#[derive(Clone, Debug)]
pub struct ClientRecord {
    /// The `client_id`.
    pub id: String,
    /// What was registered (RFC 7591 §2).
    pub metadata: ClientMetadata,
    /// A keyed hash of the secret, for clients that have one.
    pub secret_hash: Option<String>,
    /// By whom it was registered.
    pub registered_by: RegisteredBy,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Since when it may do nothing.
    pub disabled_at: Option<Timestamp>,
}

record!(ClientRecord in "clients" by id {
    id, metadata as json, secret_hash, registered_by as registered_by, created_at, updated_at,
    disabled_at,
});

impl ClientRecord {
    /// Whether nobody but itself has vouched for it.
    #[must_use]
    pub fn is_self_registered(&self) -> bool {
        self.registered_by == RegisteredBy::Itself
    }
}

/// Adds a client; `Conflict` when the id, or a resource it answers for, is taken.
pub async fn insert(db: &mut Db, client: &ClientRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO clients (id, metadata, secret_hash, registered_by, created_at, updated_at, \
         disabled_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&client.id)
    .bind(to_json(&client.metadata)?)
    .bind(&client.secret_hash)
    .bind(client.registered_by.name())
    .bind(client.created_at)
    .bind(client.updated_at)
    .bind(client.disabled_at)
    .execute(&mut *db)
    .await?;
    insert_resources(db, client).await
}

async fn insert_resources(db: &mut Db, client: &ClientRecord) -> Result<(), StoreError> {
    for resource in &client.metadata.resources {
        sqlx::query("INSERT INTO client_resources (resource, client_id) VALUES ($1, $2)")
            .bind(resource)
            .bind(&client.id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// The client of this id. Requests go through [`super::Store::client`], which caches.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<ClientRecord>, StoreError> {
    let sql = "SELECT id, metadata, secret_hash, registered_by, created_at, updated_at, disabled_at \
               FROM clients WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(db).await?)
}

/// At most `limit` clients in the order of their ids, those after `after`.
pub async fn list(
    db: &mut Db,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ClientRecord>, StoreError> {
    let sql = "SELECT id, metadata, secret_hash, registered_by, created_at, updated_at, disabled_at \
               FROM clients WHERE id > $1 ORDER BY id LIMIT $2";
    Ok(sqlx::query_as(sql).bind(after.unwrap_or_default()).bind(limit).fetch_all(db).await?)
}

/// Replaces metadata, `updated_at` and `disabled_at`; `false` when there is no such client.
pub async fn update(db: &mut Db, client: &ClientRecord) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query(
        "UPDATE clients SET metadata = $2, updated_at = $3, disabled_at = $4 WHERE id = $1",
    )
    .bind(&client.id)
    .bind(to_json(&client.metadata)?)
    .bind(client.updated_at)
    .bind(client.disabled_at)
    .execute(&mut *db)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM client_resources WHERE client_id = $1")
        .bind(&client.id)
        .execute(&mut *db)
        .await?;
    insert_resources(db, client).await?;
    revisions::bump(db).await?;
    Ok(true)
}

/// Replaces the secret's hash; the old secret is worth nothing at once.
pub async fn set_secret(
    db: &mut Db,
    id: &str,
    secret_hash: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query("UPDATE clients SET secret_hash = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(secret_hash)
        .bind(now)
        .execute(&mut *db)
        .await?;
    revisions::bump_if(db, done.rows_affected()).await
}

/// Removes a client and revokes all that anyone ever allowed it.
pub async fn remove(db: &mut Db, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    revisions::lock(db).await?;
    let done = sqlx::query("DELETE FROM clients WHERE id = $1").bind(id).execute(&mut *db).await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("UPDATE consents SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE authorizations SET revoked_at = $2, revoke_reason = 'client_removed' \
         WHERE client_id = $1 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(now)
    .execute(&mut *db)
    .await?;
    revisions::bump(db).await?;
    Ok(true)
}

/// The client that answers for this resource identifier (RFC 8707 §2).
pub async fn resource_owner(db: &mut Db, resource: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT client_id FROM client_resources WHERE resource = $1";
    Ok(sqlx::query_scalar(sql).bind(resource).fetch_optional(db).await?)
}
