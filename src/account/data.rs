//! `/account/data`: what is held about a person, and how to take it along or end it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::familiarity::HISTORY;
use crate::identity::sessions;
use crate::paths;
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, DEVICE_TTL, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::day;

#[derive(Serialize)]
struct DataPage {
    #[serde(flatten)]
    shell: Shell,
    export_url: &'static str,
    remove_url: &'static str,
    since: String,
    kept: Kept,
}

/// How long what comes by itself is kept, in days.
#[derive(Serialize)]
struct Kept {
    sign_ins: u64,
    sessions: u64,
    browsers: u64,
    changes: u64,
}

impl Kept {
    fn of(app: &App) -> Self {
        let days = |time: Duration| time.as_secs() / 86_400;
        Self {
            sign_ins: days(HISTORY),
            sessions: days(sessions::KEPT),
            browsers: days(DEVICE_TTL),
            changes: days(*app.config.account.audit_retention),
        }
    }
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    here: Here,
) -> Result<Response, PageError> {
    let done = match here.query("done") {
        "kept" => Some("Your account stays. Nothing will be removed."),
        "planned" => Some("Your account will be removed. Until then you can still keep it."),
        _ => None,
    };
    let content = DataPage {
        shell: Shell::of(&user).done(done),
        export_url: paths::ACCOUNT_EXPORT,
        remove_url: paths::ACCOUNT_REMOVE,
        since: day(user.created_at),
        kept: Kept::of(&app),
    };
    shell::page(&app, &browser, &user, "account/data.html").await?.render(&app, &content)
}
