//! Joins the doors, and the layers around them all, in order.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::assets::{self, SHORTLY};
use crate::app::App;
use crate::web::client_address::{Proxies, identify};
use crate::web::error::{PageError, render_errors};
use crate::web::headers;
use crate::web::logo;
use crate::web::page::see_other;
use crate::web::rate_limit::SignInLimit;
use crate::web::request_id;
use crate::web::whole;
use crate::{account, oauth, paths, sign_in};

/// Everything the public listener serves.
pub fn router(app: Arc<App>) -> Router {
    let limit = SignInLimit::new(&app.config.rate_limits);
    router_within(app, &limit)
}

/// The same with a limit on sign-ins that somebody else tends.
pub fn router_within(app: Arc<App>, limit: &SignInLimit) -> Router {
    let proving = sign_in::proving_routes();
    let proving = match limit.layer() {
        Some(layer) => proving.layer(layer),
        None => proving,
    };
    let proxies = Arc::new(Proxies::new(&app.config.server.trusted_proxies));
    let pages = Router::new()
        .merge(oauth::browser_routes())
        .merge(proving)
        .merge(sign_in::routes())
        .merge(account::routes())
        .route("/", get(home))
        .route(paths::BRAND_LOGO, get(brand_logo))
        .route(paths::LOGO, get(logo::get))
        .route(paths::ASSETS, get(assets::get))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
        .layer(middleware::from_fn(whole::wait))
        .layer(middleware::from_fn(refuse_nul))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), render_errors));
    pages
        .merge(oauth::program_routes())
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn(request_id::name))
        .layer(middleware::from_fn_with_state(proxies, identify))
        .with_state(app)
}

/// No name of anything holds a NUL, and PostgreSQL fails on a question about one.
async fn refuse_nul(request: Request, next: Next) -> Result<Response, PageError> {
    if request.uri().path().contains("%00") {
        return Err(PageError::NotFound);
    }
    Ok(next.run(request).await)
}

async fn home() -> Response {
    see_other(paths::ACCOUNT_SECURITY)
}

async fn not_found() -> PageError {
    PageError::NotFound
}

async fn not_allowed() -> PageError {
    PageError::MethodNotAllowed
}

/// The operator's logo.
async fn brand_logo(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    let (image, kind) = app.logo.as_ref().ok_or(PageError::NotFound)?;
    let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, SHORTLY)];
    Ok((headers, image.clone()).into_response())
}
