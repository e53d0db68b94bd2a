//! `/recover/{token}`: a new password for who follows the link.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::recover::{self, Situation};
use crate::app::App;
use crate::identity::recovery::{self, Chosen};
use crate::paths;
use crate::store::users::User;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::password_rules::{Refused, RuleView};
use crate::web::session::{Browser, whereabouts};
use crate::web::steps::Onward;
use crate::web::views::AccountView;

/// Where one goes on from a link, which may be opened in any browser.
const ONWARD: Onward = Onward::Page(paths::ACCOUNT_SECURITY);

#[derive(Serialize)]
struct NewPasswordPage {
    action: String,
    check_url: String,
    account: AccountView,
    rules: Vec<RuleView>,
    problems: Vec<String>,
    error: Option<&'static str>,
}

/// Shows the form. It changes nothing: mail programs open links before people do.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    browser: Browser,
) -> Result<Response, PageError> {
    match recovery::find(&app, &token).await? {
        Some(user) => show(&app, &browser, &token, &user, &Refused::default()),
        None => recover::show(&app, &browser, &ONWARD, Situation::Gone),
    }
}

fn show(
    app: &App,
    browser: &Browser,
    token: &str,
    user: &User,
    refused: &Refused,
) -> Result<Response, PageError> {
    let mut page = Page::new("sign_in/new_password.html").forms_of(app, browser).connecting();
    if refused.error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let content = NewPasswordPage {
        action: paths::recover_link(token),
        check_url: paths::recover_link_check(token),
        account: AccountView::of(user),
        rules: refused.rules(app),
        problems: refused.sentences(),
        error: refused.error,
    };
    page.render(app, &content)
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
    let again = |refused: &Refused| show(&app, &form.browser, &token, &user, refused);
    let password = form.text("password");
    if let Some(refused) = Refused::look_at(&app, &user, (password, form.text("repeat"))) {
        return again(&refused);
    }
    let whereabouts = whereabouts(&app, &headers, address);
    match recovery::choose(&app, &token, &password.into(), &whereabouts).await? {
        Chosen::Done => Ok(see_other(&format!("{}?done=changed", paths::RECOVER))),
        Chosen::Weak(weakness) => again(&Refused::with(weakness)),
        Chosen::Gone => recover::show(&app, &form.browser, &ONWARD, Situation::Gone),
        Chosen::Busy => Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
    }
}
