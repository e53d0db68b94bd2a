//! A request is looked at when all of it is here.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use crate::web::error::PageError;

/// The layer that waits for the body before anything else of a request is looked at: who is signed
/// in is asked of the instant in which the form counts, not of the one in which its head came. A
/// body may take seconds, and in them the session may end.
pub async fn wait(request: Request, next: Next) -> Result<Response, PageError> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let body = Bytes::from_request(Request::new(body), &())
        .await
        .map_err(|_| PageError::BadForm("The form is too large or broke off on its way."))?;
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}
