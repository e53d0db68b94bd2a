//! The browser's door: one file a step, named as its path. No step knows the next: each goes
//! back to the request it belongs to.

pub mod consent;
pub mod login;
pub mod logout;
pub mod select_account;
pub mod two_factor;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use crate::paths;

/// This door's paths.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::LOGIN, get(login::get).post(login::post))
        .route(paths::LOGIN_TWO_FACTOR, get(two_factor::get).post(two_factor::post))
        .route(paths::LOGIN_ACCOUNT, get(select_account::get).post(select_account::post))
        .route(paths::CONSENT, get(consent::get).post(consent::post))
        .route(paths::LOGOUT, get(logout::get).post(logout::post))
}
