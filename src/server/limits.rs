//! The bounds of a connection and a request, and the answers when one is passed.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// How long a client may take, and how much it may send; tests turn them down.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For the TLS handshake, and from the first byte of a request to the end of its header.
    pub header_read: Duration,
    /// From the end of the header to the end of the body.
    pub body_read: Duration,
    /// From the end of the header to the beginning of the response.
    pub request: Duration,
    /// Until the client has taken what was written.
    pub write_stall: Duration,
    /// Between requests.
    pub idle: Duration,
    /// How long new connections are still taken after `/readyz` has begun to say no.
    pub lame_duck: Duration,
    /// How long `/readyz` waits for its answer.
    pub readiness: Duration,
    /// Header fields.
    pub headers: usize,
    /// Bytes of all header fields.
    pub header_bytes: usize,
    /// Bytes of the URI.
    pub uri_bytes: usize,
    /// Bytes of the body.
    pub body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(15),
            request: Duration::from_secs(30),
            write_stall: Duration::from_secs(20),
            idle: Duration::from_mins(1),
            lame_duck: Duration::from_secs(1),
            readiness: Duration::from_secs(1),
            headers: 64,
            header_bytes: 16 * 1024,
            uri_bytes: 8 * 1024,
            body_bytes: 64 * 1024,
        }
    }
}

/// How an answer is worded that never reached a door: the status and the path that was asked for.
pub type Refusal = fn(StatusCode, &str) -> Response;

/// One plain sentence.
pub(super) fn plain_refusal(status: StatusCode, _path: &str) -> Response {
    let sentence = match status {
        StatusCode::BAD_REQUEST => "The request is malformed.\n",
        StatusCode::METHOD_NOT_ALLOWED => "This method is not served here.\n",
        StatusCode::REQUEST_TIMEOUT => "The request took too long to arrive.\n",
        StatusCode::PAYLOAD_TOO_LARGE => "The request is too large.\n",
        StatusCode::URI_TOO_LONG => "The address is too long.\n",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Compressed requests are not understood.\n",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "The request has too many headers.\n",
        StatusCode::SERVICE_UNAVAILABLE => "The server is busy; please try again soon.\n",
        _ => "Something went wrong on this server.\n",
    };
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
