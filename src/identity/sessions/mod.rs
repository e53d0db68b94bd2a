//! Starts, renews and ends browser sessions, with all that hangs on them.

mod ending;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use ending::{Doer, end, end_others, forget_device, sign_out};

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::familiarity::HISTORY;
use crate::identity::{logout_notices, two_factor};
use crate::secret::sha256;
use crate::store::devices::{self, Device};
use crate::store::events::{self, Event};
use crate::store::sessions::{self, BrowserSession};
use crate::store::users::User;
use crate::store::{Db, StoreError, credentials, pending_sign_ins};

/// How long a session is kept after the end that it was begun with: as long as the history of sign-ins, which tells of it.
pub const KEPT: Duration = HISTORY;

/// A session's last activity is written at most this often.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// Where a person sits: what the session list and the history show.
#[derive(Clone, Debug, Default)]
pub struct Whereabouts {
    /// The client address, as text.
    pub address: String,
    /// The `User-Agent`, cut to 256 characters.
    pub user_agent: String,
    /// What the browser's long-lived cookie holds: a token for each account that knows it.
    pub devices: Vec<String>,
}

/// What completed a sign-in, as the history tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The password alone.
    #[default]
    Password,
    /// A code of an authenticator app after the password.
    Totp,
    /// A backup code after the password.
    BackupCode,
    /// The password, in a browser that is asked for no code.
    TrustedBrowser,
}

impl Method {
    /// How it is written down.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::TrustedBrowser => "trusted_browser",
        }
    }
}

/// How somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// What completed it.
    pub method: Method,
    /// The sign-in that a password began and a code completed; both events name it.
    pub attempt: Option<String>,
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
        Self {
            method: Method::Password,
            attempt: None,
            amr: "pwd".into(),
            acr: crate::protocol::next_step::ACR_PASSWORD.into(),
            at,
        }
    }
}

/// The live session of a cookie. That somebody asks is no sign of life of the person: see
/// [`keep_alive`].
pub async fn find(app: &App, token: &str) -> Result<Option<(BrowserSession, User)>, StoreError> {
    let mut db = app.store.read().await?;
    let found = sessions::find_live(&mut db, &sha256(token), app.clock.now()).await?;
    // Whoever was kept signed in is not, once the operator no longer offers it (S-091).
    let found = found.filter(|(session, _)| {
        session.remembered_at.is_none() || app.config.sessions.remember_enabled
    });
    // Nor is anybody who must have two-factor and has none: they sign in anew, and set it up.
    if let Some((_, user)) = &found
        && two_factor::is_required(app, user)
        && !credentials::has_second_factor(&mut db, &user.id).await?
    {
        return Ok(None);
    }
    Ok(found)
}

/// Notes that the person did something; not with a write a request.
pub async fn keep_alive(app: &App, session: &BrowserSession) -> Result<(), StoreError> {
    let now = app.clock.now();
    if now.since(session.last_active_at) < TOUCH_EVERY {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    sessions::touch(&mut db, &session.id, now).await?;
    db.commit().await
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
    /// The hash that their password was compared with, if it was just now.
    pub hash: Option<&'a str>,
    /// The half sign-in that a code completed, by the hash of its cookie.
    pub pending: Option<&'a str>,
    /// Whether they asked that no code be asked for in this browser for a while.
    pub trusts: bool,
}

/// Whether what was proven still counts in this transaction: the password was not changed and the
/// account not locked since it was looked at. A half sign-in is used up by this: whatever ended it
/// since its code was taken (a new password, a lock, a reset of the factors) ends the sign-in too.
pub async fn still_stands(db: &mut Db, arrival: &Arrival<'_>) -> Result<bool, StoreError> {
    let Arrival { user, hash, .. } = arrival;
    if !credentials::hold_if_standing(db, &user.id, *hash, arrival.proof.at).await? {
        return Ok(false);
    }
    match arrival.pending {
        Some(pending) => pending_sign_ins::remove(db, pending).await,
        None => Ok(true),
    }
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
    let Arrival { user, proof, whereabouts, before, remembered, .. } = *arrival;
    let token = app.random.token("");
    let token_hash = sha256(&token);
    let device_id = match whereabouts.devices.first() {
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
        if sessions::end(db, &before.id, "another person signed in", proof.at).await? {
            let event = Event {
                user_id: Some(before.user_id.clone()),
                session_id: Some(before.id.clone()),
                address: Some(whereabouts.address.clone()),
                user_agent: Some(whereabouts.user_agent.clone()),
                details: json!({ "via": "another person" }),
                ..app.event("session_ended")
            };
            events::record(db, &event).await?;
        }
        logout_notices::enqueue(app, db, &before.user_id, proof.at).await?;
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

/// Gives a session a new token, with what its person has just proven, in a transaction that
/// [`acting::begin`](crate::store::acting::begin) began: nothing brings an ended one back.
pub async fn renew(
    app: &App,
    db: &mut Db,
    session: &BrowserSession,
    proof: &Proof,
) -> Result<String, StoreError> {
    let token = app.random.token("");
    let shown = sessions::Proof { auth_time: proof.at, amr: &proof.amr, acr: &proof.acr };
    let now = app.clock.now();
    if !sessions::rotate(db, &session.id, &sha256(&token), shown, now).await? {
        return Err(StoreError::SignedOut);
    }
    Ok(token)
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

/// Ends all of a person's sessions but one, within the transaction of what causes it, and has
/// their applications told; says how many.
pub async fn end_all(
    app: &App,
    db: &mut Db,
    user_id: &str,
    except: Option<&str>,
    reason: &str,
) -> Result<u64, StoreError> {
    let now = app.clock.now();
    let ended = sessions::end_all(db, user_id, except, reason, now).await?;
    logout_notices::enqueue(app, db, user_id, now).await?;
    Ok(ended)
}
