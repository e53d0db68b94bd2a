//! `/account/data`: what is held about a person, and how to take it along or end it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::day;

#[derive(Serialize)]
struct DataPage {
    #[serde(flatten)]
    shell: Shell,
    export_url: &'static str,
    remove_url: &'static str,
    since: String,
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
    };
    shell::page(&app, &browser, &user, "account/data.html").render(&app, &content)
}
