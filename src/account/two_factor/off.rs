//! `/account/two-factor/off`: back to a password alone, where that is allowed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Here, done};
use crate::app::App;
use crate::identity::two_factor;
use crate::paths;
use crate::store::credentials;
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::page::{Page, see_other};
use crate::web::session::Browser;
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, RecentlySignedIn};

#[derive(Serialize)]
struct OffPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    cancel_url: &'static str,
    replace_url: &'static str,
    required: bool,
}

/// Says what will happen, or why it cannot.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    who: RecentlySignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let on = {
        let mut db = app.store.read().await?;
        credentials::has_second_factor(&mut db, &who.user.id).await?
    };
    if !on {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    }
    let required = two_factor::is_required(&app, &who.user);
    page(&app, &browser, &who.user).await?.render(&app, &content(&who.user, required))
}

async fn page(app: &App, browser: &Browser, user: &User) -> Result<Page, PageError> {
    shell::page(app, browser, user, "account/two_factor/off.html").await
}

fn content(user: &User, required: bool) -> OffPage {
    OffPage {
        shell: Shell::of(user),
        action: paths::ACCOUNT_TWO_FACTOR_OFF,
        cancel_url: paths::ACCOUNT_TWO_FACTOR,
        replace_url: paths::account_two_factor_replace(),
        required,
    }
}

/// Turns it off.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    ConfirmedForm { who, form }: ConfirmedForm,
) -> Result<Response, PageError> {
    if two_factor::turn_off(&app, &here.by(&who.user, &who.session)).await? {
        return Ok(done("off"));
    }
    if two_factor::is_required(&app, &who.user) {
        let page = page(&app, &form.browser, &who.user).await?.status(StatusCode::FORBIDDEN);
        return page.render(&app, &content(&who.user, true));
    }
    Ok(see_other(paths::ACCOUNT_TWO_FACTOR))
}
