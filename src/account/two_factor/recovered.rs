//! `/account/two-factor/recovered`: after a sign-in by backup code, the way back to a phone.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::overview::FEW;
use crate::app::App;
use crate::identity::two_factor::is_by_backup_code;
use crate::paths;
use crate::store::{backup_codes, credentials};
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};

#[derive(Serialize)]
struct RecoveredPage {
    #[serde(flatten)]
    shell: Shell,
    left: i64,
    few: bool,
    set_up_url: &'static str,
    backup_codes_url: &'static str,
    go_on_url: &'static str,
}

/// Asks whether the phone is lost.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let (on, left) = {
        let mut db = app.store.read().await?;
        (
            credentials::has_second_factor(&mut db, &user.id).await?,
            backup_codes::count_left(&mut db, &user.id).await?,
        )
    };
    if !on || !is_by_backup_code(&session.amr) {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    }
    let content = RecoveredPage {
        shell: Shell::of(&user),
        left,
        few: usize::try_from(left).is_ok_and(|left| left <= FEW),
        set_up_url: paths::account_two_factor_replace(),
        backup_codes_url: paths::ACCOUNT_BACKUP_CODES,
        go_on_url: paths::ACCOUNT_SECURITY,
    };
    shell::page(&app, &browser, &user, "account/two_factor/recovered.html")
        .await?
        .render(&app, &content)
}
