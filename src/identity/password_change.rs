//! A person chooses a new password, knowing the old one, and what ends with the old one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::identity::confirm::source;
use crate::identity::sessions::{self, Proof, Whereabouts};
use crate::identity::{applications as connected, lockout};
use crate::notices::{self, Notice};
use crate::store::credentials::{self, PasswordCredential};
use crate::store::events::{self, Event};
use crate::store::links::{self, Purpose};
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::store::{
    Db, StoreError, acting, applications, devices, pending_sign_ins, sessions as browsers,
};

/// What tokens and sessions that end with the old password are told.
const REASON: &str = "password changed";

/// A change that may be made: the old password was proven, the new one fits.
pub struct Change<'a> {
    /// The session in which it is made; it stays.
    pub session: &'a BrowserSession,
    /// Whose password.
    pub user: &'a User,
    /// What was proven for it.
    pub proof: &'a Proof,
    /// The hash of the old password.
    pub old_hash: &'a str,
    /// The hash of the new one.
    pub new_hash: String,
    /// Whether every connected application ends as well.
    pub end_applications: bool,
    /// From where.
    pub whereabouts: &'a Whereabouts,
}

/// What ended with the old password: how many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// Other browsers that were signed in.
    pub sessions: u64,
    /// Applications that were connected.
    pub applications: u64,
    /// Browsers that were asked for no code.
    pub trusted_browsers: u64,
}

/// What came of a change.
#[derive(Debug)]
pub enum Changed {
    /// It is made; the session goes on under this token.
    Done {
        /// For the cookie.
        token: String,
    },
    /// Another change came first: nothing was changed.
    Overtaken,
}

/// Makes the change and ends what hung on the old password, all or nothing.
///
/// Every other session ends, with the tokens born in it that were not to outlive it. With
/// `end_applications` every application ends too: its tokens die, and what it was allowed is taken
/// back, so that it has to ask again.
pub async fn change(app: &App, change: Change<'_>) -> Result<Changed, StoreError> {
    let Change { session, user, proof, .. } = change;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    acting::begin(&mut db, session, now).await?;
    let open = browsers::list(&mut db, &user.id).await?;
    let open = open.iter().filter(|one| one.is_live(now) && one.id != session.id).count();
    sessions::end_all(app, &mut db, &user.id, Some(&session.id), REASON).await?;
    let applications =
        if change.end_applications { end_applications(app, &mut db, &user.id).await? } else { 0 };
    let credential =
        PasswordCredential { user_id: user.id.clone(), hash: change.new_hash, set_at: now };
    if !credentials::change(&mut db, change.old_hash, &credential).await? {
        return Ok(Changed::Overtaken);
    }
    let token = sessions::renew(app, &mut db, session, proof).await?;
    links::void_all(&mut db, Purpose::Recovery, &user.id).await?;
    // Whoever knew the old one may have asked for another address.
    links::void_all(&mut db, Purpose::Email, &user.id).await?;
    lockout::reopened(&mut db, &user.id).await?;
    pending_sign_ins::remove_for_user(&mut db, &user.id).await?;
    let trusted_browsers = devices::distrust_all(&mut db, &user.id).await?;
    let sessions = u64::try_from(open).unwrap_or(u64::MAX);
    let event = Event {
        user_id: Some(user.id.clone()),
        actor: Some(user.id.clone()),
        session_id: Some(session.id.clone()),
        address: Some(change.whereabouts.address.clone()),
        user_agent: Some(change.whereabouts.user_agent.clone()),
        details: json!(Ended { sessions, applications, trusted_browsers }),
        ..app.event("password_changed")
    };
    events::record(&mut db, &event).await?;
    let notice = Notice::PasswordChanged { by_support: false };
    notices::tell(app, &mut db, user, source(change.whereabouts), notice).await?;
    db.commit().await?;
    Ok(Changed::Done { token })
}

/// Ends every application of a person, also those that ask for no consent; says how many.
async fn end_applications(app: &App, db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let now = app.clock.now();
    let mut clients = BTreeSet::from_iter(applications::holders(db, user_id, now).await?);
    clients.extend(connected::end_all(app, db, user_id, REASON).await?);
    Ok(u64::try_from(clients.len()).unwrap_or(u64::MAX))
}
