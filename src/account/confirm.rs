//! `/account/confirm`: proving once more who one is, before something that matters.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::confirm::{self, Attempt, Confirmation};
use crate::identity::sessions::{self, Proof};
use crate::paths;
use crate::store::acting;
use crate::store::sessions::BrowserSession;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, give_session, whereabouts};
use crate::web::shell;
use crate::web::sudo::{back_to, destination, is_fresh, kept_id};
use crate::web::views::AccountView;

#[derive(Serialize)]
struct ConfirmPage<'a> {
    action: &'static str,
    kept: &'a str,
    account: AccountView,
    onward: &'static str,
    asks_for_code: bool,
    error: Option<String>,
    recover_url: String,
    cancel_url: String,
}

/// Where to go on, what that is called, and where it was asked for.
struct Onward {
    kept: String,
    address: String,
    words: &'static str,
    back: &'static str,
}

/// The pages from which a proof is asked for, none of which asks for one itself, and how the
/// navigation calls them. What asks for one has a path that begins with theirs; of several the first
/// counts.
const CALLED: [(&str, &str); 11] = [
    (paths::ACCOUNT_PASSWORD, "Password"),
    (paths::ACCOUNT_TWO_FACTOR, "Two-factor"),
    (paths::ACCOUNT_SESSIONS, "Active sessions"),
    (paths::ACCOUNT_HISTORY, "Sign-in history"),
    (paths::ACCOUNT_APPLICATIONS, "Applications"),
    (paths::ACCOUNT_EMAIL, "Profile"),
    (paths::ACCOUNT_PROFILE, "Profile"),
    (paths::ACCOUNT_EXPORT, "Your data"),
    (paths::ACCOUNT_REMOVE, "Your data"),
    (paths::ACCOUNT_DATA, "Your data"),
    (paths::ACCOUNT_SECURITY, "your account"),
];

impl Onward {
    /// The page whose form was kept under `kept`; the overview if there is none.
    async fn find(
        app: &App,
        session: &BrowserSession,
        kept: Option<&str>,
    ) -> Result<Self, PageError> {
        let path = match kept {
            Some(id) => destination(app, session, id).await?,
            None => None,
        };
        Ok(match (path, kept) {
            (Some(path), Some(id)) => {
                let called = CALLED.iter().find(|(begin, _)| path.starts_with(begin));
                Self {
                    kept: id.to_owned(),
                    address: back_to(&path, id),
                    words: called.map_or("what you were doing", |(_, words)| words),
                    back: called.map_or(paths::ACCOUNT_SECURITY, |(page, _)| page),
                }
            }
            _ => Self {
                kept: String::new(),
                address: paths::ACCOUNT_SECURITY.to_owned(),
                words: "your account",
                back: paths::ACCOUNT_SECURITY,
            },
        })
    }

    /// Where cancelling leads: the page that the person came from, with what they typed there.
    fn cancel_url(&self) -> String {
        let to_a_form = self.address.strip_prefix(self.back).is_some_and(|at| at.starts_with('?'));
        if to_a_form { self.address.clone() } else { self.back.to_owned() }
    }
}

/// Asks for password and code; who has just proven both goes on.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let onward = Onward::find(&app, &signed_in.session, kept_id(&query).as_deref()).await?;
    if is_fresh(&app, &signed_in.session).await? {
        return Ok(see_other(&onward.address));
    }
    show(&app, &browser, &signed_in, &onward, None).await
}

async fn show(
    app: &App,
    browser: &Browser,
    signed_in: &SignedIn,
    onward: &Onward,
    error: Option<Refusal>,
) -> Result<Response, PageError> {
    let user = &signed_in.user;
    let mut page = shell::page(app, browser, user, "account/confirm.html").await?;
    if let Some(refusal) = &error {
        page = page.status(refusal.status);
    }
    let retry_after = error.as_ref().and_then(|refusal| refusal.retry_after);
    let content = ConfirmPage {
        action: paths::ACCOUNT_CONFIRM,
        kept: &onward.kept,
        account: AccountView::of(user),
        onward: onward.words,
        asks_for_code: confirm::asks_for_code(app, &user.id).await?,
        error: error.map(|refusal| refusal.sentence),
        recover_url: format!("{}?to={}", paths::RECOVER, onward.back),
        cancel_url: onward.cancel_url(),
    };
    let mut response = page.render(app, &content)?;
    add_retry_after(&mut response, retry_after);
    Ok(response)
}

/// Why a proof does not count, as its sender is told.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// Password or code is wrong, with a word for both: which of them is not told.
    pub(super) fn wrong(asked_for_code: bool) -> Self {
        let sentence = if asked_for_code {
            "The password or the code is not right. A code counts only once: wait for the next one \
             if you have used it already."
        } else {
            "The password is not right."
        };
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            sentence: sentence.into(),
            retry_after: None,
        }
    }

    /// Too many wrong ones.
    pub(super) fn closed(until: Timestamp, now: Timestamp) -> Self {
        let wait = until.since(now);
        let minutes = wait.as_secs().div_ceil(60).max(1);
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        let sentence = format!(
            "Too many wrong tries. Try again in {minutes} {unit}. If you forgot your password, choose \
             a new one by mail."
        );
        Self { status: StatusCode::TOO_MANY_REQUESTS, sentence, retry_after: Some(wait) }
    }
}

/// Says when the next try makes sense.
pub(super) fn add_retry_after(response: &mut Response, wait: Option<Duration>) {
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
}

/// Checks password and code, and goes on to where the person was.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let kept = Some(form.text("kept")).filter(|kept| !kept.is_empty());
    let onward = Onward::find(&app, &signed_in.session, kept).await?;
    let whereabouts = whereabouts(&app, &headers, address);
    let attempt = Attempt {
        session: &signed_in.session,
        user: &signed_in.user,
        password: form.text("password").into(),
        code: form.text("code"),
        code_is_known: false,
        whereabouts: &whereabouts,
    };
    let refusal = match confirm::confirm(&app, &attempt).await? {
        Confirmation::Proven { proof, .. } => {
            return go_on(&app, &signed_in.session, &proof, &onward).await;
        }
        Confirmation::Wrong => {
            Refusal::wrong(confirm::asks_for_code(&app, &signed_in.user.id).await?)
        }
        Confirmation::Closed { until } => Refusal::closed(until, app.clock.now()),
        Confirmation::Busy => return Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
    };
    show(&app, &form.browser, &signed_in, &onward, Some(refusal)).await
}

/// The session goes on under a new cookie (S-085).
async fn go_on(
    app: &App,
    session: &BrowserSession,
    proof: &Proof,
    onward: &Onward,
) -> Result<Response, PageError> {
    let mut db = app.store.write().await?;
    acting::begin(&mut db, session, app.clock.now()).await?;
    let token = sessions::renew(app, &mut db, session, proof).await?;
    db.commit().await?;
    let mut response = see_other(&onward.address);
    give_session(app, &mut response, &token, session.remembered_at.is_some());
    Ok(response)
}
