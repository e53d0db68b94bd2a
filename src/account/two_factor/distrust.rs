//! `/account/two-factor/browsers/…/distrust`: asking for codes again, in one browser or in all.
//! Taking trust away can only make the account safer, so it asks for no fresh proof.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::{Here, done};
use crate::app::App;
use crate::identity::two_factor;
use crate::store::devices;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::{paths, user_agent};

#[derive(Serialize)]
struct DistrustPage {
    #[serde(flatten)]
    shell: Shell,
    action: String,
    cancel_url: &'static str,
    /// The one browser; none for all.
    one: Option<BrowserView>,
    count: usize,
}

#[derive(Serialize)]
struct BrowserView {
    name: Option<String>,
}

/// Says what will happen to one browser.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let mut trusted = trusted(&app, &user.id).await?;
    trusted.retain(|device| device.id == id);
    let device = trusted.first().ok_or(PageError::NotFound)?;
    let content = DistrustPage {
        shell: Shell::of(&user),
        action: paths::about(paths::ACCOUNT_BROWSER_DISTRUST, &id),
        cancel_url: paths::ACCOUNT_TWO_FACTOR,
        one: Some(BrowserView { name: user_agent::describe(&device.user_agent) }),
        count: 1,
    };
    shell::page(&app, &browser, &user, "account/two_factor/distrust.html")
        .await?
        .render(&app, &content)
}

/// Says what will happen to all of them.
pub(super) async fn get_all(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let count = trusted(&app, &user.id).await?.len();
    if count == 0 {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    }
    let content = DistrustPage {
        shell: Shell::of(&user),
        action: paths::ACCOUNT_BROWSERS_DISTRUST.to_owned(),
        cancel_url: paths::ACCOUNT_TWO_FACTOR,
        one: None,
        count,
    };
    shell::page(&app, &browser, &user, "account/two_factor/distrust.html")
        .await?
        .render(&app, &content)
}

async fn trusted(app: &App, user_id: &str) -> Result<Vec<devices::Device>, PageError> {
    let now = app.clock.now();
    let mut db = app.store.read().await?;
    let mut devices = devices::list(&mut db, user_id).await?;
    devices.retain(|device| device.is_trusted(now));
    Ok(devices)
}

/// Trusts one browser no more.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    Path(id): Path<String>,
    _form: PageForm,
) -> Result<Response, PageError> {
    if !two_factor::distrust_one(&app, &here.by(&user, &session), &id).await? {
        return Err(PageError::NotFound);
    }
    Ok(done("distrusted"))
}

/// Trusts none of them any more.
pub(super) async fn post_all(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    _form: PageForm,
) -> Result<Response, PageError> {
    two_factor::distrust_all(&app, &here.by(&user, &session)).await?;
    Ok(done("distrusted-all"))
}
