//! `/not-me/{token}`: ends a session that its owner does not know, from any device.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use super::recover::{self, Situation};
use crate::app::App;
use crate::identity::not_me::{self, Unfamiliar};
use crate::paths;
use crate::user_agent;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::steps::Onward;
use crate::web::views::{AccountView, TimeView, place_of};

/// Where one goes on from a link, which may be opened in any browser.
const ONWARD: Onward = Onward::Page(paths::ACCOUNT_SECURITY);

/// Where a person who is signed in makes their account safe again.
const PROTECT: &str = "/account/security/protect";

#[derive(Serialize)]
struct NotMePage {
    action: String,
    account: AccountView,
    device: Option<String>,
    address: Option<String>,
    place: Option<String>,
    signed_in: TimeView,
    over: bool,
}

/// Shows which session will end. It changes nothing: mail programs open links before people do.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    browser: Browser,
) -> Result<Response, PageError> {
    let Some(Unfamiliar { user, session }) = not_me::find(&app, &token).await? else {
        return recover::show(&app, &browser, &ONWARD, Situation::Over);
    };
    let now = app.clock.now();
    let content = NotMePage {
        action: paths::not_me(&token),
        account: AccountView::of(&user),
        device: user_agent::describe(&session.user_agent),
        address: Some(session.address.clone()).filter(|address| !address.is_empty()),
        place: place_of(&app.geoip, Some(&session.address)),
        signed_in: TimeView::of(session.created_at, now),
        over: !session.is_live(now),
    };
    let page = Page::new("sign_in/not_me.html").forms_of(&app, &browser);
    page.render(&app, &content)
}

/// Ends it, and goes on to what makes the account safe: whoever signed in knows the password.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    signed_in: Option<SignedIn>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let whereabouts = whereabouts(&app, &headers, address);
    let Some(ended) = not_me::end(&app, &token, &whereabouts).await? else {
        return recover::show(&app, &form.browser, &ONWARD, Situation::Over);
    };
    let elsewhere = signed_in
        .is_some_and(|here| here.user.id == ended.user.id && here.session.id != ended.session.id);
    let recover = format!("{}?done=ended", paths::RECOVER);
    Ok(see_other(if elsewhere { PROTECT } else { &recover }))
}
