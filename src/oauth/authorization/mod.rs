//! The authorization endpoint, RFC 6749 §3.1: takes the request in, resumes it after each step,
//! answers it.
//!
//! Every step a person takes comes back to `resume`, which asks `protocol::next_step` again.
//! What was asked is stored once, at the beginning; nothing that a later form or URL says of it
//! counts (CVE-2022-39222, CVE-2026-7571).

mod answer;
mod keeping;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use crate::app::App;
use crate::clock::Timestamp;
use crate::grants::check_resources;
use crate::identity::sessions::{self, Whereabouts};
use crate::oauth::end_session::read_hint;
use crate::paths;
use crate::protocol::authorization_request::{self, AuthorizationRequest, PersonError, Rejection};
use crate::protocol::client::GrantType;
use crate::protocol::error::OAuthError;
use crate::protocol::next_step::{self, Circumstances, Decision, NextStep, Presence};
use crate::protocol::parameters::Parameters;
use crate::protocol::redirect_uri;
use crate::store::authorization_requests::{self as requests, PendingAuthorization};
use crate::store::clients::ClientRecord;
use crate::store::consents;
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::parameters::QueryOrForm;
use crate::web::session::{Browser, Passing, SignedIn, whereabouts};

/// What is known of a request at the moment it is looked at.
struct Situation<'a> {
    client: &'a ClientRecord,
    request: &'a AuthorizationRequest,
    signed_in: Option<&'a SignedIn>,
    hinted_subject: Option<&'a str>,
    asked_at: Timestamp,
    account_selected: bool,
    decision: Option<Decision>,
    owes_second_factor: bool,
    whereabouts: &'a Whereabouts,
}

/// Takes an authorization request in.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Passing(signed_in): Passing,
    browser: Browser,
    (method, headers, ClientAddress(address)): (Method, HeaderMap, ClientAddress),
    parameters: Result<QueryOrForm, OAuthError>,
) -> Result<Response, PageError> {
    let QueryOrForm(parameters) =
        parameters.map_err(|_| PageError::BadApplicationRequest(PersonError::Unreadable))?;
    if method == Method::POST
        && browser.is_new()
        && let Some(again) = by_get(&parameters)
    {
        return Ok(see_other(&again));
    }
    let client = calling_client(&app, &parameters).await?;
    let request = match authorization_request::check(&parameters, &client.metadata) {
        Ok(request) => request,
        Err(Rejection::ShowPerson(error)) => {
            return Err(PageError::BadApplicationRequest(error));
        }
        Err(Rejection::TellClient { to, error }) => return answer::refusal(&app, &to, &error),
    };
    note_activity(&app, &request, signed_in.as_ref()).await?;
    let target = request.target();
    if let Err(error) = check_resources(&app, &request.resource).await {
        return answer::refusal(&app, &target, &error);
    }
    let hinted_subject = match hinted_subject(&app, &client, &request) {
        Ok(subject) => subject,
        Err(error) => return answer::refusal(&app, &target, &error),
    };
    let now = app.clock.now();
    let situation = Situation {
        client: &client,
        request: &request,
        signed_in: signed_in.as_ref(),
        hinted_subject: hinted_subject.as_deref(),
        asked_at: now,
        account_selected: false,
        decision: None,
        owes_second_factor: owes_second_factor(&app, &headers).await?,
        whereabouts: &whereabouts(&app, &headers, address),
    };
    match decide(&app, &situation).await? {
        NextStep::Refuse(error) => answer::refuse(&app, &situation, error).await,
        NextStep::Answer { scope } => answer::success(&app, &situation, scope, None).await,
        _ => {
            let (id, lasts) = (app.random.token(""), *app.config.login.request_ttl);
            let pending = PendingAuthorization {
                hinted_subject,
                source: keeping::source(signed_in.as_ref(), address),
                ..PendingAuthorization::new(id, browser.hash(), request, now, lasts)
            };
            if let Err(error) = keeping::check_length(&pending) {
                return answer::refusal(&app, &target, &error);
            }
            keeping::keep(&app, &pending).await?;
            let from = (&headers, address);
            let mut response = resume_pending(&app, &pending, signed_in.as_ref(), from).await?;
            browser.remember(&app, &mut response);
            Ok(response)
        }
    }
}

/// Keeps the session alive, unless the client asks behind the person's back (`prompt=none`): what
/// a program does every few minutes by itself says nothing about who sits there (NIST SP 800-63B
/// §5.2).
async fn note_activity(
    app: &App,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
) -> Result<(), PageError> {
    if let Some(signed_in) = signed_in.filter(|_| !request.prompt.none()) {
        sessions::keep_alive(app, &signed_in.session).await?;
    }
    Ok(())
}

/// The longest request that is asked again by GET.
const LONGEST_QUERY: usize = 6 * 1024;

/// The same request by GET. A form on another site brings none of our cookies, so the browser
/// would seem to be signed out; the redirect after it does bring them.
fn by_get(parameters: &Parameters) -> Option<String> {
    let query = parameters.encoded();
    (query.len() <= LONGEST_QUERY).then(|| format!("{}?{query}", paths::AUTHORIZE))
}

/// Goes on with a request after a step.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    (headers, ClientAddress(address)): (HeaderMap, ClientAddress),
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let pending = {
        let mut db = app.store.read().await?;
        requests::find(&mut db, &id, &browser.hash(), app.clock.now()).await?
    };
    let pending = pending.ok_or(PageError::RequestGone)?;
    resume_pending(&app, &pending, signed_in.as_ref(), (&headers, address)).await
}

async fn resume_pending(
    app: &App,
    pending: &PendingAuthorization,
    signed_in: Option<&SignedIn>,
    (headers, address): (&HeaderMap, IpAddr),
) -> Result<Response, PageError> {
    let client = live_client(app, &pending.client_id).await?;
    // It was registered when the request came in, and must still be: nothing is ever sent to an
    // address that is not.
    if !redirect_uri::matches(&client.metadata.redirect_uris, &pending.request.redirect_uri) {
        return Err(PageError::BadApplicationRequest(PersonError::UnregisteredRedirectUri));
    }
    let target = pending.request.target();
    // A decision counts only for the person who made it.
    let decided_here =
        signed_in.map(|signed_in| signed_in.user.id.as_str()) == pending.decided_by.as_deref();
    let decision = match pending.decision.as_deref() {
        Some("denied") => Some(Decision::Denied),
        Some("allowed") if decided_here => Some(Decision::Allowed),
        _ => None,
    };
    let situation = Situation {
        client: &client,
        request: &pending.request,
        signed_in,
        hinted_subject: pending.hinted_subject.as_deref(),
        asked_at: pending.created_at,
        account_selected: pending.account_selected_at.is_some(),
        decision,
        owes_second_factor: owes_second_factor(app, headers).await?,
        whereabouts: &whereabouts(app, headers, address),
    };
    let step = |path: &str| Ok(see_other(&format!("{path}?request={}", pending.id)));
    match decide(app, &situation).await? {
        NextStep::SignIn { .. } => step(paths::LOGIN),
        NextStep::SecondFactor => step(paths::LOGIN_TWO_FACTOR),
        NextStep::SelectAccount => step(paths::LOGIN_ACCOUNT),
        NextStep::Consent { .. } => step(paths::CONSENT),
        NextStep::Answer { scope } => {
            answer::success(app, &situation, scope, Some(&pending.id)).await
        }
        NextStep::Refuse(error) => {
            let mut db = app.store.write().await?;
            if !requests::finish(&mut db, &pending.id, app.clock.now()).await? {
                return Err(PageError::RequestGone);
            }
            db.commit().await?;
            answer::refusal(app, &target, &error)
        }
    }
}

/// Whether somebody has proven a password in this browser and owes the code.
async fn owes_second_factor(app: &App, headers: &HeaderMap) -> Result<bool, PageError> {
    match cookies::read(app, headers, Name::PendingSignIn) {
        Some(token) => Ok(crate::identity::sign_in::owing(app, &token).await?.is_some()),
        None => Ok(false),
    }
}

async fn calling_client(
    app: &App,
    parameters: &Parameters,
) -> Result<Arc<ClientRecord>, PageError> {
    let id = authorization_request::client_id(parameters);
    live_client(app, id.map_err(PageError::BadApplicationRequest)?).await
}

/// The client of this id, if it may ask people now: one that was disabled while they signed in
/// may not any more.
async fn live_client(app: &App, id: &str) -> Result<Arc<ClientRecord>, PageError> {
    let client = app.store.live().await?.client(id).await?;
    client
        .filter(|client| {
            client.disabled_at.is_none() && client.metadata.may(GrantType::AuthorizationCode)
        })
        .ok_or(PageError::BadApplicationRequest(PersonError::UnknownClient))
}

/// The person an `id_token_hint` or the `claims` parameter speaks of, as this client knows them.
/// A hint must be ours and this client's; its age does not matter (OpenID Connect Core §3.1.2.1).
fn hinted_subject(
    app: &App,
    client: &ClientRecord,
    request: &AuthorizationRequest,
) -> Result<Option<String>, OAuthError> {
    let Some(hint) = &request.id_token_hint else {
        return Ok(request.claims.subject().map(str::to_owned));
    };
    let hint = read_hint(app, hint).filter(|hint| hint.client_id == client.id);
    let invalid = || OAuthError::invalid_request("the id_token_hint is not valid");
    Ok(Some(hint.ok_or_else(invalid)?.subject))
}

async fn decide(app: &App, situation: &Situation<'_>) -> Result<NextStep, PageError> {
    let presence = situation.signed_in.map(|signed_in| Presence {
        user_id: signed_in.user.id.clone(),
        auth_time: signed_in.session.auth_time,
        second_factor: signed_in.session.amr.split(' ').any(|method| method == "mfa"),
    });
    let consented = match &presence {
        Some(presence) => {
            let mut db = app.store.read().await?;
            consents::find(&mut db, &presence.user_id, &situation.client.id).await?
        }
        None => None,
    };
    // A pairwise subject cannot be turned back: it is compared with that of who is here.
    let hinted_user = situation.hinted_subject.map(|hinted| match &presence {
        Some(here) if app.subject(&situation.client.metadata, &here.user_id) == hinted => {
            here.user_id.as_str()
        }
        _ => hinted,
    });
    Ok(next_step::decide(&Circumstances {
        request: situation.request,
        client: &situation.client.metadata,
        presence: presence.as_ref(),
        owes_second_factor: situation.owes_second_factor,
        asked_at: situation.asked_at,
        account_selected: situation.account_selected,
        hinted_user,
        consented: consented.as_ref().map(|(_, scope)| scope),
        decision: situation.decision,
        now: app.clock.now(),
    }))
}
