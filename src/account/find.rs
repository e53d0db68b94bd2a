//! `/account/find`: a setting by its words. Scripts show the same list at once by Ctrl+K.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::templates::settings::{SETTINGS, Setting};
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};

#[derive(Serialize)]
struct FindPage<'a> {
    #[serde(flatten)]
    shell: Shell,
    query: &'a str,
    found: Vec<&'static Setting>,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    here: Here,
) -> Result<Response, PageError> {
    let query = here.query("q");
    let content = FindPage {
        shell: Shell::of(&user),
        query,
        found: SETTINGS.iter().filter(|setting| setting.fits(query)).collect(),
    };
    shell::page(&app, &browser, &user, "account/find.html").await?.render(&app, &content)
}
