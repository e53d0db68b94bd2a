//! `/account/applications/{id}/revoke` and `/account/applications/revoke-all`: disconnecting
//! applications, asked once more.
//!
//! It asks for no fresh proof: it only takes access away, and who fears for their account must not
//! be held up.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::applications::{self, Connected, Revoker};
use crate::paths;
use crate::protocol::client::AccessTokenFormat;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::shell::{self, Shell};
use crate::web::views::ApplicationView;

/// As many are named; the others are counted.
const NAMED: usize = 10;

#[derive(Serialize)]
struct RevokePage {
    #[serde(flatten)]
    shell: Shell,
    action: String,
    back_url: String,
    all: bool,
    applications: Vec<ApplicationView>,
    more: usize,
    offline: bool,
    asks_again: bool,
    outlived_minutes: Option<u64>,
}

impl RevokePage {
    fn of(app: &App, shell: Shell, connected: &[Connected]) -> Self {
        // A JWT convinces a resource server that never asks us, until it expires.
        let jwt =
            |one: &Connected| one.client.metadata.access_token_format == AccessTokenFormat::Jwt;
        let minutes = app.config.tokens.access_ttl.as_secs().div_ceil(60);
        Self {
            shell,
            action: paths::ACCOUNT_APPLICATIONS_REVOKE_ALL.to_owned(),
            back_url: paths::ACCOUNT_APPLICATIONS.to_owned(),
            all: true,
            applications: connected
                .iter()
                .take(NAMED)
                .map(|one| ApplicationView::of(&one.client))
                .collect(),
            more: connected.len().saturating_sub(NAMED),
            offline: connected.iter().any(|one| one.offline_since().is_some()),
            asks_again: !connected.iter().all(|one| one.client.metadata.first_party),
            outlived_minutes: connected.iter().any(jwt).then_some(minutes),
        }
    }
}

/// Says what disconnecting an application means.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let user = signed_in.user;
    let found = applications::find(&app, &user, &id).await?;
    let connected = found.ok_or(PageError::NotFound)?;
    let (action, back_url) = (paths::revoke_application(&id), paths::application(&id));
    let all = RevokePage::of(&app, Shell::of(&user), &[connected]);
    let content = RevokePage { action, back_url, all: false, ..all };
    shell::page(&app, &browser, &user, "account/revoke_applications.html")
        .await?
        .render(&app, &content)
}

/// Disconnects it.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    (ClientAddress(address), headers): (ClientAddress, HeaderMap),
    Path(id): Path<String>,
    _form: PageForm,
) -> Result<Response, PageError> {
    let SignedIn { session, user } = signed_in;
    let found = applications::find(&app, &user, &id).await?;
    let connected = found.ok_or(PageError::NotFound)?;
    let whereabouts = whereabouts(&app, &headers, address);
    let who = Revoker { user: &user, session: &session, whereabouts: &whereabouts };
    if !applications::revoke(&app, who, &connected).await? {
        return Err(PageError::NotFound);
    }
    Ok(see_other(&format!("{}?done=revoked", paths::ACCOUNT_APPLICATIONS)))
}

/// Says what disconnecting all applications means.
pub(super) async fn get_all(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let user = signed_in.user;
    let connected = applications::list(&app, &user).await?;
    if connected.is_empty() {
        return Ok(see_other(paths::ACCOUNT_APPLICATIONS));
    }
    let content = RevokePage::of(&app, Shell::of(&user), &connected);
    shell::page(&app, &browser, &user, "account/revoke_applications.html")
        .await?
        .render(&app, &content)
}

/// Disconnects all.
pub(super) async fn post_all(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    (ClientAddress(address), headers): (ClientAddress, HeaderMap),
    _form: PageForm,
) -> Result<Response, PageError> {
    let SignedIn { session, user } = signed_in;
    let whereabouts = whereabouts(&app, &headers, address);
    let who = Revoker { user: &user, session: &session, whereabouts: &whereabouts };
    applications::revoke_all(&app, who).await?;
    Ok(see_other(&format!("{}?done=all", paths::ACCOUNT_APPLICATIONS)))
}
