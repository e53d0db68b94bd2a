//! `/account/applications/{id}`: one application that a person let in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::applications::{Face, words_of};
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::applications;
use crate::protocol::scope::ScopeWords;
use crate::store::applications::{Foothold, GrantedScope};
use crate::web::error::PageError;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::{TimeView, place_of};
use crate::{paths, user_agent};

/// As many browsers are shown; the others are counted.
const MOST_BROWSERS: usize = 20;

#[derive(Serialize)]
struct ApplicationPage {
    #[serde(flatten)]
    shell: Shell,
    #[serde(flatten)]
    face: Face,
    scopes: Vec<ScopeView>,
    sessions: Vec<SessionView>,
    more_sessions: usize,
    offline_since: Option<TimeView>,
    list_url: &'static str,
    revoke_url: String,
}

#[derive(Serialize)]
struct ScopeView {
    #[serde(flatten)]
    words: ScopeWords,
    since: TimeView,
}

#[derive(Serialize)]
struct SessionView {
    device: Option<String>,
    address: Option<String>,
    place: Option<String>,
    latest: TimeView,
    is_this: bool,
    is_live: bool,
}

/// Shows what it may do, since when, and where it can do it now.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let SignedIn { session, user } = signed_in;
    let found = applications::find(&app, &user, &id).await?;
    let connected = found.ok_or(PageError::NotFound)?;
    let now = app.clock.now();
    let footholds = connected.footholds.iter().take(MOST_BROWSERS);
    let content = ApplicationPage {
        shell: Shell::of(&user),
        face: Face::of(&app, &connected, now),
        scopes: connected.scopes.iter().filter_map(|scope| scope_view(scope, now)).collect(),
        sessions: footholds.map(|one| session_view(&app, one, &session.id, now)).collect(),
        more_sessions: connected.footholds.len().saturating_sub(MOST_BROWSERS),
        offline_since: connected.offline_since().map(|at| TimeView::of(at, now)),
        list_url: paths::ACCOUNT_APPLICATIONS,
        revoke_url: paths::revoke_application(&connected.consent.id),
    };
    shell::page(&app, &browser, &user, "account/application.html").await?.render(&app, &content)
}

fn scope_view(scope: &GrantedScope, now: Timestamp) -> Option<ScopeView> {
    let words = words_of(&scope.scope)?;
    Some(ScopeView { words, since: TimeView::of(scope.granted_at, now) })
}

fn session_view(app: &App, foothold: &Foothold, here: &str, now: Timestamp) -> SessionView {
    SessionView {
        device: foothold.user_agent.as_deref().and_then(user_agent::describe),
        address: foothold.address.clone().filter(|address| !address.is_empty()),
        place: place_of(&app.geoip, foothold.address.as_deref()),
        latest: TimeView::of(foothold.latest_at, now),
        is_this: foothold.session_id == here,
        is_live: foothold.session_is_live(now),
    }
}
