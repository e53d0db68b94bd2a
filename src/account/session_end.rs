//! `/account/sessions/{id}/end` and `/account/sessions/end-others`: signing browsers out from afar.
//!
//! Ending another's session takes a fresh proof (OWASP ASVS 5.0 §7.5.2): who has only got hold of a
//! browser cannot shut its owner out of the others.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use crate::account::sessions::{SessionView, applications};
use crate::app::App;
use crate::identity::sessions::{self, Doer};
use crate::paths;
use crate::store::active_sessions;
use crate::store::sessions::{self as browser_sessions, BrowserSession};
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn, take_session, whereabouts};
use crate::web::shell::{self, Shell};
use crate::web::sign_out::clear_site_data;
use crate::web::sudo::{ConfirmedForm, RecentlySignedIn};

/// What will happen, and the form that makes it happen.
#[derive(Serialize)]
struct SessionEndPage {
    #[serde(flatten)]
    shell: Shell,
    action: String,
    back_url: &'static str,
    /// The one to be ended; without it, all others.
    session: Option<SessionView>,
    /// How many will be ended.
    count: i64,
}

/// A person's live session of this id; what is not theirs, is over or never was is not there.
async fn own_session(
    app: &App,
    here: &BrowserSession,
    id: &str,
) -> Result<BrowserSession, PageError> {
    let mut db = app.store.read().await?;
    let found = browser_sessions::find(&mut db, id).await?;
    let now = app.clock.now();
    found.filter(|one| one.user_id == here.user_id && one.is_live(now)).ok_or(PageError::NotFound)
}

/// Asks whether to end one.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    SignedIn { session: here, user }: SignedIn,
    browser: Browser,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let session = own_session(&app, &here, &id).await?;
    let is_current = session.id == here.id;
    if !is_current {
        confirmed(&app, request).await?;
    }
    let mut used = {
        let mut db = app.store.read().await?;
        let mut visits = active_sessions::visits(&mut db, &user.id).await?;
        drop(db);
        visits.retain(|visit| visit.session_id == session.id);
        applications(&app, visits).await?
    };
    let used = used.remove(&session.id).unwrap_or_default();
    let content = SessionEndPage {
        shell: Shell::of(&user),
        // This browser needs no proof to be signed out.
        action: if is_current {
            paths::LOGOUT.to_owned()
        } else {
            paths::about(paths::ACCOUNT_SESSION_END, &session.id)
        },
        back_url: paths::ACCOUNT_SESSIONS,
        session: Some(SessionView::of(&app, &session, &here, used)),
        count: 1,
    };
    shell::page(&app, &browser, &user, "account/session_end.html").await?.render(&app, &content)
}

/// Has the person prove who they are before the page, rather than after its form.
async fn confirmed(app: &Arc<App>, request: Request) -> Result<RecentlySignedIn, PageError> {
    let (mut parts, _body) = request.into_parts();
    RecentlySignedIn::from_request_parts(&mut parts, app).await
}

/// Ends one; ending the one in this browser is signing out.
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: ConfirmedForm,
) -> Result<Response, PageError> {
    let here = form.who.session;
    let whereabouts = whereabouts(&app, &headers, address);
    let by = Doer { session: &here, whereabouts: &whereabouts };
    if own_session(&app, &here, &id).await?.id == here.id {
        sessions::sign_out(&app, by).await?;
        let mut response = see_other(paths::LOGOUT);
        take_session(&app, &mut response);
        clear_site_data(&mut response);
        return Ok(response);
    }
    if !sessions::end(&app, by, &id).await? {
        return Err(PageError::NotFound);
    }
    Ok(see_other(&format!("{}?done=ended", paths::ACCOUNT_SESSIONS)))
}

/// Asks whether to end all but this one.
pub(super) async fn ask_others(
    State(app): State<Arc<App>>,
    who: RecentlySignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let RecentlySignedIn { session: here, user } = who;
    let count = {
        let mut db = app.store.read().await?;
        active_sessions::count(&mut db, &user.id, &here.id, app.clock.now()).await?
    };
    let content = SessionEndPage {
        shell: Shell::of(&user),
        action: paths::ACCOUNT_SESSIONS_END_OTHERS.to_owned(),
        back_url: paths::ACCOUNT_SESSIONS,
        session: None,
        count,
    };
    shell::page(&app, &browser, &user, "account/session_end.html").await?.render(&app, &content)
}

/// Ends all but this one.
pub(super) async fn end_others(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: ConfirmedForm,
) -> Result<Response, PageError> {
    let whereabouts = whereabouts(&app, &headers, address);
    let by = Doer { session: &form.who.session, whereabouts: &whereabouts };
    sessions::end_others(&app, by).await?;
    Ok(see_other(&format!("{}?done=others", paths::ACCOUNT_SESSIONS)))
}
