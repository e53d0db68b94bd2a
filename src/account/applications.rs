//! `/account/applications`: the applications that a person let in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::applications::{self, Connected};
use crate::paths;
use crate::protocol::scope::{Scope, ScopeWords};
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::{ApplicationView, TimeView, place_of};

/// As many stand on one page.
const PAGE: usize = 15;

/// Longer searches are cut.
const LONGEST_SEARCH: usize = 100;

#[derive(Serialize)]
struct ApplicationsPage<'a> {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    query: &'a str,
    total: usize,
    found: usize,
    applications: Vec<Row>,
    previous_url: Option<String>,
    next_url: Option<String>,
    revoke_all_url: &'static str,
}

#[derive(Serialize)]
struct Row {
    url: String,
    revoke_url: String,
    scopes: Vec<&'static str>,
    #[serde(flatten)]
    face: Face,
}

/// What the list and the page of an application show alike.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a template asks each by its name")]
pub(super) struct Face {
    application: ApplicationView,
    /// Whose it is, if its operator told: the host of its home page.
    publisher: Option<String>,
    first_party: bool,
    disabled: bool,
    connected: TimeView,
    last_used: TimeView,
    last_used_address: Option<String>,
    last_used_place: Option<String>,
    /// Whether that address is of the person's own device, not of a server.
    on_device: bool,
    browsers: usize,
    offline: bool,
}

impl Face {
    pub(super) fn of(app: &App, connected: &Connected, now: Timestamp) -> Self {
        let metadata = &connected.client.metadata;
        let address = connected.consent.last_used_address.as_deref();
        let uri = metadata.client_uri.as_deref().and_then(|uri| url::Url::parse(uri).ok());
        let live = connected.footholds.iter().filter(|one| one.session_is_live(now));
        Self {
            application: ApplicationView::of(&connected.client),
            publisher: uri.and_then(|uri| uri.host_str().map(str::to_owned)),
            first_party: metadata.first_party,
            disabled: connected.client.disabled_at.is_some(),
            connected: TimeView::of(connected.consent.granted_at, now),
            last_used: TimeView::of(connected.consent.last_used_at, now),
            last_used_address: address.map(str::to_owned),
            last_used_place: place_of(&app.geoip, address),
            on_device: metadata.is_public(),
            browsers: live.count(),
            offline: connected.offline_since().is_some(),
        }
    }
}

/// The words for a single scope.
pub(super) fn words_of(scope: &str) -> Option<ScopeWords> {
    Scope::parse(scope).ok()?.words().into_iter().next()
}

/// Shows them, all or those that fit what was searched for.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let parameters = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let text = |name| parameters.once(name).ok().flatten().unwrap_or_default();
    let query: String = text("search").trim().chars().take(LONGEST_SEARCH).collect();
    let page = text("page").parse::<usize>().unwrap_or(1).clamp(1, 10_000);
    let SignedIn { user, .. } = signed_in;
    let all = applications::list(&app, &user).await?;
    let total = all.len();
    let found: Vec<_> = all.into_iter().filter(|one| fits(one, &query)).collect();
    let now = app.clock.now();
    let shown = found.iter().skip((page - 1) * PAGE).take(PAGE);
    let rows = shown.map(|one| row(&app, one, now)).collect();
    let at = |page: usize| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        format!("{}?search={query}&page={page}", paths::ACCOUNT_APPLICATIONS)
    };
    let content = ApplicationsPage {
        shell: Shell::of(&user).done(done(text("done"))),
        action: paths::ACCOUNT_APPLICATIONS,
        query: &query,
        total,
        found: found.len(),
        applications: rows,
        previous_url: (page > 1).then(|| at(page - 1)),
        next_url: (found.len() > page * PAGE).then(|| at(page + 1)),
        revoke_all_url: paths::ACCOUNT_APPLICATIONS_REVOKE_ALL,
    };
    shell::page(&app, &browser, &user, "account/applications.html").await?.render(&app, &content)
}

fn done(word: &str) -> Option<&'static str> {
    match word {
        "revoked" => Some(
            "Access is revoked. The application can do nothing any more until you let it in again.",
        ),
        "all" => {
            Some("All access is revoked. No application can do anything until you let it in again.")
        }
        _ => None,
    }
}

/// Whether what is searched for stands in the application's name, its site or what it may do.
fn fits(connected: &Connected, query: &str) -> bool {
    let query = query.to_lowercase();
    let metadata = &connected.client.metadata;
    let scopes = connected.scopes.iter().filter_map(|scope| words_of(&scope.scope));
    let titles: Vec<_> = scopes.map(|words| words.title).collect();
    let places = [metadata.client_uri.as_ref(), metadata.redirect_uris.first()];
    let places = places.into_iter().flatten().map(String::as_str);
    [metadata.client_name.as_str()]
        .into_iter()
        .chain(places)
        .chain(titles)
        .any(|text| text.to_lowercase().contains(&query))
}

fn row(app: &App, connected: &Connected, now: Timestamp) -> Row {
    let mut scopes: Vec<_> = connected
        .scopes
        .iter()
        .filter_map(|scope| words_of(&scope.scope).map(|words| words.title))
        .collect();
    // Permissions of its own all have the same words.
    scopes.dedup();
    Row {
        url: paths::application(&connected.consent.id),
        revoke_url: paths::revoke_application(&connected.consent.id),
        scopes,
        face: Face::of(app, connected, now),
    }
}
