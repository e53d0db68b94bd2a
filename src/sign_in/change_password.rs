//! `/login/change-password`: who signed in with a temporary password chooses another one before
//! anything opens. Until then the sign-in is an interaction, whatever was proven.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::two_factor::begin_anew;
use crate::app::App;
use crate::identity::temporary_password::{self, Chosen, Owing};
use crate::paths;
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::password_rules::{Refused, RuleView};
use crate::web::session::{Browser, SignedIn, add_cookie, whereabouts};
use crate::web::steps::{Anew, Entry, Onward, deny, enter, page_of};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
struct ChangePasswordPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    check_url: &'a str,
    rules: Vec<RuleView>,
    problems: Vec<String>,
    error: Option<&'static str>,
    cancel: bool,
}

/// Shows the form, to a browser that has proven a temporary password and nobody else.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    browser: Browser,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let text = |name| query.once(name).ok().flatten().unwrap_or_default();
    let onward = Onward::read(&app, &browser, text("request"), text("to")).await?;
    match owing(&app, &headers).await? {
        Some(owing) => show(&app, &browser, &onward, (&owing, &Refused::default())).await,
        None => Ok(begin_anew(&app, &onward, Anew::Over)),
    }
}

pub(super) async fn owing(app: &App, headers: &HeaderMap) -> Result<Option<Owing>, PageError> {
    match cookies::read(app, headers, Name::PendingSignIn) {
        Some(token) => Ok(temporary_password::owing(app, &token).await?),
        None => Ok(None),
    }
}

async fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    (owing, refused): (&Owing, &Refused),
) -> Result<Response, PageError> {
    let (page, client) =
        page_of(app, browser, "sign_in/change_password.html", onward.pending()).await?;
    let mut page = page.connecting();
    if refused.error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let content = ChangePasswordPage {
        action: paths::LOGIN_CHANGE_PASSWORD,
        request: onward.request_id(),
        to: onward.page(),
        account: AccountView::of(&owing.user),
        application: client.as_deref().map(ApplicationView::of),
        check_url: paths::LOGIN_CHANGE_PASSWORD_CHECK,
        rules: refused.rules(app),
        problems: refused.sentences(),
        error: refused.error,
        cancel: onward.pending().is_some(),
    };
    page.render(app, &content)
}

/// Sets the new password, and signs in with what was proven before.
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
    let Some(owing) = owing(&app, &headers).await? else {
        return Ok(begin_anew(&app, &onward, Anew::Over));
    };
    let again =
        async |refused: Refused| show(&app, &form.browser, &onward, (&owing, &refused)).await;
    let password = form.text("password");
    if let Some(refused) = Refused::look_at(&app, &owing.user, (password, form.text("repeat"))) {
        return again(refused).await;
    }
    let whereabouts = whereabouts(&app, &headers, address);
    let chosen = temporary_password::choose(&app, &owing, &password.into(), &whereabouts).await?;
    let hash = match chosen {
        Chosen::Done { hash } => hash,
        Chosen::Weak(weakness) => return again(Refused::with(weakness)).await,
        Chosen::Over => return Ok(begin_anew(&app, &onward, Anew::Overtaken)),
        Chosen::Busy => return Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
    };
    let entry = Entry {
        user: &owing.user,
        proof: &owing.proof,
        whereabouts: &whereabouts,
        before: signed_in.as_ref().map(|signed_in| &signed_in.session),
        remembered: owing.pending.remembered_at.is_some(),
        hash: Some(&hash),
        pending: None,
        trusts: false,
    };
    let mut response = enter(&app, &entry, &onward).await?;
    add_cookie(&mut response, cookies::clear(&app, Name::PendingSignIn));
    Ok(response)
}
