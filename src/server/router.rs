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
use crate::web::rate_limit::{AddressLimits, Class, Limited, limit};
use crate::web::request_id;
use crate::web::whole;
use crate::{account, oauth, paths, sign_in};

/// Everything the public listener serves.
pub fn router(app: Arc<App>) -> Router {
    let limits = AddressLimits::new(&app.config.rate_limits, &app.random);
    router_within(app, &limits)
}

/// The same with limits that somebody else tends.
pub fn router_within(app: Arc<App>, limits: &AddressLimits) -> Router {
    let limited = |class, routes: Router<Arc<App>>| {
        let limited = Limited { app: Arc::clone(&app), limits: limits.clone(), class };
        routes.layer(middleware::from_fn_with_state(limited, limit))
    };
    let proxies = Arc::new(Proxies::new(
        &app.config.server.trusted_proxies,
        app.config.server.forwarded_header,
    ));
    let pages = Router::new()
        .merge(limited(Class::Authorize, oauth::authorization_routes()))
        .merge(limited(Class::SignIn, sign_in::proving_routes()))
        .merge(limited(Class::Recovery, sign_in::recovery_routes()))
        .merge(limited(Class::Form, oauth::browser_routes()))
        .merge(limited(Class::Form, sign_in::routes()))
        .merge(limited(Class::Form, account::routes()))
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
        .merge(oauth::program_routes(&app))
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
