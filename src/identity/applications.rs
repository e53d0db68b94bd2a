//! What a person allowed applications: looked at, and taken back with all that hangs on it.

use std::sync::Arc;

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::logout_notices;
use crate::identity::sessions::Whereabouts;
use crate::store::applications::{self, Foothold, GrantedScope};
use crate::store::clients::ClientRecord;
use crate::store::consents::{self, Consent};
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::store::{Db, StoreError, acting, authorization_requests};

/// An application that a person let in.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The standing consent.
    pub consent: Consent,
    /// The application.
    pub client: Arc<ClientRecord>,
    /// What it may do, in the order in which it was allowed.
    pub scopes: Vec<GrantedScope>,
    /// Where it can act at this moment.
    pub footholds: Vec<Foothold>,
}

impl Connected {
    /// Since when it may act while the person is away; `None` if it may not.
    #[must_use]
    pub fn offline_since(&self) -> Option<Timestamp> {
        self.footholds.iter().filter_map(|foothold| foothold.offline_at).min()
    }
}

/// All applications that a person let in, the last used first.
pub async fn list(app: &App, user: &User) -> Result<Vec<Connected>, StoreError> {
    let (consents, mut scopes, mut footholds) = {
        let mut db = app.store.read().await?;
        let consents = consents::list(&mut db, &user.id).await?;
        let scopes = applications::scopes(&mut db, &user.id).await?;
        (consents, scopes, applications::footholds(&mut db, &user.id, app.clock.now()).await?)
    };
    let live = app.store.live().await?;
    let mut connected = Vec::new();
    for (consent, _) in consents {
        // Between two reads its client may have been removed, and the consent with it.
        let Some(client) = live.client(&consent.client_id).await? else { continue };
        connected.push(Connected {
            scopes: scopes.extract_if(.., |scope| scope.consent_id == consent.id).collect(),
            footholds: footholds.extract_if(.., |one| one.consent_id == consent.id).collect(),
            consent,
            client,
        });
    }
    Ok(connected)
}

/// The application under this consent, if it is this person's and stands.
pub async fn find(app: &App, user: &User, id: &str) -> Result<Option<Connected>, StoreError> {
    Ok(list(app, user).await?.into_iter().find(|connected| connected.consent.id == id))
}

/// Who takes something back, and from where: for the history.
#[derive(Clone, Copy, Debug)]
pub struct Revoker<'a> {
    /// The person.
    pub user: &'a User,
    /// In which session.
    pub session: &'a BrowserSession,
    /// At which address, with which browser.
    pub whereabouts: &'a Whereabouts,
}

/// Disconnects an application. In one transaction end the consent, every authorization under it
/// with its codes and tokens, and each request that the person has said yes to and that is not
/// answered yet. `false` when it was disconnected before.
pub async fn revoke(
    app: &App,
    who: Revoker<'_>,
    connected: &Connected,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let (consent, client) = (&connected.consent, &connected.client);
    let mut db = app.store.write().await?;
    acting::begin(&mut db, who.session, now).await?;
    authorization_requests::withdraw(&mut db, &who.user.id, Some(&client.id), now).await?;
    let reason = "disconnected by the person";
    if !consents::revoke(&mut db, &consent.id, &who.user.id, reason, now).await? {
        return Ok(false);
    }
    let scope: Vec<_> = connected.scopes.iter().map(|scope| scope.scope.as_str()).collect();
    let event = Event {
        client_id: Some(client.id.clone()),
        details: json!({
            "application": client.metadata.client_name,
            "scope": scope.join(" "),
        }),
        ..event(app, who, "application_revoked")
    };
    events::record(&mut db, &event).await?;
    logout_notices::enqueue_revoked(app, &mut db, &who.user.id, now).await?;
    db.commit().await?;
    Ok(true)
}

/// Ends what every application has of a person, also of those that ask for no consent, and tells
/// those that want to hear of it; gives whom the person had allowed something.
pub async fn end_all(
    app: &App,
    db: &mut Db,
    user_id: &str,
    reason: &str,
) -> Result<Vec<String>, StoreError> {
    let now = app.clock.now();
    let clients = consents::revoke_all(db, user_id, reason, now).await?;
    logout_notices::enqueue_revoked(app, db, user_id, now).await?;
    Ok(clients)
}

/// Disconnects every application, as [`revoke`] does; says how many.
pub async fn revoke_all(app: &App, who: Revoker<'_>) -> Result<usize, StoreError> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    acting::begin(&mut db, who.session, now).await?;
    let reason = "disconnected by the person";
    let clients = end_all(app, &mut db, &who.user.id, reason).await?;
    if !clients.is_empty() {
        let event = Event {
            details: json!({ "applications": clients }),
            ..event(app, who, "applications_revoked")
        };
        events::record(&mut db, &event).await?;
    }
    db.commit().await?;
    Ok(clients.len())
}

fn event(app: &App, who: Revoker<'_>, kind: &str) -> Event {
    Event {
        user_id: Some(who.user.id.clone()),
        session_id: Some(who.session.id.clone()),
        actor: Some(who.user.id.clone()),
        address: Some(who.whereabouts.address.clone()),
        user_agent: Some(who.whereabouts.user_agent.clone()),
        ..app.event(kind)
    }
}
