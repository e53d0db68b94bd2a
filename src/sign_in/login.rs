//! `/login`: name and password.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use serde::Serialize;

use super::locked;
use crate::app::App;
use crate::identity::sessions::{Method, Proof};
use crate::identity::sign_in::{self, Attempt, SignIn};
use crate::identity::two_factor;
use crate::paths;
use crate::protocol::next_step::ACR_MFA;
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, add_cookie, whereabouts};
use crate::web::steps::{Anew, Entry, Onward, deny, enter, page_of};
use crate::web::views::ApplicationView;

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
struct LoginPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    username: &'a str,
    note: Option<&'static str>,
    error: Option<&'a str>,
    application: Option<ApplicationView>,
    afresh: bool,
    switch_url: Option<String>,
    remember_offered: bool,
    remember: bool,
    recover_url: String,
    cancel: bool,
}

/// Shows the form.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let text = |name| query.once(name).ok().flatten().unwrap_or_default();
    let onward = Onward::read(&app, &browser, text("request"), text("to")).await?;
    let switch = !text("switch").is_empty();
    let present = signed_in.filter(|_| !switch);
    if let Some(signed_in) = &present
        && is_done(&app, &onward, signed_in).await?
    {
        return Ok(see_other(&onward.address()));
    }
    let hint = onward.pending().and_then(|pending| pending.request.login_hint.clone());
    let username = match &present {
        Some(signed_in) => signed_in.user.username.clone(),
        None if switch => String::new(),
        None => hint.filter(|hint| hint.chars().count() <= 254).unwrap_or_default(),
    };
    show(
        &app,
        &browser,
        &onward,
        Shown {
            username: &username,
            afresh: present.is_some(),
            note: Anew::read(text("done")).map(Anew::sentence),
            error: None,
            remember: false,
        },
    )
    .await
}

/// Whether whoever is here need not sign in for this any more.
async fn is_done(app: &App, onward: &Onward, here: &SignedIn) -> Result<bool, PageError> {
    let Some(pending) = onward.pending() else { return Ok(true) };
    if here.session.auth_time < pending.created_at {
        return Ok(false);
    }
    let Some(hinted) = &pending.hinted_subject else { return Ok(true) };
    let client = app.store.client(&pending.client_id).await?.ok_or(PageError::RequestGone)?;
    Ok(app.subject(&client.metadata, &here.user.id) == *hinted)
}

struct Shown<'a> {
    username: &'a str,
    afresh: bool,
    note: Option<&'static str>,
    error: Option<&'a str>,
    remember: bool,
}

async fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    shown: Shown<'_>,
) -> Result<Response, PageError> {
    let (mut page, client) = page_of(app, browser, "sign_in/login.html", onward.pending()).await?;
    if shown.error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let content = LoginPage {
        action: paths::LOGIN,
        request: onward.request_id(),
        to: onward.page(),
        username: shown.username,
        note: shown.note,
        error: shown.error,
        application: client.as_deref().map(ApplicationView::of),
        afresh: shown.afresh,
        switch_url: shown.afresh.then(|| format!("{}&switch=1", onward.step(paths::LOGIN))),
        remember_offered: app.config.sessions.remember_enabled && !shown.afresh,
        remember: shown.remember,
        recover_url: onward.step(paths::RECOVER),
        cancel: onward.pending().is_some(),
    };
    page.render(app, &content)
}

/// Checks what was typed.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let onward = Onward::read(&app, &form.browser, form.text("request"), form.text("to")).await?;
    if form.text("decision") == "deny"
        && let Some(pending) = onward.pending()
    {
        return Ok(see_other(&deny(&app, pending, None).await?));
    }
    let whereabouts = whereabouts(&app, &headers, address);
    let attempt = Attempt {
        login: form.text("username"),
        password: form.text("password").into(),
        whereabouts: &whereabouts,
        client_id: onward.pending().map(|pending| pending.client_id.as_str()),
    };
    let refused = Shown {
        username: form.text("username"),
        afresh: signed_in.as_ref().is_some_and(|one| one.user.username == form.text("username")),
        note: None,
        error: None,
        remember: !form.text("remember").is_empty(),
    };
    let outcome = sign_in::sign_in(&app, attempt).await?;
    let error = match &outcome {
        SignIn::Proven { user, hash } | SignIn::SecondFactorNeeded { user, hash } => {
            let entry = Entry {
                user,
                proof: &Proof::password(app.clock.now()),
                whereabouts: &whereabouts,
                before: signed_in.as_ref().map(|signed_in| &signed_in.session),
                remembered: refused.remember,
                hash: Some(hash),
                pending: None,
                trusts: false,
            };
            return if matches!(outcome, SignIn::Proven { .. }) {
                enter(&app, &entry, &onward).await
            } else {
                owe_or_trust(&app, &entry, &onward).await
            };
        }
        SignIn::Busy => return Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
        SignIn::Locked => return locked::show(&app, &form.browser, &onward).await,
        SignIn::Blocked { retry_after } => {
            let words = blocked_for(*retry_after);
            let refused = Shown { error: Some(&words), ..refused };
            let mut response = show(&app, &form.browser, &onward, refused).await?;
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            let wait = retry_after.unwrap_or(*app.config.login.lockout).as_secs().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            return Ok(response);
        }
        SignIn::Refused => "The user name or the password is not right.",
    };
    show(&app, &form.browser, &onward, Shown { error: Some(error), ..refused }).await
}

/// Why nothing was looked at, and what the owner of the account can do. The same for every name,
/// also for those that nobody has.
fn blocked_for(retry_after: Option<Duration>) -> String {
    let when = match retry_after.map(|wait| wait.as_secs().div_ceil(60)) {
        Some(0 | 1) => "Wait a minute".to_owned(),
        Some(minutes) => format!("Wait {minutes} minutes"),
        None => "This stays so until you sign in from a browser you have used before".to_owned(),
    };
    format!(
        "Too many wrong passwords were typed for this account, so none is looked at now. {when}, \
         use a browser you have signed in from before, or choose a new password by mail."
    )
}

/// The password is proven, and a code is owed unless the person trusts this browser.
async fn owe_or_trust(
    app: &App,
    entry: &Entry<'_>,
    onward: &Onward,
) -> Result<Response, PageError> {
    if !wants_more(onward) && two_factor::skips_code(app, entry.user, entry.whereabouts).await? {
        let proof = Proof { method: Method::TrustedBrowser, ..entry.proof.clone() };
        return enter(app, &Entry { proof: &proof, ..*entry }, onward).await;
    }
    owe(app, entry, onward).await
}

/// Whether the application asks for more than a trusted browser can give: a second factor, or
/// that the person proves anew who they are (S-091).
fn wants_more(onward: &Onward) -> bool {
    onward.pending().is_some_and(|pending| {
        let asked = &pending.request;
        asked.acr_values.iter().any(|acr| acr == ACR_MFA)
            || asked.claims.essential_acr().contains(&ACR_MFA)
            || asked.prompt.login()
            || asked.max_age.is_some()
    })
}

/// The password is proven, nothing is open yet: on to the second factor, in an interaction of its
/// own.
async fn owe(app: &App, entry: &Entry<'_>, onward: &Onward) -> Result<Response, PageError> {
    let client_id = onward.pending().map(|pending| pending.client_id.as_str());
    let Some(token) = sign_in::owe_second_factor(app, entry, client_id).await? else {
        return Ok(see_other(&Anew::Overtaken.address(onward)));
    };
    let mut response = see_other(&onward.step(paths::LOGIN_TWO_FACTOR));
    let lasts = Some(sign_in::PENDING_TTL);
    add_cookie(&mut response, cookies::set(app, Name::PendingSignIn, &token, lasts));
    Ok(response)
}
