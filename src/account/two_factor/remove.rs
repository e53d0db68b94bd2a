//! `/account/two-factor/authenticators/{id}/remove`: one authenticator app less.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::{Here, done};
use crate::app::App;
use crate::identity::two_factor::{self, Removed};
use crate::paths;
use crate::store::credentials;
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::Browser;
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, RecentlySignedIn};

#[derive(Serialize)]
struct RemovePage {
    #[serde(flatten)]
    shell: Shell,
    action: String,
    cancel_url: &'static str,
    name: String,
    others: Vec<String>,
}

/// Says what will happen. The only app cannot be removed: that is turning two-factor off.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    who: RecentlySignedIn,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let user = &who.user;
    let mut apps = {
        let mut db = app.store.read().await?;
        credentials::list_confirmed_totp(&mut db, &user.id).await?
    };
    let at = apps.iter().position(|one| one.id == id).ok_or(PageError::NotFound)?;
    let name = apps.remove(at).name;
    if apps.is_empty() {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR_OFF));
    }
    let content = RemovePage {
        shell: Shell::of(user),
        action: paths::about(paths::ACCOUNT_AUTHENTICATOR_REMOVE, &id),
        cancel_url: paths::ACCOUNT_TWO_FACTOR,
        name,
        others: apps.into_iter().map(|one| one.name).collect(),
    };
    shell::page(&app, &browser, user, "account/two_factor/remove.html")
        .await?
        .render(&app, &content)
}

/// Removes it.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    Path(id): Path<String>,
    ConfirmedForm { who, .. }: ConfirmedForm,
) -> Result<Response, PageError> {
    let by = here.by(&who.user, &who.session);
    match two_factor::remove_one(&app, &by, &id).await? {
        Removed::Done => Ok(done("removed")),
        Removed::Last => Ok(see_other(paths::ACCOUNT_TWO_FACTOR_OFF)),
        Removed::NotTheirs => Err(PageError::NotFound),
    }
}
