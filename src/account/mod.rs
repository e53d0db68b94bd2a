//! A person's own door: this door's paths.

mod advice;
mod confirm;
pub mod csv;
mod happenings;
mod password;
mod password_check;
mod protect;
mod recognized;
mod security;

mod appearance;
mod data;
mod email;
mod export;
mod find;
mod profile;
mod removal;

mod application;
mod applications;
mod change_words;
mod changes;
mod device_forget;
mod history;
mod history_export;
mod revoke_applications;
mod session_end;
mod sessions;
mod sign_in_view;
mod two_factor;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::Browser;
use crate::web::shell;

/// This door's paths.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::ACCOUNT, get(account))
        .route(paths::ACCOUNT_SECURITY, get(security::get))
        .route(paths::ACCOUNT_PROTECT, get(protect::get).post(protect::post))
        .route(paths::ACCOUNT_RECOGNIZED, get(recognized::get).post(recognized::post))
        .route(paths::ACCOUNT_CONFIRM, get(confirm::get).post(confirm::post))
        .route(paths::ACCOUNT_PASSWORD, get(password::get).post(password::post))
        .route(paths::ACCOUNT_PASSWORD_CHECK, post(password_check::post))
        .route(paths::WELL_KNOWN_CHANGE_PASSWORD, get(change_password))
        .route(paths::ACCOUNT_FIND, get(find::get))
        .merge(two_factor::routes())
        .merge(about_sessions())
        .merge(about_applications())
        .merge(about_oneself())
}

/// Profile, data and appearance.
fn about_oneself() -> Router<Arc<App>> {
    Router::new()
        .route(paths::ACCOUNT_PROFILE, get(profile::get).post(profile::post))
        .route(paths::ACCOUNT_EMAIL, get(email::get).post(email::post))
        .route(paths::ACCOUNT_EMAIL_OPENED, get(email::get_opened).post(email::post_opened))
        .route(paths::ACCOUNT_EMAIL_LINK, get(email::get_link).post(email::post_link))
        .route(paths::ACCOUNT_APPEARANCE, get(appearance::get).post(appearance::post))
        .route(paths::ACCOUNT_DATA, get(data::get))
        .route(paths::ACCOUNT_EXPORT, get(export::get).post(export::post))
        .route(paths::ACCOUNT_REMOVE, get(removal::get).post(removal::post))
        .route(paths::ACCOUNT_KEEP, get(removal::get_keep).post(removal::post_keep))
}

/// Where a person is signed in, and was.
fn about_sessions() -> Router<Arc<App>> {
    let end_others = get(session_end::ask_others).post(session_end::end_others);
    let export = get(history_export::get).post(history_export::post);
    Router::new()
        .route(paths::ACCOUNT_SESSIONS, get(sessions::get))
        .route(paths::ACCOUNT_SESSION_END, get(session_end::ask).post(session_end::end))
        .route(paths::ACCOUNT_SESSIONS_END_OTHERS, end_others)
        .route(paths::ACCOUNT_DEVICE_FORGET, get(device_forget::ask).post(device_forget::forget))
        .route(paths::ACCOUNT_HISTORY, get(history::get))
        .route(paths::ACCOUNT_HISTORY_EXPORT, export)
        .route(paths::ACCOUNT_CHANGES, get(changes::get))
}

/// Connected applications.
fn about_applications() -> Router<Arc<App>> {
    let revoke = get(revoke_applications::get).post(revoke_applications::post);
    let revoke_all = get(revoke_applications::get_all).post(revoke_applications::post_all);
    Router::new()
        .route(paths::ACCOUNT_APPLICATIONS, get(applications::get))
        .route(paths::ACCOUNT_APPLICATION, get(application::get))
        .route(paths::ACCOUNT_APPLICATION_REVOKE, revoke)
        .route(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL, revoke_all)
}

async fn account() -> Response {
    see_other(paths::ACCOUNT_SECURITY)
}

/// Where password managers are sent that look for the page
/// (<https://w3c.github.io/webappsec-change-password-url/>).
async fn change_password() -> Response {
    see_other(paths::ACCOUNT_PASSWORD)
}

/// Fills a page of `user`'s.
async fn show<T: Serialize>(
    app: &App,
    browser: &Browser,
    user: &User,
    template: &'static str,
    content: &T,
) -> Result<Response, PageError> {
    shell::page(app, browser, user, template).await?.render(app, content)
}
