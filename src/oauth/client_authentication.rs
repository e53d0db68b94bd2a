//! Which client is calling, and how it proved it (RFC 6749 §2.3, RFC 7523 §2.2).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::form_urlencoded;

use crate::app::App;
use crate::identity::client_failures;
use crate::identity::clients::secret_fits;
use crate::paths;
use crate::protocol::client::{AuthMethod, ClientMetadata};
use crate::protocol::client_assertion::{self, ASSERTION_TYPE, Recipient};
use crate::protocol::error::{ErrorCode, OAuthError};
use crate::protocol::jwt;
use crate::protocol::parameters::Parameters;
use crate::secret::sha256;
use crate::store::clients::ClientRecord;
use crate::store::{Revision, used_assertions};
use crate::web::client_address::ClientAddress;
use crate::web::parameters::FormParameters;

/// A client that has proven who it is (or that needs no proof, being public), with the
/// parameters of its request.
pub struct AuthenticatedClient {
    /// The client.
    pub client: Arc<ClientRecord>,
    /// The form that it sent.
    pub parameters: Parameters,
    /// When, since this request arrived, the database was last asked what was taken back.
    pub revision: Revision,
}

/// Why a caller is not believed.
pub struct NotAuthenticated {
    error: OAuthError,
    basic: bool,
}

impl From<OAuthError> for NotAuthenticated {
    fn from(error: OAuthError) -> Self {
        Self { error, basic: false }
    }
}

impl IntoResponse for NotAuthenticated {
    fn into_response(self) -> Response {
        let challenge = self.basic && self.error.code == ErrorCode::InvalidClient;
        let mut response = self.error.into_response();
        if challenge {
            let value = HeaderValue::from_static("Basic realm=\"latchkey\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// What a request shows as its proof. There is never more than one (RFC 6749 §2.3).
enum Proof<'a> {
    Basic { id: String, secret: String },
    Post { id: &'a str, secret: &'a str },
    Assertion(&'a str),
    None { id: &'a str },
}

impl FromRequest<Arc<App>> for AuthenticatedClient {
    type Rejection = NotAuthenticated;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, NotAuthenticated> {
        let authorization = request.headers().get(header::AUTHORIZATION).cloned();
        let address = ClientAddress::of(&request).rate_limit_key();
        let basic = authorization.is_some();
        let FormParameters(parameters) = FormParameters::from_request(request, app).await?;
        let (client, revision) = authenticate(app, authorization.as_ref(), &parameters, address)
            .await
            .map_err(|error| NotAuthenticated { error, basic })?;
        Ok(Self { client, parameters, revision })
    }
}

fn failed() -> OAuthError {
    OAuthError::invalid_client("client authentication failed")
}

async fn authenticate(
    app: &App,
    authorization: Option<&HeaderValue>,
    parameters: &Parameters,
    address: IpAddr,
) -> Result<(Arc<ClientRecord>, Revision), OAuthError> {
    let proof = proof(authorization, parameters)?;
    let id = match &proof {
        Proof::Basic { id, .. } => id.clone(),
        Proof::Post { id, .. } | Proof::None { id } => (*id).to_owned(),
        Proof::Assertion(assertion) => {
            client_assertion::peek_client_id(assertion).ok_or_else(failed)?
        }
    };
    // What the body says of the client must not differ from what is proven.
    if parameters.once("client_id")?.is_some_and(|named| named != id) {
        return Err(OAuthError::invalid_request("client_id is not the client that authenticates"));
    }
    client_failures::listen(app, &id, address).await?.map_err(OAuthError::too_many)?;
    if matches!(proof, Proof::None { .. }) {
        app.limits.unproven(address).map_err(OAuthError::too_many)?;
    }
    let proven = prove(app, &proof, &id).await;
    if proven.as_ref().is_err_and(|error| error.code == ErrorCode::InvalidClient) {
        refused(app, &proof, &id, address).await?;
    }
    proven
}

/// Counts what was not believed: as a guess where it was one, whatever else its address has used up,
/// and against the address.
async fn refused(
    app: &App,
    proof: &Proof<'_>,
    id: &str,
    address: IpAddr,
) -> Result<(), OAuthError> {
    if matches!(proof, Proof::None { .. }) {
        return Ok(());
    }
    client_failures::failed(app, id, address).await?;
    app.limits.unproven(address).map_err(OAuthError::too_many)
}

/// The client called `id`, if `proof` shows that it is calling.
async fn prove(
    app: &App,
    proof: &Proof<'_>,
    id: &str,
) -> Result<(Arc<ClientRecord>, Revision), OAuthError> {
    let live = app.store.live().await?;
    let mut revision = live.revision();
    let found = live.client(id).await?;
    let client = found.filter(|client| client.disabled_at.is_none()).ok_or_else(failed)?;
    let method = client.metadata.token_endpoint_auth_method;
    let proven = match proof {
        Proof::Basic { secret, .. } => {
            method == AuthMethod::ClientSecretBasic && secret_fits(app, &client, secret)
        }
        Proof::Post { secret, .. } => {
            method == AuthMethod::ClientSecretPost && secret_fits(app, &client, secret)
        }
        Proof::None { .. } => method == AuthMethod::None,
        Proof::Assertion(assertion) => {
            if method != AuthMethod::PrivateKeyJwt {
                return Err(failed());
            }
            check_assertion(app, &client, assertion).await?;
            // Fetching the client's keys may have taken seconds.
            revision = app.store.live().await?.revision();
            true
        }
    };
    if proven { Ok((client, revision)) } else { Err(failed()) }
}

fn proof<'a>(
    authorization: Option<&HeaderValue>,
    parameters: &'a Parameters,
) -> Result<Proof<'a>, OAuthError> {
    let secret = parameters.once("client_secret")?;
    let assertion = parameters.once("client_assertion")?;
    let assertion_type = parameters.once("client_assertion_type")?;
    let ways = usize::from(authorization.is_some())
        + usize::from(secret.is_some())
        + usize::from(assertion.is_some() || assertion_type.is_some());
    if ways > 1 {
        return Err(OAuthError::invalid_request(
            "the request authenticates the client in more than one way",
        ));
    }
    if let Some(header) = authorization {
        let (id, secret) = basic(header).ok_or_else(failed)?;
        return Ok(Proof::Basic { id, secret });
    }
    match (assertion, assertion_type) {
        (Some(assertion), Some(ASSERTION_TYPE)) => return Ok(Proof::Assertion(assertion)),
        (None, None) => {}
        _ => {
            return Err(OAuthError::invalid_request(
                "client_assertion and client_assertion_type do not fit together",
            ));
        }
    }
    let id = parameters.once("client_id")?.ok_or_else(failed)?;
    Ok(match secret {
        Some(secret) => Proof::Post { id, secret },
        None => Proof::None { id },
    })
}

/// The credentials of an `Authorization: Basic` header, each form-encoded before it was joined
/// (RFC 6749 §2.3.1).
pub fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4096 {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// Undoes `application/x-www-form-urlencoded` for one value. A client that did not encode its
/// credentials is understood too, unless it holds `%` or `+`, which would be ambiguous.
fn form_decoded(value: &str) -> Option<String> {
    let as_field = format!("v={}", value.replace('&', "%26").replace('=', "%3D"));
    let decoded = form_urlencoded::parse(as_field.as_bytes()).next()?.1.into_owned();
    (!decoded.contains(['\0', char::REPLACEMENT_CHARACTER])).then_some(decoded)
}

/// Checks a `private_key_jwt` assertion; each counts once, on whatever node and after whatever
/// restart (RFC 7523 §3).
async fn check_assertion(
    app: &App,
    client: &ClientRecord,
    assertion: &str,
) -> Result<(), OAuthError> {
    let now = app.clock.now();
    let keys = client_keys(app, &client.metadata, assertion).await?;
    let token_endpoint = paths::absolute(&app.config.issuer, paths::TOKEN);
    let us = Recipient {
        issuer: &app.config.issuer,
        token_endpoint: &token_endpoint,
        legacy_flows: app.config.oidc.legacy_flows,
    };
    let checked = client_assertion::check(assertion, &client.metadata, &keys, &us, now)?;
    let mut db = app.store.write().await?;
    let jti = sha256(&checked.jti);
    let first = used_assertions::insert_once(&mut db, &client.id, &jti, checked.expires_at).await?;
    db.commit().await?;
    if first { Ok(()) } else { Err(failed()) }
}

async fn client_keys(
    app: &App,
    client: &ClientMetadata,
    assertion: &str,
) -> Result<Arc<Value>, OAuthError> {
    if let Some(jwks) = &client.jwks {
        return Ok(Arc::new(jwks.clone()));
    }
    let uri = client.jwks_uri.as_deref().ok_or_else(failed)?;
    let kid = jwt::key_id(assertion);
    match app.outbound.jwks(uri, kid.as_deref()).await {
        Ok(jwks) => Ok(jwks),
        Err(error) => {
            tracing::warn!(client = client.client_id, %error, "the client's keys cannot be had");
            Err(failed())
        }
    }
}

/// The bearer token of an `Authorization` header, RFC 6750 §2.1. `Err` when the header is there
/// and something else.
pub fn bearer(headers: &HeaderMap) -> Result<Option<String>, OAuthError> {
    let other =
        || OAuthError::invalid_request("the Authorization header does not carry a bearer token");
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().map_err(|_| other())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(other)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(other());
    }
    Ok(Some(token.trim().to_owned()))
}
