//! Starts, renews and ends browser sessions, with all that hangs on them.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::secret::sha256;
use crate::store::devices::{self, Device};
use crate::store::events::{self, Event};
use crate::store::sessions::{self, BrowserSession};
use crate::store::users::User;
use crate::store::{Db, StoreError};

/// A session's last activity is written at most this often.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Where a person sits: what the session list and the history show.
#[derive(Clone, Debug, Default)]
pub struct Whereabouts {
    /// The client address, as text.
    pub address: String,
    /// The `User-Agent`, cut to 256 characters.
    pub user_agent: String,
    /// What the browser's long-lived cookie holds, if it has one.
    pub device: Option<String>,
}

/// How somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Authentication methods, RFC 8176 names, separated by spaces.
    pub amr: String,
    /// The authentication context class.
    pub acr: String,
    /// When it was proven.
    pub at: Timestamp,
}

impl Proof {
    /// A password alone, proven now.
    #[must_use]
    pub fn password(at: Timestamp) -> Self {
        Self { amr: "pwd".into(), acr: crate::protocol::next_step::ACR_PASSWORD.into(), at }
    }
}

/// The live session of a cookie; keeps its last activity, but not with a write a request.
pub async fn find(app: &App, token: &str) -> Result<Option<(BrowserSession, User)>, StoreError> {
    let now = app.clock.now();
    let found = {
        let mut db = app.store.read().await?;
        sessions::find_live(&mut db, &sha256(token), now).await?
    };
    if let Some((session, _)) = &found
        && now.since(session.last_active_at) >= TOUCH_EVERY
    {
        let mut db = app.store.write().await?;
        sessions::touch(&mut db, &session.id, now).await?;
        db.commit().await?;
    }
    Ok(found)
}

/// Somebody who has proven who they are, in a browser.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Who.
    pub user: &'a User,
    /// How.
    pub proof: &'a Proof,
    /// From where.
    pub whereabouts: &'a Whereabouts,
    /// The session that this browser was signed in to before.
    pub before: Option<&'a BrowserSession>,
    /// Whether they asked to be kept signed in.
    pub remembered: bool,
}

/// Signs a browser in and gives the token for its cookie.
///
/// A session of the same person in this browser goes on under a new token; one of somebody else
/// ends, so that nobody inherits anything (CVE-2025-12390).
pub async fn start(
    app: &App,
    db: &mut Db,
    arrival: &Arrival<'_>,
) -> Result<(String, BrowserSession), StoreError> {
    let Arrival { user, proof, whereabouts, before, remembered } = *arrival;
    let token = app.random.token("");
    let token_hash = sha256(&token);
    let device_id = match &whereabouts.device {
        Some(device) => Some(see_device(app, db, arrival, device).await?),
        None => None,
    };
    if let Some(before) = before {
        if before.user_id == user.id {
            let shown = sessions::Proof { auth_time: proof.at, amr: &proof.amr, acr: &proof.acr };
            if sessions::rotate(db, &before.id, &token_hash, shown, proof.at).await? {
                let mut session = before.clone();
                session.token_hash = token_hash;
                session.auth_time = proof.at;
                return Ok((token, session));
            }
        }
        sessions::end(db, &before.id, "another person signed in", proof.at).await?;
    }
    let rules = &app.config.sessions;
    let remembered = remembered && rules.remember_enabled;
    let (idle, absolute) = if remembered {
        (*rules.remember_idle, *rules.remember_absolute)
    } else {
        (*rules.idle, *rules.absolute)
    };
    let session = BrowserSession {
        id: app.random.id(proof.at),
        token_hash,
        user_id: user.id.clone(),
        created_at: proof.at,
        last_active_at: proof.at,
        auth_time: proof.at,
        amr: proof.amr.clone(),
        acr: proof.acr.clone(),
        address: whereabouts.address.clone(),
        user_agent: whereabouts.user_agent.clone(),
        idle_ttl: i64::try_from(idle.as_millis()).unwrap_or(i64::MAX),
        expires_at: proof.at + absolute,
        remembered_at: remembered.then_some(proof.at),
        ended_at: None,
        end_reason: None,
        device_id,
    };
    sessions::insert(db, &session).await?;
    Ok((token, session))
}

/// From now on the person is no stranger in this browser.
async fn see_device(
    app: &App,
    db: &mut Db,
    arrival: &Arrival<'_>,
    token: &str,
) -> Result<String, StoreError> {
    let Arrival { user, proof, whereabouts, .. } = *arrival;
    let device = Device {
        id: app.random.id(proof.at),
        user_id: user.id.clone(),
        token_hash: sha256(token),
        user_agent: whereabouts.user_agent.clone(),
        address: whereabouts.address.clone(),
        first_seen_at: proof.at,
        last_seen_at: proof.at,
        trusted_until: None,
        trusted_at: None,
    };
    devices::see(db, &device).await
}

/// Signs a browser out at the person's own wish.
pub async fn sign_out(
    app: &App,
    session: &BrowserSession,
    user_id: &str,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    if sessions::end(&mut db, &session.id, "signed out", now).await? {
        let event = Event {
            user_id: Some(user_id.to_owned()),
            session_id: Some(session.id.clone()),
            actor: Some(user_id.to_owned()),
            ..app.event("signed_out")
        };
        events::record(&mut db, &event).await?;
    }
    db.commit().await
}
