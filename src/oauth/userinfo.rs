//! The userinfo endpoint, OpenID Connect Core §5.3, with the bearer rules of RFC 6750.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::grants::access_token::{self, LiveToken};
use crate::oauth::client_authentication::bearer;
use crate::protocol::claims;
use crate::protocol::code_grant::{self, StoredGrant};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::store::users;
use crate::web::client_address::ClientAddress;
use crate::web::parameters::is_form;

/// Why the caller learns nothing (RFC 6750 §3).
pub(super) enum NoInformation {
    /// It showed no token: it is told how to, and nothing else.
    NoToken,
    /// It is told what is wrong.
    Refused(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for NoInformation {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl IntoResponse for NoInformation {
    fn into_response(self) -> Response {
        let (mut response, challenge) = match self {
            Self::NoToken => {
                (axum::http::StatusCode::UNAUTHORIZED.into_response(), Some("Bearer".to_owned()))
            }
            Self::Refused(error) => {
                let challenge = match error.code {
                    ErrorCode::InvalidToken
                    | ErrorCode::InvalidRequest
                    | ErrorCode::InsufficientScope => Some(format!(
                        "Bearer error=\"{}\", error_description=\"{}\"",
                        error.code.name(),
                        error.description
                    )),
                    _ => None,
                };
                (error.into_response(), challenge)
            }
        };
        if let Some(value) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// By GET, with the token in the `Authorization` header.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    from: ClientAddress,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, NoInformation> {
    answer(&app, from, &presented(&uri, &headers, None)?).await
}

/// By POST, with the token in the header or in a form (RFC 6750 §2.2).
pub(super) async fn post(
    State(app): State<Arc<App>>,
    from: ClientAddress,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, NoInformation> {
    let in_form = if is_form(&headers) {
        let parameters = Parameters::parse(&body)?;
        parameters.once("access_token")?.map(str::to_owned)
    } else {
        None
    };
    answer(&app, from, &presented(&uri, &headers, in_form)?).await
}

fn presented(
    uri: &Uri,
    headers: &HeaderMap,
    in_form: Option<String>,
) -> Result<String, NoInformation> {
    let query = Parameters::parse(uri.query().unwrap_or_default().as_bytes())?;
    if query.once("access_token")?.is_some() {
        return Err(
            OAuthError::invalid_request("an access token does not belong into a URL").into()
        );
    }
    let in_header = bearer(headers)?;
    match (in_header, in_form) {
        (Some(_), Some(_)) => {
            Err(OAuthError::invalid_request("the request carries two access tokens").into())
        }
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(NoInformation::NoToken),
    }
}

async fn answer(app: &App, from: ClientAddress, shown: &str) -> Result<Response, NoInformation> {
    let dead = || OAuthError::invalid_token("the access token is expired, revoked or not ours");
    let live = access_token::check(app, shown).await?;
    let Some(LiveToken { token, client, standing: Some(standing) }) = &live else {
        app.limits.unproven(from.rate_limit_key()).map_err(OAuthError::too_many)?;
        return Err(dead().into());
    };
    // A resource server that was shown the token must not learn here what the client may.
    if !token.audience.is_empty() && !token.audience.contains(&app.config.issuer) {
        return Err(OAuthError::invalid_token("the access token is for another resource").into());
    }
    let authorization = &standing.authorization;
    let grant = StoredGrant {
        client_id: token.client_id.clone(),
        owner_id: authorization.user_id.clone(),
        scope: token.scope.clone(),
        expires_at: token.expires_at,
    };
    code_grant::resource::check(&Scope::parse("openid")?, Some(&grant), app.clock.now())?;
    let user = {
        let mut db = app.store.read().await?;
        users::find(&mut db, &authorization.user_id).await?.ok_or_else(dead)?
    };
    let mut members = claims::userinfo(&user.all_claims(), &token.scope, &authorization.claims);
    let subject = app.subject(&client.metadata, &user.id);
    members.insert("sub".to_owned(), json!(subject));
    let Some(alg) = client.metadata.userinfo_signed_response_alg else {
        return Ok(Json(members).into_response());
    };
    members.insert("iss".to_owned(), json!(app.config.issuer));
    members.insert("aud".to_owned(), json!(client.id));
    let signed = app
        .signing_key(alg)
        .and_then(|key| key.sign(alg, "JWT", &members))
        .map_err(OAuthError::server_error)?;
    Ok(([(header::CONTENT_TYPE, "application/jwt")], signed).into_response())
}
