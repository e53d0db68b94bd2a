//! Which endpoints scripts of other origins may call (SECURITY §4): tokens and keys, never pages.

use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The endpoints that browser-based clients call: any origin, never with cookies. What protects
/// them is the token or code in the request, which no other origin has.
pub fn open() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("dpop"),
        ])
        .expose_headers([header::WWW_AUTHENTICATE])
        .max_age(Duration::from_hours(1))
}
