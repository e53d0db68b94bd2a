//! How a refusal becomes the JSON that a relying party reads (RFC 6749 §5.2): the counterpart of `error.rs`
//! for programs.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::protocol::error::{ErrorCode, OAuthError};
use crate::web::error::insert_retry_after;

/// The body of RFC 6749 §5.2.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_description: &'a str,
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let status = match self.retry_after {
            Some(_) => StatusCode::TOO_MANY_REQUESTS,
            None => StatusCode::from_u16(self.code.status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        if let Some(cause) = &self.cause {
            tracing::error!(
                error = self.code.name(),
                cause = format!("{cause:#}"),
                "request failed"
            );
        }
        let body = ErrorBody { error: self.code.name(), error_description: &self.description };
        let mut response = (status, Json(body)).into_response();
        if let Some(later) = self.retry_after {
            insert_retry_after(&mut response, whole_seconds(later));
        } else if self.code == ErrorCode::TemporarilyUnavailable {
            insert_retry_after(&mut response, 5);
        }
        response
    }
}

/// Seconds until it makes sense to come back: rather one more than one too few.
fn whole_seconds(later: Duration) -> u64 {
    (later.as_secs() + u64::from(later.subsec_nanos() > 0)).max(1)
}
