//! `/account/data/export`: a copy of everything that is held about a person.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::identity::export;
use crate::paths;
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::sudo::ConfirmedForm;

#[derive(Serialize)]
struct ExportPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    data_url: &'static str,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let content = ExportPage {
        shell: Shell::of(&user),
        action: paths::ACCOUNT_EXPORT,
        data_url: paths::ACCOUNT_DATA,
    };
    shell::page(&app, &browser, &user, "account/export.html").await?.render(&app, &content)
}

/// Sends the file.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    ConfirmedForm { who, .. }: ConfirmedForm,
) -> Result<Response, PageError> {
    let everything = export::export(&app, here.act(&who.user, &who.session)).await?;
    let text = serde_json::to_string_pretty(&everything)
        .map_err(|error| PageError::Fault(error.into()))?;
    let today = app.clock.now().to_string();
    let today = today.split('T').next().unwrap_or_default();
    let name = format!("attachment; filename=\"account-{today}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}
