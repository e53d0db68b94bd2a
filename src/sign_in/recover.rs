//! `/recover`: asking for a link to choose a new password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::recovery;
use crate::notices::RECOVERY_TTL;
use crate::paths;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::steps::Onward;

/// What the page says above its form, or in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Situation {
    /// Nothing happened yet.
    Ask,
    /// A link is on its way, if there is anybody to send it to.
    Sent,
    /// The new password is set.
    Changed,
    /// The link to choose a new password counts no more.
    Gone,
    /// The session that somebody did not know is ended.
    Ended,
    /// The link to end a session counts no more.
    Over,
}

#[derive(Serialize)]
struct RecoverPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    state: Situation,
    sign_in_url: String,
    username: &'a str,
    minutes: u64,
}

/// Asks whose password it is, or says what was done; the words of the address are our own.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let text = |name| query.once(name).ok().flatten().unwrap_or_default();
    let situation = match text("done") {
        "sent" => Situation::Sent,
        "changed" => Situation::Changed,
        "ended" => Situation::Ended,
        _ => Situation::Ask,
    };
    let onward = onward(&app, &browser, text("request"), text("to")).await?;
    let username = signed_in.as_ref().map(|one| one.user.username.as_str());
    page(&app, &browser, &onward, (situation, username.unwrap_or_default()))
}

/// Where to go on after signing in at last. A request that is over by then is no reason to refuse
/// a new password.
async fn onward(
    app: &App,
    browser: &Browser,
    request: &str,
    to: &str,
) -> Result<Onward, PageError> {
    match Onward::read(app, browser, request, to).await {
        Err(PageError::RequestGone) => Ok(Onward::Page(paths::ACCOUNT_SECURITY)),
        other => other,
    }
}

/// The page in this situation; a link that counts no more is as if it never was (404).
pub(super) fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    state: Situation,
) -> Result<Response, PageError> {
    page(app, browser, onward, (state, ""))
}

/// The same for the person who is signed in here, whose name need not be typed.
fn page(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    (state, username): (Situation, &str),
) -> Result<Response, PageError> {
    let mut page = Page::new("sign_in/recover.html").forms_of(app, browser);
    if matches!(state, Situation::Gone | Situation::Over) {
        page = page.status(StatusCode::NOT_FOUND);
    }
    let content = RecoverPage {
        action: paths::RECOVER,
        request: onward.request_id(),
        to: onward.page(),
        state,
        sign_in_url: onward.step(paths::LOGIN),
        username,
        minutes: RECOVERY_TTL.as_secs() / 60,
    };
    page.render(app, &content)
}

/// Takes the request. The answer is the same for everybody, and comes as fast.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let onward = onward(&app, &form.browser, form.text("request"), form.text("to")).await?;
    let whereabouts = whereabouts(&app, &headers, address);
    let source = ClientAddress(address).rate_limit_key().to_string();
    recovery::ask(&app, form.text("username"), &whereabouts, &source).await?;
    Ok(see_other(&format!("{}&done=sent", onward.step(paths::RECOVER))))
}
