//! Applications as an administrator registers, changes and removes them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::app::App;
use crate::keys::Mac;
use crate::protocol::client::{AuthMethod, ClientMetadata, RegisteredBy, SubjectType};
use crate::protocol::error::OAuthError;
use crate::secret::equal;
use crate::store::clients::{self, ClientRecord};
use crate::store::events::{self, Event};
use crate::store::{Db, StoreError, users};

/// The fewest characters of a secret that an administrator brings along.
const SHORTEST_SECRET: usize = 16;

/// Where the secret of a confidential client comes from.
#[derive(Debug)]
pub enum ClientSecret {
    /// We make one of 256 random bits.
    Generated,
    /// The administrator has one.
    Given(SecretString),
}

/// Why an application cannot be registered or changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its metadata break a rule.
    #[error("{0}")]
    Metadata(String),
    /// The id is somebody's.
    #[error("the client id or one of its resources is already taken")]
    Taken,
    /// There is no such client.
    #[error("there is no client {0:?}")]
    Unknown(String),
    /// A secret for a client that has none.
    #[error("a client with token_endpoint_auth_method {0:?} has no secret")]
    NoSecret(&'static str),
    /// The secret is too short to stand.
    #[error(
        "a client secret has at least {SHORTEST_SECRET} characters, all of them printable ASCII"
    )]
    WeakSecret,
    /// The sector identifier cannot be confirmed.
    #[error("the sector_identifier_uri does not confirm the redirect URIs: {0}")]
    Sector(String),
    /// Something failed.
    #[error(transparent)]
    Fault(#[from] anyhow::Error),
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Conflict) { Self::Taken } else { Self::Fault(error.into()) }
    }
}

impl From<OAuthError> for ClientError {
    fn from(error: OAuthError) -> Self {
        Self::Metadata(error.description.into_owned())
    }
}

/// The keyed hash under which a client secret is kept: useless without the instance's secrets.
#[must_use]
pub fn hash_secret(app: &App, client_id: &str, secret: &str) -> String {
    let bound = format!("{client_id}|{secret}");
    app.lasting.mac_text(Mac::ClientSecret, bound.as_bytes())
}

/// Whether `secret` is the secret of `client`; takes the same time for any wrong one.
#[must_use]
pub fn secret_fits(app: &App, client: &ClientRecord, secret: &str) -> bool {
    let presented = hash_secret(app, &client.id, secret);
    client.secret_hash.as_deref().is_some_and(|stored| equal(stored, &presented))
}

fn has_secret(metadata: &ClientMetadata) -> bool {
    matches!(
        metadata.token_endpoint_auth_method,
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
    )
}

/// The secret to keep and, when we made it, to show once.
fn make_secret(
    app: &App,
    metadata: &ClientMetadata,
    secret: ClientSecret,
) -> Result<(Option<String>, Option<String>), ClientError> {
    let (text, shown) = match secret {
        _ if !has_secret(metadata) => {
            return match secret {
                ClientSecret::Given(_) => {
                    Err(ClientError::NoSecret(metadata.token_endpoint_auth_method.name()))
                }
                ClientSecret::Generated => Ok((None, None)),
            };
        }
        ClientSecret::Generated => {
            let made = app.random.token("lk_cs_");
            (made.clone(), Some(made))
        }
        ClientSecret::Given(given) => {
            let given = given.expose_secret();
            if given.len() < SHORTEST_SECRET || !given.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(ClientError::WeakSecret);
            }
            (given.to_owned(), None)
        }
    };
    Ok((Some(hash_secret(app, &metadata.client_id, &text)), shown))
}

/// Registers a client; gives its secret when one was made, for the only time.
pub async fn register(
    app: &App,
    mut metadata: Value,
    secret: ClientSecret,
) -> Result<(ClientRecord, Option<String>), ClientError> {
    let now = app.clock.now();
    if let Some(members) = metadata.as_object_mut() {
        members.entry("client_id").or_insert_with(|| Value::String(app.random.id(now)));
    }
    let metadata = checked(app, metadata).await?;
    let (secret_hash, shown) = make_secret(app, &metadata, secret)?;
    let client = ClientRecord {
        id: metadata.client_id.clone(),
        metadata,
        secret_hash,
        registered_by: RegisteredBy::Operator,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    };
    let mut db = app.store.write().await?;
    // A token's `sub` is a person or a client: it must never be possible to take one for the
    // other (RFC 9700 §4.15).
    if users::find(&mut db, &client.id).await?.is_some() {
        return Err(ClientError::Taken);
    }
    clients::insert(&mut db, &client).await?;
    record(app, &mut db, "client_added", &client.id).await?;
    db.commit().await?;
    Ok((client, shown))
}

/// Replaces the metadata of a client.
pub async fn update(app: &App, id: &str, mut metadata: Value) -> Result<ClientRecord, ClientError> {
    let mut client = find(app, id).await?;
    if let Some(members) = metadata.as_object_mut() {
        members.insert("client_id".into(), Value::String(client.id.clone()));
    }
    let metadata = checked(app, metadata).await?;
    if has_secret(&metadata) && client.secret_hash.is_none() {
        return Err(ClientError::Metadata(
            "this client has no secret yet: give it one with `client rotate-secret` after \
             changing token_endpoint_auth_method together with it"
                .into(),
        ));
    }
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    client.metadata = metadata;
    client.updated_at = now;
    clients::update(&mut db, &client).await?;
    record(app, &mut db, "client_changed", &client.id).await?;
    db.commit().await?;
    Ok(client)
}

/// Gives a client a new secret; the old one is worth nothing from now on, its tokens stay.
pub async fn rotate_secret(
    app: &App,
    id: &str,
    secret: ClientSecret,
) -> Result<(ClientRecord, Option<String>), ClientError> {
    let mut client = find(app, id).await?;
    if !has_secret(&client.metadata) {
        let method = client.metadata.token_endpoint_auth_method.name();
        return Err(ClientError::NoSecret(method));
    }
    let (hash, shown) = make_secret(app, &client.metadata, secret)?;
    let mut db = app.store.write().await?;
    clients::set_secret(&mut db, &client.id, hash.as_deref(), app.clock.now()).await?;
    record(app, &mut db, "client_secret_rotated", &client.id).await?;
    db.commit().await?;
    client.secret_hash = hash;
    Ok((client, shown))
}

/// Removes a client with everything people allowed it: all its tokens are dead at once.
pub async fn remove(app: &App, id: &str) -> Result<ClientRecord, ClientError> {
    let client = find(app, id).await?;
    let mut db = app.store.write().await?;
    clients::remove(&mut db, &client.id, app.clock.now()).await?;
    record(app, &mut db, "client_removed", &client.id).await?;
    db.commit().await?;
    Ok(client)
}

/// The client with this id.
pub async fn find(app: &App, id: &str) -> Result<ClientRecord, ClientError> {
    let mut db = app.store.read().await?;
    let found = clients::find(&mut db, id).await?;
    found.ok_or_else(|| ClientError::Unknown(id.to_owned()))
}

/// The metadata, held against every rule.
async fn checked(app: &App, metadata: Value) -> Result<ClientMetadata, ClientError> {
    let metadata = ClientMetadata::check(metadata)?;
    if metadata.resources.contains(&app.config.issuer) {
        let what = "'resources' names this provider itself, which no client can be";
        return Err(ClientError::Metadata(what.into()));
    }
    confirm_sector(app, &metadata).await?;
    Ok(metadata)
}

/// A pairwise client may name a document that lists its redirect URIs (OpenID Connect Dynamic
/// Registration §5): it must hold each of them.
async fn confirm_sector(app: &App, metadata: &ClientMetadata) -> Result<(), ClientError> {
    let Some(uri) = &metadata.sector_identifier_uri else { return Ok(()) };
    if metadata.subject_type != SubjectType::Pairwise {
        return Ok(());
    }
    let document = app
        .outbound
        .fetch_json(uri)
        .await
        .map_err(|error| ClientError::Sector(error.to_string()))?;
    let listed = document.as_array().map(Vec::as_slice).unwrap_or_default();
    let missing = metadata
        .redirect_uris
        .iter()
        .find(|uri| !listed.iter().any(|entry| entry.as_str() == Some(uri)));
    match missing {
        Some(uri) => Err(ClientError::Sector(format!("it does not list {uri}"))),
        None => Ok(()),
    }
}

async fn record(app: &App, db: &mut Db, kind: &str, client_id: &str) -> Result<(), StoreError> {
    let event = Event {
        client_id: Some(client_id.to_owned()),
        actor: Some("administrator".into()),
        ..app.event(kind)
    };
    events::record(db, &event).await
}
