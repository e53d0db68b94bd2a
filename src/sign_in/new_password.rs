//! `/recover/{token}`: a new password for who follows the link.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::recover::{self, Situation};
use crate::app::App;
use crate::config::PasswordPolicy;
use crate::identity::recovery::{self, Chosen};
use crate::paths;
use crate::store::users::User;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::session::{Browser, whereabouts};
use crate::web::steps::Onward;
use crate::web::views::AccountView;

/// Where one goes on from a link, which may be opened in any browser.
const ONWARD: Onward = Onward::Page(paths::ACCOUNT_SECURITY);

#[derive(Serialize)]
struct NewPasswordPage<'a> {
    action: String,
    account: AccountView,
    error: Option<&'a str>,
    hint: &'a str,
}

/// Shows the form. It changes nothing: mail programs open links before people do.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    browser: Browser,
) -> Result<Response, PageError> {
    match recovery::find(&app, &token).await? {
        Some(user) => show(&app, &browser, &token, &user, None),
        None => recover::show(&app, &browser, &ONWARD, Situation::Gone),
    }
}

fn show(
    app: &App,
    browser: &Browser,
    token: &str,
    user: &User,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let mut page = Page::new("sign_in/new_password.html").forms_of(app, browser);
    if error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let content = NewPasswordPage {
        action: paths::recover_link(token),
        account: AccountView::of(user),
        error,
        hint: hint(app),
    };
    page.render(app, &content)
}

/// What a password must be like.
pub(super) fn hint(app: &App) -> &'static str {
    match app.config.password.policy {
        PasswordPolicy::Default => {
            "At least 8 characters, with letters, digits and special characters. \
             A password manager makes good ones."
        }
        PasswordPolicy::Nist => {
            "At least 15 characters; a few words that do not belong together are fine."
        }
    }
}

/// Sets the new password. Nobody is signed in by that, so a second factor is still asked for.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let Some(user) = recovery::find(&app, &token).await? else {
        return recover::show(&app, &form.browser, &ONWARD, Situation::Gone);
    };
    let again = |error: &str| show(&app, &form.browser, &token, &user, Some(error));
    let password = form.text("password");
    if password != form.text("repeat") {
        return again("The two passwords are not the same. Type both again.");
    }
    let whereabouts = whereabouts(&app, &headers, address);
    match recovery::choose(&app, &token, &password.into(), &whereabouts).await? {
        Chosen::Done => Ok(see_other(&format!("{}?done=changed", paths::RECOVER))),
        Chosen::Weak(weakness) => again(&format!("Choose another password: {weakness}.")),
        Chosen::Gone => recover::show(&app, &form.browser, &ONWARD, Situation::Gone),
        Chosen::Busy => Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
    }
}
