//! Accounts as an administrator makes, changes, locks and removes them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::app::App;
use crate::hashing::HashingError;
use crate::identity::applications;
use crate::identity::groups;
use crate::identity::lockout;
use crate::identity::password::{self, Weakness};
use crate::identity::sessions;
use crate::identity::sign_in::canonical_login;
use crate::notices::{self, Notice, Source};
use crate::protocol::claims::StandardClaims;
use crate::store::credentials::{self, PasswordCredential};
use crate::store::events::{self, Event};
use crate::store::links::{self, Purpose};
use crate::store::users::{self, User};
use crate::store::{Db, StoreError, devices, factor_failures, pending_sign_ins};

/// A person to be added.
#[derive(Debug, Default)]
pub struct NewUser {
    /// The name they sign in by.
    pub username: String,
    /// The address they may also sign in by.
    pub email: Option<String>,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
    /// What applications may learn.
    pub claims: StandardClaims,
    /// Without one nobody can sign in until it is set.
    pub password: Option<SecretString>,
    /// Whether they administer this instance.
    pub admin: bool,
}

/// Why a person cannot be added or changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name does not fit.
    #[error("a user name has 1 to 64 letters, digits or . _ - and begins with a letter or digit")]
    BadName,
    /// The address does not fit.
    #[error("{0:?} is not an e-mail address")]
    BadEmail(String),
    /// Somebody else has it.
    #[error("the user name or e-mail address is already taken")]
    Taken,
    /// There is no such person.
    #[error("there is no user {0:?}")]
    Unknown(String),
    /// No group can be called that.
    #[error("{0:?} is not a group name: 1 to 64 of a-z, 0-9, _ and -")]
    BadGroup(String),
    /// The password is not good enough.
    #[error("the password does not fit: {0}")]
    Weak(#[from] Weakness),
    /// Something failed.
    #[error(transparent)]
    Fault(#[from] anyhow::Error),
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Conflict) { Self::Taken } else { Self::Fault(error.into()) }
    }
}

/// The canonical form of a user name: it has no `@`, so it never equals an address.
fn name_key(username: &str) -> Option<String> {
    let key = canonical_login(username)?;
    let fits = key.chars().count() <= 64
        && key.chars().next().is_some_and(char::is_alphanumeric)
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    fits.then_some(key)
}

/// The canonical form of an e-mail address.
#[must_use]
pub fn email_key(email: &str) -> Option<String> {
    let key = canonical_login(email)?;
    let (local, domain) = key.rsplit_once('@')?;
    let fits = !local.is_empty()
        && !local.contains('@')
        && domain.contains(|c: char| c.is_alphanumeric())
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !domain.contains("..");
    fits.then_some(key)
}

/// Adds a person.
pub async fn add_user(app: &App, new: NewUser) -> Result<User, PeopleError> {
    add_member(app, new, &[]).await
}

/// Adds a person who is in these groups from the beginning.
pub async fn add_member(app: &App, new: NewUser, groups: &[String]) -> Result<User, PeopleError> {
    let member_of = groups::in_one_line(groups)?;
    let username_key = name_key(&new.username).ok_or(PeopleError::BadName)?;
    let email_key = match &new.email {
        Some(email) => Some(email_key(email).ok_or_else(|| PeopleError::BadEmail(email.clone()))?),
        None => None,
    };
    let hash = match &new.password {
        Some(password) => {
            let names = [new.username.as_str(), new.email.as_deref().unwrap_or_default()];
            Some(hash_new(app, password, &names).await?)
        }
        None => None,
    };
    let now = app.clock.now();
    let user = User {
        id: app.random.id(now),
        username: new.username.trim().to_owned(),
        username_key,
        email_verified_at: (new.email_verified && new.email.is_some()).then_some(now),
        email: new.email,
        email_key,
        claims: new.claims,
        created_at: now,
        updated_at: now,
        locked_at: None,
        lock_reason: None,
        admin_at: new.admin.then_some(now),
        member_of,
        appearance: None,
        sign_in_mails_off_at: None,
        removal_at: None,
        securing_at: None,
    };
    let mut db = app.store.write().await?;
    users::insert(&mut db, &user).await?;
    if let Some(hash) = hash {
        let credential = PasswordCredential { user_id: user.id.clone(), hash, set_at: now };
        credentials::set(&mut db, &credential).await?;
    }
    record(app, &mut db, "user_added", &user.id, json!({})).await?;
    db.commit().await?;
    Ok(user)
}

async fn hash_new(
    app: &App,
    password: &SecretString,
    names: &[&str],
) -> Result<String, PeopleError> {
    password::Rules::of(app).check(password.expose_secret(), names)?;
    let normal = password::normalize(password.expose_secret()).ok_or(Weakness::TooLong)?;
    let hash = async {
        let place = app.hasher.reserve()?;
        app.hasher.hash(&place, normal.into(), &app.random).await
    };
    hash.await.map_err(|error: HashingError| PeopleError::Fault(error.into()))
}

/// The person with this id, user name or e-mail address.
pub async fn find(app: &App, who: &str) -> Result<User, PeopleError> {
    let mut db = app.store.read().await?;
    let found = match canonical_login(who) {
        Some(key) => users::find_by_login(&mut db, &key).await?,
        None => None,
    };
    let found = match found {
        Some(user) => Some(user),
        None => users::find(&mut db, who).await?,
    };
    found.ok_or_else(|| PeopleError::Unknown(who.to_owned()))
}

/// Sets a temporary password: who signs in with it must choose another one before anything opens,
/// and after [`super::temporary_password::GOOD_FOR`] nobody can. Every session and every application of
/// the person is signed out, because it was not they who changed it.
pub async fn set_password(app: &App, who: &str, new: &SecretString) -> Result<User, PeopleError> {
    let user = find(app, who).await?;
    let hash = hash_new(app, new, &password::names_of(&user)).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    let credential = PasswordCredential { user_id: user.id.clone(), hash, set_at: now };
    end_everything(app, &mut db, &user.id, "password set by an administrator").await?;
    credentials::set(&mut db, &credential).await?;
    credentials::make_temporary(&mut db, &user.id, now).await?;
    links::void_all(&mut db, Purpose::Recovery, &user.id).await?;
    lockout::reopened(&mut db, &user.id).await?;
    pending_sign_ins::remove_for_user(&mut db, &user.id).await?;
    record(app, &mut db, "password_set", &user.id, json!({ "temporary": true })).await?;
    tell(app, &mut db, &user, Notice::PasswordChanged { by_support: true }).await?;
    db.commit().await?;
    Ok(user)
}

/// Locks an account: from this moment nothing of it works, on any node. The reason stands in the
/// audit trail and is not told to the person.
pub async fn lock(app: &App, who: &str, reason: &str) -> Result<User, PeopleError> {
    let user = find(app, who).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    users::lock(&mut db, &user.id, reason, now).await?;
    sessions::end_all(app, &mut db, &user.id, None, "account locked").await?;
    links::void_all(&mut db, Purpose::Email, &user.id).await?;
    devices::distrust_all(&mut db, &user.id).await?;
    pending_sign_ins::remove_for_user(&mut db, &user.id).await?;
    record(app, &mut db, "user_locked", &user.id, json!({ "reason": reason })).await?;
    tell(app, &mut db, &user, Notice::AccountLocked).await?;
    db.commit().await?;
    Ok(user)
}

/// Unlocks an account, also where too many wrong passwords or codes had closed it. Sessions that
/// the lock ended stay ended.
pub async fn unlock(app: &App, who: &str) -> Result<User, PeopleError> {
    let user = find(app, who).await?;
    let mut db = app.store.write().await?;
    users::unlock(&mut db, &user.id, app.clock.now()).await?;
    lockout::reopened(&mut db, &user.id).await?;
    factor_failures::clear(&mut db, &user.id).await?;
    record(app, &mut db, "user_unlocked", &user.id, json!({})).await?;
    tell(app, &mut db, &user, Notice::AccountUnlocked).await?;
    db.commit().await?;
    Ok(user)
}

/// Ends every session of a person, with the tokens that hang on them; gives how many.
pub async fn sign_out(app: &App, who: &str) -> Result<(User, u64), PeopleError> {
    let user = find(app, who).await?;
    let mut db = app.store.write().await?;
    let reason = "signed out by an administrator";
    let ended = sessions::end_all(app, &mut db, &user.id, None, reason).await?;
    record(app, &mut db, "user_signed_out", &user.id, json!({ "sessions": ended })).await?;
    db.commit().await?;
    Ok((user, ended))
}

/// Replaces what applications may learn about a person.
pub async fn set_claims(app: &App, who: &str, claims: StandardClaims) -> Result<User, PeopleError> {
    let mut user = find(app, who).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    users::set_claims(&mut db, &user.id, &claims, now).await?;
    record(app, &mut db, "claims_set", &user.id, json!({})).await?;
    db.commit().await?;
    user.claims = claims;
    user.updated_at = now;
    Ok(user)
}

/// Removes a person and all that is theirs. The id is never given to anybody else.
pub async fn remove(app: &App, who: &str) -> Result<User, PeopleError> {
    let user = find(app, who).await?;
    let mut db = app.store.write().await?;
    end_everything(app, &mut db, &user.id, "account removed").await?;
    users::remove(&mut db, &user.id).await?;
    record(app, &mut db, "user_removed", &user.id, json!({})).await?;
    db.commit().await?;
    Ok(user)
}

/// Tells a person what an administrator did; from where is nobody's business but the operator's.
async fn tell(app: &App, db: &mut Db, user: &User, notice: Notice<'_>) -> Result<(), StoreError> {
    notices::tell(app, db, user, Source::default(), notice).await
}

/// Ends every session of a person, and every application's access to their account.
async fn end_everything(
    app: &App,
    db: &mut Db,
    user_id: &str,
    reason: &str,
) -> Result<(), StoreError> {
    sessions::end_all(app, db, user_id, None, reason).await?;
    applications::end_all(app, db, user_id, reason).await?;
    // Nor does anything go on that was begun with the old password, or by a link.
    links::void_all(db, Purpose::Recovery, user_id).await?;
    links::void_all(db, Purpose::Email, user_id).await?;
    pending_sign_ins::remove_for_user(db, user_id).await?;
    devices::distrust_all(db, user_id).await.map(drop)
}

async fn record(
    app: &App,
    db: &mut Db,
    kind: &str,
    user_id: &str,
    details: serde_json::Value,
) -> Result<(), StoreError> {
    let event = Event {
        user_id: Some(user_id.to_owned()),
        actor: Some("administrator".into()),
        details,
        ..app.event(kind)
    };
    events::record(db, &event).await
}
