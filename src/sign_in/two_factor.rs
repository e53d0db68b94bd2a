//! `/login/two-factor`: the code of an app, or a backup code, that a proven password still owes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::sign_in;
use crate::identity::two_factor::{self, Attempt, Factor, SecondFactor};
use crate::paths;
use crate::store::pending_sign_ins::PendingSignIn;
use crate::store::{backup_codes, credentials};
use crate::web::client_address::ClientAddress;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, add_cookie, whereabouts};
use crate::web::steps::{Anew, Entry, Onward, deny, enter, page_of};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
struct TwoFactorPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    error: Option<&'a str>,
    backup: bool,
    other_url: Option<String>,
    trust_offered: bool,
    trust_days: u64,
    trust: bool,
    cancel: bool,
}

/// How the page is shown: which kind of code it asks for, and what was wrong with the last one.
#[derive(Clone, Copy, Default)]
struct Shown<'a> {
    backup: bool,
    error: Option<&'a str>,
    trust: bool,
}

/// The word in the address and the form that asks for a backup code.
const BACKUP: &str = "backup";

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
        Some(pending) => {
            let shown = Shown { backup: text("kind") == BACKUP, ..Shown::default() };
            show(&app, &browser, &onward, &pending, shown).await
        }
        None => Ok(begin_anew(&app, &onward, Anew::Over)),
    }
}

pub(super) async fn owing(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<PendingSignIn>, PageError> {
    match cookies::read(app, headers, Name::PendingSignIn) {
        Some(token) => Ok(sign_in::owing(app, &token).await?),
        None => Ok(None),
    }
}

/// Back to name and password, with a word on why.
pub(super) fn begin_anew(app: &App, onward: &Onward, why: Anew) -> Response {
    let mut response = see_other(&why.address(onward));
    add_cookie(&mut response, cookies::clear(app, Name::PendingSignIn));
    response
}

async fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
    pending: &PendingSignIn,
    shown: Shown<'_>,
) -> Result<Response, PageError> {
    let Some(user) = two_factor::person(app, pending).await? else {
        return Ok(begin_anew(app, onward, Anew::Overtaken));
    };
    let (has_factor, codes) = {
        let mut db = app.store.read().await?;
        (
            credentials::has_second_factor(&mut db, &user.id).await?,
            backup_codes::count_left(&mut db, &user.id).await?,
        )
    };
    if !has_factor {
        return Ok(see_other(&onward.step(paths::LOGIN_TWO_FACTOR_SET_UP)));
    }
    let Shown { backup, error, trust } = shown;
    let here = onward.step(paths::LOGIN_TWO_FACTOR);
    let other_url = match (backup, codes) {
        (true, _) => Some(here),
        (false, 0) => None,
        (false, _) => Some(format!("{here}&kind={BACKUP}")),
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
        backup,
        other_url,
        // A backup code is typed where the phone is not, often at somebody else's computer.
        trust_offered: two_factor::is_offered(app) && !backup,
        trust_days: app.config.login.trust_browser_for.as_secs() / 86_400,
        trust,
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
    let Some(pending) = owing(&app, &headers).await? else {
        return Ok(begin_anew(&app, &onward, Anew::Over));
    };
    let whereabouts = whereabouts(&app, &headers, address);
    let attempt = Attempt {
        code: form.text("code"),
        whereabouts: &whereabouts,
        client_id: onward.pending().map(|request| request.client_id.as_str()),
    };
    let backup = form.text("kind") == BACKUP;
    let error = match two_factor::check_code(&app, &pending, attempt).await? {
        SecondFactor::Proven(user, proof, factor) => {
            let entry = Entry {
                user: &user,
                proof: &proof,
                whereabouts: &whereabouts,
                before: signed_in.as_ref().map(|signed_in| &signed_in.session),
                remembered: pending.remembered_at.is_some(),
                hash: None,
                pending: Some(&pending.id_hash),
                trusts: factor == Factor::Totp && !form.text("trust").is_empty(),
            };
            return arrive(&app, &entry, &onward, factor).await;
        }
        SecondFactor::Over => return Ok(begin_anew(&app, &onward, Anew::Over)),
        refused => complaint(&refused, backup),
    };
    let shown = Shown { backup, error: Some(error), trust: !form.text("trust").is_empty() };
    show(&app, &form.browser, &onward, &pending, shown).await
}

/// Why a code did not do.
fn complaint(refused: &SecondFactor, backup: bool) -> &'static str {
    match refused {
        SecondFactor::TooFast => {
            "Too many wrong codes. Wait half a minute, then enter the newest code."
        }
        SecondFactor::Later => {
            "Too many wrong codes came from browsers that are new to this account. Wait an hour, use \
             a browser you have signed in from before, or use a backup code."
        }
        SecondFactor::Blocked => {
            "After so many wrong codes, the app’s codes are not taken any more. Use a backup code, \
             or ask support."
        }
        _ if backup => "The backup code is not right, or was used before. Each works once.",
        SecondFactor::Wrong { tries } if *tries > 1 => {
            "The code is not right, or was used before. If the newest one does not work either, \
             check that the time on your phone is set automatically."
        }
        _ => "The code is not right, or was used before. Wait for the next one.",
    }
}

/// Signs the browser in. After a backup code our own pages begin with the question whether the phone
/// is lost; an application is not kept waiting by it.
async fn arrive(
    app: &App,
    entry: &Entry<'_>,
    onward: &Onward,
    factor: Factor,
) -> Result<Response, PageError> {
    let recovered = Onward::Page(paths::ACCOUNT_TWO_FACTOR_RECOVERED);
    let onward = match (factor, onward) {
        (Factor::BackupCode { .. }, Onward::Page(_)) => &recovered,
        _ => onward,
    };
    enter(app, entry, onward).await
}
