//! A forgotten password: a link by mail, and a new password for who follows it.
//!
//! Nobody learns from asking whether there is such an account: the page writes down what was
//! typed, whatever it was, and the clockwork looks later whose it is.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::hashing::HashingError;
use crate::identity::password::{self, Weakness};
use crate::identity::sessions::{self, Whereabouts};
use crate::identity::sign_in::canonical_login;
use crate::identity::{applications, lockout};
use crate::keys::{Mac, place, purpose};
use crate::notices::{self, Notice, RECOVERY_TTL, Source};
use crate::paths;
use crate::secret::sha256;
use crate::store::credentials::{self, PasswordCredential};
use crate::store::events::{self, Event};
use crate::store::failure_counts::{self, RECOVERY};
use crate::store::links::{self, Link, Purpose};
use crate::store::queue::{self, Job};
use crate::store::throttle::UNKNOWN;
use crate::store::users::{self, User};
use crate::store::{Db, StoreError, devices, pending_sign_ins};

/// What requests for a link are called in the queue.
const KIND: &str = "recovery";
/// The purpose under which they are sealed there.
const SEAL: &str = purpose::QUEUE;
/// Links that one account has at most that are not over: no mailbox is flooded by strangers, and who
/// is refused another has one in the mailbox that is good still.
const LINKS: i64 = 3;
/// Requests of a day about one account, or one name that is nobody's, that the trail keeps one by
/// one: anybody can ask.
const KEPT_A_DAY: i64 = 5;
/// How long a request waits for the clockwork before it is worth nothing.
const ASKED_FOR: Duration = Duration::from_mins(10);
/// How long a request belongs to the node that took it.
const CLAIMED_FOR: Duration = Duration::from_mins(1);
/// Requests that wait at most: what strangers ask for must not fill the disk.
const MOST_WAITING: i64 = 2000;
/// Requests of one address (IPv6: a /64) that wait at most.
const SHARE: i64 = 20;
/// Requests that are answered in one run.
const BATCH: i64 = 50;

/// Somebody asked for a link.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    /// The canonical form of the name or address that they typed.
    login: String,
    address: String,
    user_agent: String,
}

/// Takes a request for a link that `source` asks for: an address, or the /64 of one. It costs the
/// same whatever was typed.
///
/// Nobody is refused because others ask too much: what is too many ends with the oldest, first of
/// the same source, then of the sources that have most.
pub async fn ask(
    app: &App,
    login: &str,
    whereabouts: &Whereabouts,
    source: &str,
) -> anyhow::Result<()> {
    let Some(login) = canonical_login(login) else { return Ok(()) };
    let asked = Asked {
        login,
        address: whereabouts.address.clone(),
        user_agent: whereabouts.user_agent.clone(),
    };
    let now = app.clock.now();
    let id = app.random.id(now);
    let bytes = serde_json::to_vec(&asked)?;
    let job = Job {
        sealed: app.master.seal(SEAL, &place("queue", "sealed", &id), &bytes)?,
        id,
        kind: KIND.to_owned(),
        created_at: now,
        due_at: now,
        expires_at: now + ASKED_FOR,
        tries: 0,
    };
    let mut db = app.store.write().await?;
    queue::push_from(&mut db, &job, source).await?;
    queue::drop_beyond(&mut db, (KIND, source), SHARE, BATCH).await?;
    let waiting = queue::count_up_to(&mut db, KIND, MOST_WAITING + BATCH).await?;
    if waiting > MOST_WAITING {
        queue::trim(&mut db, KIND, waiting - MOST_WAITING).await?;
    }
    Ok(db.commit().await?)
}

/// Looks whose the requests are that came in, and puts a mail into the queue where there is
/// somebody to write to.
pub async fn answer_asked(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let due = {
        let mut db = app.store.read().await?;
        queue::is_due(&mut db, KIND, now).await?
    };
    if !due {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    queue::take_expired(&mut db, KIND, now, BATCH).await?;
    let jobs = queue::claim(&mut db, KIND, now, now + CLAIMED_FOR, BATCH).await?;
    db.commit().await?;
    for job in &jobs {
        // It stays in the queue and is tried again; what else waits is not held up.
        if let Err(fault) = answer(app, job).await {
            let cause = format!("{fault:#}");
            tracing::error!(cause, "a request for a new password could not be answered");
        }
    }
    Ok(())
}

async fn answer(app: &App, job: &Job) -> anyhow::Result<()> {
    let place = place("queue", "sealed", &job.id);
    let asked = app.master.open_sealed(SEAL, &place, &job.sealed).ok();
    let asked = asked.and_then(|bytes| serde_json::from_slice::<Asked>(&bytes).ok());
    let mut db = app.store.write().await?;
    queue::done(&mut db, &job.id).await?;
    if let Some(asked) = asked {
        let user = users::find_by_login(&mut db, &asked.login).await?;
        let outcome = write_to(app, &mut db, user.as_ref(), &asked).await?;
        // A name that is nobody's may be a password typed into the wrong field.
        let name_hash = match &user {
            None => Some(app.lasting.mac_text(Mac::UnknownName, asked.login.as_bytes())),
            Some(_) => None,
        };
        let subject = match (&user, &name_hash) {
            (Some(user), _) => user.id.clone(),
            (None, hash) => format!("{UNKNOWN}{}", hash.as_deref().unwrap_or_default()),
        };
        let seen = (app.clock.now(), asked.address.as_str());
        let asked_today = failure_counts::count(&mut db, &subject, RECOVERY, seen).await?;
        let event = Event {
            user_id: user.map(|user| user.id),
            address: Some(asked.address),
            user_agent: Some(asked.user_agent),
            outcome: outcome.into(),
            details: json!({ "name_hash": name_hash }),
            ..app.event("recovery_asked")
        };
        if asked_today <= KEPT_A_DAY {
            events::record(&mut db, &event).await?;
        }
    }
    Ok(db.commit().await?)
}

/// Writes to the person if they may have a link; says how it went, for the audit trail alone.
async fn write_to(
    app: &App,
    db: &mut Db,
    user: Option<&User>,
    asked: &Asked,
) -> Result<&'static str, StoreError> {
    let Some(user) = user else { return Ok("no such account") };
    if user.locked_at.is_some() {
        return Ok("locked");
    }
    // An address that was only typed in by somebody may be a stranger's.
    if user.email.is_none() || user.email_verified_at.is_none() {
        return Ok("no verified address");
    }
    users::hold(db, &user.id).await?;
    let since = app.clock.now() - RECOVERY_TTL;
    if links::count_since(db, Purpose::Recovery, &user.id, since).await? >= LINKS {
        return Ok("too many");
    }
    let url = make_link(app, db, user).await?;
    let source = Source { address: &asked.address, user_agent: &asked.user_agent };
    notices::tell(app, db, user, source, Notice::Recovery { url: &url }).await?;
    Ok("successful")
}

/// Makes a link to choose a new password, under the configured issuer whatever host was asked.
/// It is bound to the address it is sent to and to the password that it replaces: once either is
/// another, it is worth nothing.
pub async fn make_link(app: &App, db: &mut Db, user: &User) -> Result<String, StoreError> {
    let token = app.random.token("");
    let now = app.clock.now();
    let link = Link {
        token_hash: sha256(&token),
        purpose: Purpose::Recovery.name().to_owned(),
        user_id: user.id.clone(),
        details: bound_to(db, user).await?,
        created_at: now,
        expires_at: now + RECOVERY_TTL,
        used_at: None,
    };
    links::insert(db, &link).await?;
    Ok(paths::absolute(&app.config.issuer, &paths::recover_link(&token)))
}

async fn bound_to(db: &mut Db, user: &User) -> Result<serde_json::Value, StoreError> {
    let password = credentials::find(db, &user.id).await?;
    let set_at = password.map(|password| password.set_at.millis());
    Ok(json!({ "email": user.email_key, "password_set_at": set_at }))
}

/// Whose link this is, if it still counts. Looking uses nothing up: mail programs follow links
/// before people do.
pub async fn find(app: &App, token: &str) -> Result<Option<User>, StoreError> {
    let now = app.clock.now();
    let mut db = app.store.read().await?;
    let link = links::find(&mut db, Purpose::Recovery, &sha256(token), now).await?;
    owner(&mut db, link).await
}

async fn owner(db: &mut Db, link: Option<Link>) -> Result<Option<User>, StoreError> {
    let Some(link) = link else { return Ok(None) };
    let user = users::find(db, &link.user_id).await?.filter(|user| user.locked_at.is_none());
    let Some(user) = user else { return Ok(None) };
    let holds = bound_to(db, &user).await? == link.details;
    Ok(holds.then_some(user))
}

/// What came of choosing a new password.
#[derive(Debug)]
pub enum Chosen {
    /// It is set, and everything that the old one opened is closed.
    Done,
    /// It does not fit.
    Weak(Weakness),
    /// The link counts no more.
    Gone,
    /// More passwords than the machine can hash.
    Busy,
}

/// Sets a new password by a link. It signs nobody in, leaves the second factor as it is, and ends
/// every session and every application's access: whoever knew the old password may have made them.
pub async fn choose(
    app: &App,
    token: &str,
    new: &SecretString,
    whereabouts: &Whereabouts,
) -> anyhow::Result<Chosen> {
    let Some(user) = find(app, token).await? else { return Ok(Chosen::Gone) };
    let names = password::names_of(&user);
    if let Err(weakness) = password::Rules::of(app).check(new.expose_secret(), &names) {
        return Ok(Chosen::Weak(weakness));
    }
    let Some(normal) = password::normalize(new.expose_secret()) else {
        return Ok(Chosen::Weak(Weakness::TooLong));
    };
    let Ok(place) = app.hasher.reserve() else { return Ok(Chosen::Busy) };
    let hash = match app.hasher.hash(&place, normal.into(), &app.random).await {
        Ok(hash) => hash,
        Err(HashingError::Busy) => return Ok(Chosen::Busy),
        Err(HashingError::Fault(fault)) => return Err(fault),
    };
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    // What it ends comes first, because that takes the lock which revocations wait for. If the
    // link turns out to be used, nothing of this ever happened.
    let why = "password recovered";
    sessions::end_all(app, &mut db, &user.id, None, why).await?;
    applications::end_all(app, &mut db, &user.id, why).await?;
    let link = links::spend(&mut db, Purpose::Recovery, &sha256(token), now).await?;
    let Some(user) = owner(&mut db, link).await? else { return Ok(Chosen::Gone) };
    replace(&mut db, &user, hash, now).await?;
    let event = Event {
        user_id: Some(user.id.clone()),
        actor: Some(user.id.clone()),
        address: Some(whereabouts.address.clone()),
        user_agent: Some(whereabouts.user_agent.clone()),
        ..app.event("password_recovered")
    };
    events::record(&mut db, &event).await?;
    let source = Source { address: &whereabouts.address, user_agent: &whereabouts.user_agent };
    let notice = Notice::PasswordChanged { by_support: false };
    notices::tell(app, &mut db, &user, source, notice).await?;
    db.commit().await?;
    Ok(Chosen::Done)
}

/// Sets the new password, and forgets what the old one had begun: other links, sign-ins that owe
/// the second factor, browsers that are asked for none.
async fn replace(db: &mut Db, user: &User, hash: String, now: Timestamp) -> Result<(), StoreError> {
    let credential = PasswordCredential { user_id: user.id.clone(), hash, set_at: now };
    credentials::set(db, &credential).await?;
    links::void_all(db, Purpose::Recovery, &user.id).await?;
    lockout::reopened(db, &user.id).await?;
    links::void_all(db, Purpose::Email, &user.id).await?;
    pending_sign_ins::remove_for_user(db, &user.id).await?;
    devices::distrust_all(db, &user.id).await?;
    Ok(())
}
