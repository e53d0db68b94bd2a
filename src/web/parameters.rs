//! The request parameters of a protocol endpoint: one reading of them for all endpoints.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, Uri, header};

use crate::protocol::error::OAuthError;
use crate::protocol::parameters::Parameters;

/// Whether the body is announced as `application/x-www-form-urlencoded`.
#[must_use]
pub fn is_form(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// The parameters of a GET request's query.
pub fn of_query(uri: &Uri) -> Result<Parameters, OAuthError> {
    Parameters::parse(uri.query().unwrap_or_default().as_bytes())
}

/// The parameters of a form body; parameters in the query are refused, because secrets do not
/// belong into a URL (RFC 6749 §2.3.1).
pub struct FormParameters(pub Parameters);

impl<S: Send + Sync> FromRequest<S> for FormParameters {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(OAuthError::invalid_request(
                "parameters belong into the body of the request, not into its URL",
            ));
        }
        if !is_form(request.headers()) {
            return Err(OAuthError::invalid_request(
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| OAuthError::invalid_request("the body could not be read"))?;
        let parameters = Parameters::parse(&body)?;
        parameters.refuse_repeats()?;
        Ok(Self(parameters))
    }
}

/// The parameters of an authorization request, by GET in the query or by POST in the body
/// (OpenID Connect Core §3.1.2.1). In a POST the query must be empty.
pub struct QueryOrForm(pub Parameters);

impl<S: Send + Sync> FromRequest<S> for QueryOrForm {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        if request.method() != Method::POST {
            return of_query(request.uri()).map(Self);
        }
        if request.uri().query().is_some_and(|query| !query.is_empty())
            || !is_form(request.headers())
        {
            return Err(OAuthError::invalid_request(
                "a POST carries its parameters in a form body and nowhere else",
            ));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|_| OAuthError::invalid_request("the body could not be read"))?;
        Parameters::parse(&body).map(Self)
    }
}
