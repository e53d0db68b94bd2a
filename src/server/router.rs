//! Joins the doors, and the layers around them all, in order.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;

use crate::app::App;
use crate::templates::assets;
use crate::web::client_address::identify;
use crate::web::error::{PageError, render_errors};
use crate::web::headers;
use crate::web::logo;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::rate_limit::SignInLimit;
use crate::web::request_id;
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
    let proxies: Arc<[IpNet]> = app.config.server.trusted_proxies.clone().into();
    let pages = Router::new()
        .merge(oauth::browser_routes())
        .merge(proving)
        .merge(sign_in::routes())
        .merge(account::routes())
        .route("/", get(home))
        .route(paths::BRAND_LOGO, get(brand_logo))
        .route(paths::LOGO, get(logo::get))
        .route(paths::ASSETS, get(asset))
        .method_not_allowed_fallback(not_allowed)
        .fallback(not_found)
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

/// How long a browser may keep a file whose URL changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// How long it may keep a file that it asked for without saying which content it wants.
const SHORTLY: &str = "public, max-age=300";

/// Style sheets, scripts, icons.
async fn asset(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    uri: Uri,
) -> Result<Response, PageError> {
    let (content_type, bytes) = if path == assets::BRAND_STYLESHEET {
        ("text/css; charset=utf-8", app.templates.brand_stylesheet().as_bytes().to_vec())
    } else {
        let asset = assets::find(&path).ok_or(PageError::NotFound)?;
        (asset.content_type, asset.bytes.into_owned())
    };
    let asked = of_query(&uri).ok();
    let asked = asked.as_ref().and_then(|query| query.once("v").ok().flatten());
    let current = asked.is_some_and(|asked| asked == assets::version(&bytes));
    let kept = if current { FOR_EVER } else { SHORTLY };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, kept)];
    Ok((headers, bytes).into_response())
}

/// The operator's logo.
async fn brand_logo(State(app): State<Arc<App>>) -> Result<Response, PageError> {
    let (image, kind) = app.logo.as_ref().ok_or(PageError::NotFound)?;
    let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, SHORTLY)];
    Ok((headers, image.clone()).into_response())
}
