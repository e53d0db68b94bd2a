//! The answers to requests that are refused before they reach a door: too large, too slow, too
//! many. Programs read them as JSON, people as a page that needs no template.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::paths;
use crate::protocol::error::ErrorCode;
use crate::web::headers;

/// The endpoints that programs call; whatever else there is, people visit.
const PROGRAMS: [&str; 7] = [
    paths::TOKEN,
    paths::REVOKE,
    paths::INTROSPECT,
    paths::USERINFO,
    paths::JWKS,
    paths::OPENID_CONFIGURATION,
    paths::AUTHORIZATION_SERVER_METADATA,
];

/// Refuses a request to `path`, of which nothing is repeated.
#[must_use]
pub fn refuse(status: StatusCode, path: &str) -> Response {
    let sentence = sentence(status);
    let mut response = if PROGRAMS.contains(&path) {
        let body = json!({ "error": code(status).name(), "error_description": sentence });
        (status, Json(body)).into_response()
    } else {
        (status, Html(page(sentence))).into_response()
    };
    headers::complete(response.headers_mut());
    response
}

fn code(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => ErrorCode::TemporarilyUnavailable,
        status if status.is_server_error() => ErrorCode::ServerError,
        _ => ErrorCode::InvalidRequest,
    }
}

fn sentence(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request is malformed.",
        StatusCode::METHOD_NOT_ALLOWED => "Requests of this kind are not served here.",
        StatusCode::REQUEST_TIMEOUT => "The request took too long to arrive.",
        StatusCode::PAYLOAD_TOO_LARGE => "The request is too large.",
        StatusCode::URI_TOO_LONG => "The address is too long.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Compressed requests are not understood.",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The request has too many or too long headers."
        }
        StatusCode::SERVICE_UNAVAILABLE => "The server is busy. Please try again in a moment.",
        _ => "Something went wrong on our side. Please try again.",
    }
}

fn page(sentence: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>This did not work</title></head>\n\
         <body><main><h1>This did not work</h1><p>{sentence}</p></main></body>\n</html>\n"
    )
}
