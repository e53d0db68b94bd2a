//! `/login/two-factor`: the code that a proven password still owes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::sign_in;
use crate::identity::two_factor::{self, Attempt, SecondFactor};
use crate::paths;
use crate::store::pending_sign_ins::PendingSignIn;
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, add_cookie, whereabouts};
use crate::web::steps::{Entry, Onward, deny, enter, page_of};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
struct TwoFactorPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    error: Option<&'a str>,
    backup: bool,
    other_url: Option<&'a str>,
    trust_offered: bool,
    cancel: bool,
}

/// Asks for the code, of a browser that has proven a password and nobody else.
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
        Some(pending) => show(&app, &browser, &onward, &pending, None).await,
        None => Ok(begin_anew(&app, &onward)),
    }
}

async fn owing(app: &App, headers: &HeaderMap) -> Result<Option<PendingSignIn>, PageError> {
    match cookies::read(app, headers, Name::PendingSignIn) {
        Some(token) => Ok(sign_in::owing(app, &token).await?),
        None => Ok(None),
    }
}

fn begin_anew(app: &App, onward: &Onward) -> Response {
    let mut response = see_other(&onward.step(paths::LOGIN));
    add_cookie(&mut response, cookies::clear(app, Name::PendingSignIn));
    response
}

async fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    pending: &PendingSignIn,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let Some(user) = two_factor::person(app, pending).await? else {
        return Ok(begin_anew(app, onward));
    };
    let (mut page, client) =
        page_of(app, browser, "sign_in/two_factor.html", onward.pending()).await?;
    if error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let content = TwoFactorPage {
        action: paths::LOGIN_TWO_FACTOR,
        request: onward.request_id(),
        to: onward.page(),
        account: AccountView::of(&user),
        application: client.as_deref().map(ApplicationView::of),
        error,
        backup: false,
        other_url: None,
        trust_offered: false,
        cancel: onward.pending().is_some(),
    };
    page.render(app, &content)
}

/// Checks the code.
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
    let Some(pending) = owing(&app, &headers).await? else { return Ok(begin_anew(&app, &onward)) };
    let whereabouts = whereabouts(&app, &headers, address);
    let attempt = Attempt {
        code: form.text("code"),
        whereabouts: &whereabouts,
        client_id: onward.pending().map(|request| request.client_id.as_str()),
    };
    match two_factor::check_code(&app, &pending, attempt).await? {
        SecondFactor::Proven(user, proof) => {
            let entry = Entry {
                user: &user,
                proof: &proof,
                whereabouts: &whereabouts,
                before: signed_in.as_ref().map(|signed_in| &signed_in.session),
                remembered: pending.remembered_at.is_some(),
            };
            enter(&app, &entry, &onward).await
        }
        SecondFactor::Wrong => {
            let error = "The code is not right, or was used before. Wait for the next one.";
            show(&app, &form.browser, &onward, &pending, Some(error)).await
        }
        SecondFactor::Over => Ok(begin_anew(&app, &onward)),
    }
}
