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
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::app::App;
use crate::{paths, web::cors};

/// The endpoints that programs call; scripts of other origins may, too.
pub fn program_routes(app: &Arc<App>) -> Router<Arc<App>> {
    let urgent = || middleware::from_fn_with_state(Arc::clone(app), keep_core_free);
    Router::new()
        .route(paths::TOKEN, post(token::post).layer(urgent()))
        .route(paths::REVOKE, post(revocation::post))
        .route(paths::USERINFO, get(userinfo::get).post(userinfo::post).layer(urgent()))
        .route(paths::JWKS, get(metadata::jwks))
        .route(paths::OPENID_CONFIGURATION, get(metadata::document))
        .route(paths::AUTHORIZATION_SERVER_METADATA, get(metadata::document))
        .layer(cors::open())
        .route(paths::INTROSPECT, post(introspection::post).layer(urgent()))
}

/// Keeps a core free for programs that get what they ask for: who is refused cannot slow sign-ins down.
async fn keep_core_free(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    if answer.status().is_success() {
        app.hasher.keep_core_free();
    }
    answer
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
