//! Everything that is held about a person, for themselves: facts and dates, but nothing that opens
//! the account (no hashes, seeds or tokens).

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::acts::Act;
use crate::store::events::Event;
use crate::store::held::{self, HeldAuthorization, HeldConsent};
use crate::store::users::User;
use crate::store::{Db, StoreError, acting, backup_codes, clients, credentials, events};

/// Each table about people: the member of the export that holds it, or why none does (in
/// parentheses).
pub const TABLES: &[(&str, &str)] = &[
    ("users", "account"),
    ("password_credentials", "password"),
    ("totp_credentials", "two_factor"),
    ("backup_codes", "two_factor"),
    ("devices", "browsers"),
    ("browser_sessions", "sessions"),
    ("consents", "applications"),
    ("authorizations", "authorizations"),
    ("links", "links"),
    ("events", "events"),
    ("pending_sign_ins", "(sign-ins half done, gone within minutes)"),
    ("factor_failures", "(a count of wrong codes, gone with the next right one)"),
    ("factor_tries", "(the same, by browser)"),
    ("block_mails", "(when they were last told of guesses by mail, for a day)"),
    ("failure_counts", "failed_attempts"),
];

/// Events are read in portions of this size.
const PORTION: i64 = 1000;

/// Exports everything, and notes that it was.
pub async fn export(app: &App, act: Act<'_>) -> Result<Value, StoreError> {
    let event = act.event(app, "data_exported", json!({}));
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    events::record(&mut db, &event).await?;
    db.commit().await?;
    let mut db = app.store.read().await?;
    let everything = everything(app, &mut db, act.user).await?;
    Ok(everything)
}

async fn everything(app: &App, db: &mut Db, user: &User) -> Result<Value, StoreError> {
    let password = credentials::find(db, &user.id).await?;
    Ok(json!({
        "exported_at": app.clock.now().to_string(),
        "issuer": app.config.issuer,
        "account": account(user),
        "claims": user.all_claims().to_map(),
        "password": password.map(|password| json!({ "set_at": time(password.set_at) })),
        "two_factor": two_factor(db, user).await?,
        "browsers": browsers(db, user).await?,
        "sessions": sessions(db, user).await?,
        "applications": applications(db, user).await?,
        "authorizations": allowed(&held::authorizations(db, &user.id).await?),
        "links": links(db, user).await?,
        "failed_attempts": failed_attempts(db, user).await?,
        "events": trail(db, user).await?,
    }))
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn maybe(at: Option<Timestamp>) -> Option<String> {
    at.map(time)
}

fn account(user: &User) -> Value {
    let appearance = user.appearance.as_deref();
    json!({
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "email_verified_at": maybe(user.email_verified_at),
        "created_at": time(user.created_at),
        "updated_at": time(user.updated_at),
        "locked_at": maybe(user.locked_at),
        "lock_reason_held_by_support": user.lock_reason.is_some(),
        "administrator_since": maybe(user.admin_at),
        "groups": user.member_of.split_whitespace().collect::<Vec<_>>(),
        "appearance": appearance.and_then(|chosen| serde_json::from_str::<Value>(chosen).ok()),
        "mails_about_sign_ins": user.sign_in_mails_off_at.is_none(),
        "removal_at": maybe(user.removal_at),
        "securing_since": maybe(user.securing_at),
    })
}

async fn two_factor(db: &mut Db, user: &User) -> Result<Value, StoreError> {
    let apps = credentials::list_totp(db, &user.id).await?;
    let codes = backup_codes::list(db, &user.id).await?;
    let apps: Vec<_> = apps
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "created_at": time(one.created_at),
                "confirmed_at": maybe(one.confirmed_at),
                "last_used_at": maybe(one.last_used_at),
            })
        })
        .collect();
    let codes: Vec<_> = codes
        .iter()
        .map(|one| {
            json!({
                "position": one.position,
                "created_at": time(one.created_at),
                "saved_at": maybe(one.saved_at),
                "used_at": maybe(one.used_at),
            })
        })
        .collect();
    Ok(json!({ "authenticator_apps": apps, "backup_codes": codes }))
}

/// How often somebody failed to get in, by day and way: the trail keeps the first of each day only.
async fn failed_attempts(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let counts = held::failures(db, &user.id).await?;
    let shown = counts.iter().map(|one| {
        json!({
            "day": time(Timestamp::from_seconds(one.day.saturating_mul(86_400))),
            "how": one.bucket,
            "count": one.failures,
            "last_at": time(one.last_at),
            "last_address": one.last_address,
        })
    });
    Ok(shown.collect())
}

async fn browsers(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let known = held::devices(db, &user.id).await?;
    Ok(known
        .iter()
        .map(|one| {
            json!({
                "id": one.id,
                "user_agent": one.user_agent,
                "address": one.address,
                "first_seen_at": time(one.first_seen_at),
                "last_seen_at": time(one.last_seen_at),
                "trusted_at": maybe(one.trusted_at),
                "trusted_until": maybe(one.trusted_until),
            })
        })
        .collect())
}

async fn sessions(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let sessions = held::sessions(db, &user.id).await?;
    Ok(sessions
        .iter()
        .map(|one| {
            json!({
                "id": one.id,
                "signed_in_at": time(one.created_at),
                "last_active_at": time(one.last_active_at),
                "proven_at": time(one.auth_time),
                "methods": one.amr,
                "address": one.address,
                "user_agent": one.user_agent,
                "expires_at": time(one.expires_at),
                "ended_at": maybe(one.ended_at),
                "end_reason": one.end_reason,
            })
        })
        .collect())
}

async fn applications(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let scopes = held::scopes(db, &user.id).await?;
    let mut applications = Vec::new();
    for HeldConsent { id, client_id, granted_at, last_used_at, revoked_at } in
        held::consents(db, &user.id).await?
    {
        let own = scopes.iter().filter(|(consent, _)| *consent == id);
        let client = clients::find(db, &client_id).await?;
        applications.push(json!({
            "client_id": client_id,
            "name": client.map(|client| client.metadata.client_name),
            "scopes": own.map(|(_, scope)| scope).collect::<Vec<_>>(),
            "allowed_at": time(granted_at),
            "last_used_at": time(last_used_at),
            "taken_back_at": maybe(revoked_at),
        }));
    }
    Ok(applications)
}

fn allowed(authorizations: &[HeldAuthorization]) -> Vec<Value> {
    let told = |one: &HeldAuthorization| {
        json!({
            "client_id": one.client_id,
            "session_id": one.session_id,
            "scope": one.scope,
            "resource": one.resource,
            "proven_at": time(one.auth_time),
            "methods": one.amr,
            "offline_at": maybe(one.offline_at),
            "created_at": time(one.created_at),
            "redeemed_at": maybe(one.redeemed_at),
            "expires_at": time(one.expires_at),
            "revoked_at": maybe(one.revoked_at),
            "revoke_reason": one.revoke_reason,
        })
    };
    authorizations.iter().map(told).collect()
}

async fn links(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let links = held::links(db, &user.id).await?;
    Ok(links
        .iter()
        .map(|one| {
            json!({
                "purpose": one.purpose,
                "about": one.details,
                "created_at": time(one.created_at),
                "expires_at": time(one.expires_at),
                "used_at": maybe(one.used_at),
            })
        })
        .collect())
}

/// The details of an event, but for why support locked the account: that is for the operator's audit
/// trail alone, and all that is said of it is that it is held.
fn told(event: &Event) -> Value {
    match &event.details {
        Value::Object(details) if event.kind == "user_locked" => {
            json!({ "reason_held_by_support": details.contains_key("reason") })
        }
        details => details.clone(),
    }
}

async fn trail(db: &mut Db, user: &User) -> Result<Vec<Value>, StoreError> {
    let mut trail: Vec<Value> = Vec::new();
    let mut last: Option<(Timestamp, String)> = None;
    loop {
        let before = last.as_ref().map(|(at, id)| (*at, id.as_str()));
        let filter =
            events::Filter { user_id: Some(&user.id), since: None, before, limit: PORTION };
        let portion = events::list(db, filter).await?;
        let Some(oldest) = portion.last() else { return Ok(trail) };
        last = Some((oldest.at, oldest.id.clone()));
        trail.extend(portion.iter().map(|event| {
            json!({
                "at": time(event.at),
                "kind": event.kind,
                "outcome": event.outcome,
                "client_id": event.client_id,
                "session_id": event.session_id,
                "actor": event.actor,
                "address": event.address,
                "user_agent": event.user_agent,
                "details": told(event),
            })
        }));
    }
}
