//! What the owner of a locked account is shown after the right password: calmly, that it is locked
//! and whom to ask. Everybody else gets the answer that wrong passwords get.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::web::error::PageError;
use crate::web::session::Browser;
use crate::web::steps::{Onward, page_of};
use crate::web::views::ApplicationView;

#[derive(Serialize)]
struct LockedPage<'a> {
    action: &'a str,
    request: &'a str,
    application: Option<ApplicationView>,
    switch_url: String,
}

/// The page.
pub(super) async fn show(
    app: &App,
    browser: &Browser,
    onward: &Onward,
) -> Result<Response, PageError> {
    let (page, client) = page_of(app, browser, "sign_in/locked.html", onward.pending()).await?;
    let content = LockedPage {
        action: paths::LOGIN,
        request: onward.request_id(),
        application: client.as_deref().map(ApplicationView::of),
        switch_url: format!("{}&switch=1", onward.step(paths::LOGIN)),
    };
    page.status(StatusCode::FORBIDDEN).render(app, &content)
}
