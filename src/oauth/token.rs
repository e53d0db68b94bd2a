//! The token endpoint, RFC 6749 §3.2.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::grants;
use crate::identity::client_requests;
use crate::limits::Sender;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::protocol::client::AuthMethod;
use crate::protocol::error::OAuthError;
use crate::web::client_address::ClientAddress;

/// Redeems a grant. Nothing of the answer may be kept by a cache (RFC 6749 §5.1).
pub(super) async fn post(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    caller: AuthenticatedClient,
) -> Result<Response, OAuthError> {
    let id = caller.client.id.as_str();
    let sender = match caller.client.metadata.token_endpoint_auth_method {
        AuthMethod::None => Sender::Public(id, ClientAddress(address).rate_limit_key()),
        _ => Sender::Proven(id),
    };
    client_requests::admit(&app, sender).await?.map_err(OAuthError::too_many)?;
    let address = address.to_canonical().to_string();
    let answer = grants::redeem(&app, &caller.client, &caller.parameters, &address).await?;
    let unkept = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    Ok((unkept, Json(answer)).into_response())
}
