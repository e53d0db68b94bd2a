//! The browser's door: one file a step, named as its path. No step knows the next: each goes
//! back to the request it belongs to.

pub mod change_password;
pub mod consent;
pub mod locked;
mod login;
pub mod logout;
pub mod new_password;
pub mod not_me;
mod password_check;
pub mod recover;
pub mod select_account;
pub mod two_factor;
pub mod two_factor_set_up;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::paths;

/// The paths at which strangers may try to prove who they are.
pub fn proving_routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::LOGIN, get(login::get).post(login::post))
        .route(paths::LOGIN_TWO_FACTOR, get(two_factor::get).post(two_factor::post))
        .route(
            paths::LOGIN_TWO_FACTOR_SET_UP,
            get(two_factor_set_up::get).post(two_factor_set_up::post),
        )
        .route(paths::LOGIN_CHANGE_PASSWORD, get(change_password::get).post(change_password::post))
        .route(paths::RECOVER_LINK, get(new_password::get).post(new_password::post))
}

/// Where strangers may ask for a new password.
pub fn recovery_routes() -> Router<Arc<App>> {
    Router::new().route(paths::RECOVER, get(recover::get).post(recover::post))
}

/// This door's other paths.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::LOGIN_ACCOUNT, get(select_account::get).post(select_account::post))
        .route(paths::LOGIN_CHANGE_PASSWORD_CHECK, post(password_check::of_sign_in))
        .route(paths::RECOVER_LINK_CHECK, post(password_check::of_link))
        .route(paths::CONSENT, get(consent::get).post(consent::post))
        .route(paths::NOT_ME, get(not_me::get).post(not_me::post))
        .route(paths::LOGOUT, get(logout::get).post(logout::post))
}
