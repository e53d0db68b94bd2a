//! The relying parties' door: this door's paths in one table, one file an endpoint.

pub mod authorization;
pub mod client_authentication;
pub mod end_session;
pub mod introspection;
pub mod metadata;
pub mod revocation;
pub mod token;
pub mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::{paths, web::cors};

/// The endpoints that programs call; scripts of other origins may, too.
pub fn program_routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::TOKEN, post(token::post))
        .route(paths::REVOKE, post(revocation::post))
        .route(paths::USERINFO, get(userinfo::get).post(userinfo::post))
        .route(paths::JWKS, get(metadata::jwks))
        .route(paths::OPENID_CONFIGURATION, get(metadata::document))
        .route(paths::AUTHORIZATION_SERVER_METADATA, get(metadata::document))
        .layer(cors::open())
        .route(paths::INTROSPECT, post(introspection::post))
}

/// Where a browser arrives with an authorization request.
pub fn authorization_routes() -> Router<Arc<App>> {
    Router::new().route(paths::AUTHORIZE, get(authorization::begin).post(authorization::begin))
}

/// The other endpoints that a browser visits.
pub fn browser_routes() -> Router<Arc<App>> {
    Router::new()
        .route(paths::AUTHORIZE_RESUME, get(authorization::resume))
        .route(paths::END_SESSION, get(end_session::begin).post(end_session::begin))
}
