//! `/login/account`: which account to go on with (`prompt=select_account`).

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::store::authorization_requests as requests;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::steps::{Onward, deny, page_of};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
struct AccountPage<'a> {
    action: &'a str,
    request: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    cancel: bool,
}

/// Shows who is signed in here.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let id = query.once("request").ok().flatten().unwrap_or_default();
    let pending = Onward::request(&app, &browser, id).await?;
    let Some(signed_in) = signed_in else { return Ok(see_other(&paths::resume(&pending.id))) };
    let (page, client) = page_of(&app, &browser, "sign_in/account.html", Some(&pending)).await?;
    let content = AccountPage {
        action: paths::LOGIN_ACCOUNT,
        request: &pending.id,
        account: AccountView::of(&signed_in.user),
        application: client.as_deref().map(ApplicationView::of),
        cancel: true,
    };
    page.render(&app, &content)
}

/// Goes on with this account, or with another.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    form: PageForm,
) -> Result<Response, PageError> {
    let pending = Onward::request(&app, &form.browser, form.text("request")).await?;
    match form.text("decision") {
        "continue" if signed_in.is_some() => {
            let mut db = app.store.write().await?;
            requests::select_account(&mut db, &pending.id, app.clock.now()).await?;
            db.commit().await?;
            Ok(see_other(&paths::resume(&pending.id)))
        }
        "deny" => Ok(see_other(&deny(&app, &pending, None).await?)),
        _ => Ok(see_other(&format!("{}?request={}&switch=1", paths::LOGIN, pending.id))),
    }
}
