//! Answers an authorization request: with a code, or with what was refused.

use axum::response::Response;
use serde::Serialize;

use super::Situation;
use crate::app::App;
use crate::grants::authorization_code;
use crate::notices::{self, Notice, Source};
use crate::paths;
use crate::protocol::authorization_request::{AuthorizationRequest, ResponseTarget};
use crate::protocol::authorization_response::{self, AuthorizationResponse};
use crate::protocol::client::GrantType;
use crate::protocol::code_grant::{self, authorization::Asked};
use crate::protocol::error::OAuthError;
use crate::protocol::next_step::Decision;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::scope::Scope;
use crate::secret::sha256;
use crate::store::Db;
use crate::store::authorization_requests::{self as requests, Code};
use crate::store::authorizations::{self, Authorization};
use crate::store::consents::{self, Consent};
use crate::store::events::{self, Event};
use crate::store::sessions;
use crate::web::error::PageError;
use crate::web::page::{Page, see_other};
use crate::web::session::SignedIn;

/// Answers with a code, once.
pub(super) async fn success(
    app: &App,
    situation: &Situation<'_>,
    scope: Scope,
    pending: Option<&str>,
) -> Result<Response, PageError> {
    let Some(signed_in) = situation.signed_in else { return Err(PageError::RequestGone) };
    let now = app.clock.now();
    let request = situation.request;
    let target = request.target();
    let challenge = request.code_challenge.as_ref().map(CodeChallenge::as_str);
    let asked = Asked {
        redirect_uri: &request.redirect_uri,
        scope: &request.scope,
        code_challenge: challenge,
    };
    let approved =
        match code_grant::authorization::check(&situation.client.metadata, &asked, &scope) {
            Ok(approved) => approved,
            Err(error) => return refusal(app, &target, &error),
        };
    let code = app.random.token(authorization_code::PREFIX);
    let mut db = app.store.write().await?;
    if !sessions::hold(&mut db, &signed_in.session.id, now).await? {
        return match pending {
            Some(id) => Ok(see_other(&paths::resume(id))),
            None => refusal(app, &target, &signed_out(request)),
        };
    }
    if let Some(id) = pending
        && !requests::finish(&mut db, id, now).await?
    {
        return Err(PageError::RequestGone);
    }
    let Some(consent) = consent(app, &mut db, situation, signed_in, &approved.scope).await? else {
        db.commit().await?;
        return refusal(app, &target, &withdrawn(request));
    };
    let authorization =
        authorize(app, &mut db, situation, (signed_in, &consent), approved.scope).await?;
    let record = Code {
        code_hash: sha256(&code),
        authorization_id: authorization.id,
        client_id: situation.client.id.clone(),
        redirect_uri: approved.redirect_uri,
        code_challenge: challenge.map(str::to_owned),
        created_at: now,
        expires_at: now + *app.config.tokens.code_ttl,
        consumed_at: None,
    };
    requests::insert_code(&mut db, &record).await?;
    db.commit().await?;
    show(app, authorization_response::success(&target, &app.config.issuer, &code), &target)
}

/// The consent that the answer stands on: made or widened by who has just said yes (or need not be
/// asked), else the standing one. `None` when that was taken back since it was looked at: a
/// revocation that was confirmed is never undone by a request that was on its way.
async fn consent(
    app: &App,
    db: &mut Db,
    situation: &Situation<'_>,
    signed_in: &SignedIn,
    scope: &Scope,
) -> Result<Option<Consent>, PageError> {
    let now = app.clock.now();
    let (user, client) = (&signed_in.user, situation.client);
    if situation.decision != Some(Decision::Allowed) && !client.metadata.first_party {
        return Ok(consents::hold(db, &user.id, &client.id, now).await?);
    }
    // The consent covers what the `claims` parameter brings along, too.
    let scope = situation.request.consent_scope().union(scope);
    let new_id = app.random.id(now);
    let allowed = consents::allow(db, &new_id, &user.id, &client.id, &scope, now).await?;
    let kind = match () {
        () if allowed.is_new => "application_connected",
        () if !allowed.added.is_empty() => "application_widened",
        () => return Ok(Some(allowed.consent)),
    };
    let details = serde_json::json!({
        "application": client.metadata.client_name, "scope": allowed.added.to_string(),
    });
    events::record(db, &event(app, situation, signed_in, kind, details)).await?;
    // The operator's own are part of the house: nobody was asked about them, so nobody is told.
    if allowed.is_new && !client.metadata.first_party {
        let source = Source {
            address: &situation.whereabouts.address,
            user_agent: &situation.whereabouts.user_agent,
        };
        let notice = Notice::ApplicationConnected { application: &client.metadata.client_name };
        notices::tell(app, db, user, source, notice).await?;
    }
    Ok(Some(allowed.consent))
}

/// Refuses what a client asked behind the person's back. The consent is read after the session: where
/// one act has ended both in between, nobody is signed in, and no consent would help.
pub(super) async fn refuse(
    app: &App,
    situation: &Situation<'_>,
    error: OAuthError,
) -> Result<Response, PageError> {
    let request = situation.request;
    let Some(signed_in) = situation.signed_in.filter(|_| request.prompt.none()) else {
        return refusal(app, &request.target(), &error);
    };
    let session = {
        let mut db = app.store.read().await?;
        sessions::find(&mut db, &signed_in.session.id).await?
    };
    let is_over = session.is_none_or(|session| session.ended_at.is_some());
    refusal(app, &request.target(), &if is_over { signed_out(request) } else { error })
}

/// The person took back what they had allowed, at this very moment.
fn withdrawn(request: &AuthorizationRequest) -> OAuthError {
    let why = "the person has just taken the permission back";
    if request.prompt.none() {
        OAuthError::consent_required(why)
    } else {
        OAuthError::access_denied(why)
    }
}

/// The session was ended, at this very moment: what it was asked for is not done in its name.
fn signed_out(request: &AuthorizationRequest) -> OAuthError {
    let why = "the person has just been signed out";
    if request.prompt.none() {
        OAuthError::login_required(why)
    } else {
        OAuthError::access_denied(why)
    }
}

/// Something that the person did to this client, from where they sit.
fn event(
    app: &App,
    situation: &Situation<'_>,
    signed_in: &SignedIn,
    kind: &str,
    details: serde_json::Value,
) -> Event {
    Event {
        user_id: Some(signed_in.user.id.clone()),
        client_id: Some(situation.client.id.clone()),
        session_id: Some(signed_in.session.id.clone()),
        actor: Some(signed_in.user.id.clone()),
        address: Some(situation.whereabouts.address.clone()),
        user_agent: Some(situation.whereabouts.user_agent.clone()),
        details,
        ..app.event(kind)
    }
}

/// Writes down what the person's approval is worth: under the consent, the authorization that
/// every token will hang on.
async fn authorize(
    app: &App,
    db: &mut Db,
    situation: &Situation<'_>,
    (signed_in, consent): (&SignedIn, &Consent),
    scope: Scope,
) -> Result<Authorization, PageError> {
    let now = app.clock.now();
    let client = situation.client;
    let tokens = &app.config.tokens;
    let offline = scope.contains("offline_access");
    let absolute = if client.metadata.is_public() {
        *tokens.refresh_absolute_public
    } else {
        *tokens.refresh_absolute_confidential
    };
    let expires_at = match (offline, client.metadata.may(GrantType::RefreshToken)) {
        (true, _) => now + absolute,
        (false, true) => signed_in.session.expires_at.min(now + absolute),
        (false, false) => now + *tokens.code_ttl + *tokens.access_ttl,
    };
    let authorization = Authorization {
        id: app.random.id(now),
        consent_id: consent.id.clone(),
        user_id: signed_in.user.id.clone(),
        client_id: client.id.clone(),
        session_id: signed_in.session.id.clone(),
        scope,
        claims: situation.request.claims.clone(),
        resource: situation.request.resource.join(" "),
        nonce: situation.request.nonce.clone(),
        auth_time: signed_in.session.auth_time,
        acr: signed_in.session.acr.clone(),
        amr: signed_in.session.amr.clone(),
        offline_at: offline.then_some(now),
        created_at: now,
        redeemed_at: None,
        expires_at,
        idle_expires_at: now + *tokens.refresh_idle,
        generation: 1,
        previous_generation: None,
        rotated_at: None,
        seen_generation: 1,
        revoked_at: None,
        revoke_reason: None,
    };
    authorizations::insert(db, &authorization).await?;
    let details = serde_json::json!({ "scope": authorization.scope.to_string() });
    let event = event(app, situation, signed_in, "application_authorized", details);
    events::record(db, &event).await?;
    Ok(authorization)
}

pub(super) fn refusal(
    app: &App,
    to: &ResponseTarget,
    error: &OAuthError,
) -> Result<Response, PageError> {
    show(app, authorization_response::refusal(to, &app.config.issuer, error), to)
}

#[derive(Serialize)]
struct FormPost {
    action: String,
    fields: Vec<Field>,
    application: Option<()>,
}

#[derive(Serialize)]
struct Field {
    name: String,
    value: String,
}

/// Sends the browser to the client, by redirect or by a form that posts itself.
fn show(
    app: &App,
    response: AuthorizationResponse,
    to: &ResponseTarget,
) -> Result<Response, PageError> {
    match response {
        AuthorizationResponse::Redirect(location) => Ok(see_other(&location)),
        AuthorizationResponse::FormPost { action, fields } => {
            let fields = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
            let form = FormPost { action, fields, application: None };
            Page::new("form_post.html")
                .answering(&to.redirect_uri)
                .script(app.random.token(""))
                .render(app, &form)
        }
    }
}
