//! `/account/two-factor/backup-codes`: a new set in place of the old one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::Here;
use crate::app::App;
use crate::identity::two_factor;
use crate::paths;
use crate::store::{backup_codes, credentials};
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::Browser;
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, RecentlySignedIn};
use crate::web::two_factor::CodesView;

#[derive(Serialize)]
struct BackupCodesPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    saved_action: &'static str,
    cancel_url: &'static str,
    left: i64,
    codes: Option<CodesView>,
}

/// Says what making new ones does.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    who: RecentlySignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let user = &who.user;
    let (on, left) = {
        let mut db = app.store.read().await?;
        (
            credentials::has_second_factor(&mut db, &user.id).await?,
            backup_codes::count_left(&mut db, &user.id).await?,
        )
    };
    if !on {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    }
    let page = shell::page(&app, &browser, user, "account/two_factor/backup_codes.html").await?;
    page.render(&app, &content(Shell::of(user), left, None))
}

fn content(shell: Shell, left: i64, codes: Option<CodesView>) -> BackupCodesPage {
    BackupCodesPage {
        shell,
        action: paths::ACCOUNT_BACKUP_CODES,
        saved_action: paths::ACCOUNT_TWO_FACTOR,
        cancel_url: paths::ACCOUNT_TWO_FACTOR,
        left,
        codes,
    }
}

/// Makes them, and shows them this once.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    confirmed: ConfirmedForm,
) -> Result<Response, PageError> {
    let ConfirmedForm { who, form } = confirmed;
    let user = &who.user;
    let Some(codes) = two_factor::renew(&app, &here.by(user, &who.session)).await? else {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    };
    let codes = Some(CodesView::of(&app, user, codes));
    let page =
        shell::page(&app, &form.browser, user, "account/two_factor/backup_codes.html").await?;
    page.render(&app, &content(Shell::of(user), 0, codes))
}
