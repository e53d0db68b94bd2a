//! What this server can do: RFC 8414, OpenID Connect Discovery, and its public keys (RFC 7517).
//!
//! The lists come from the types that the endpoints themselves use, so they cannot promise more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::App;
use crate::paths;
use crate::protocol::authorization_request::{Display, ResponseMode};
use crate::protocol::claims;
use crate::protocol::client::{AuthMethod, GrantType, ResponseType, SubjectType};
use crate::protocol::jwt::SigningAlg;
use crate::protocol::next_step;
use crate::protocol::pkce;
use crate::protocol::prompt::Prompts;
use crate::protocol::scope;

/// How long metadata and keys may be kept: short enough that a new key, which is published an
/// hour before it signs, is known everywhere by then.
const CACHEABLE: &str = "public, max-age=300";

/// The metadata document, the same at both well-known addresses.
pub(super) async fn document(State(app): State<Arc<App>>) -> impl IntoResponse {
    let text = app.metadata.get_or_init(|| describe(&app).to_string().into());
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHEABLE)];
    (headers, text.clone())
}

/// The public keys.
pub(super) async fn jwks(State(app): State<Arc<App>>) -> impl IntoResponse {
    let keys = app.ring().jwks();
    ([(header::CACHE_CONTROL, CACHEABLE)], Json(keys))
}

fn describe(app: &App) -> Value {
    let at = |path| paths::absolute(&app.config.issuer, path);
    let methods: Vec<_> = AuthMethod::ALL.iter().map(|method| method.name()).collect();
    let with_proof: Vec<_> =
        methods.iter().filter(|name| **name != AuthMethod::None.name()).collect();
    let algorithms: Vec<_> = SigningAlg::ALL.iter().map(|alg| alg.name()).collect();
    json!({
        "issuer": app.config.issuer,
        "authorization_endpoint": at(paths::AUTHORIZE),
        "token_endpoint": at(paths::TOKEN),
        "userinfo_endpoint": at(paths::USERINFO),
        "jwks_uri": at(paths::JWKS),
        "revocation_endpoint": at(paths::REVOKE),
        "introspection_endpoint": at(paths::INTROSPECT),
        "end_session_endpoint": at(paths::END_SESSION),
        "scopes_supported": scope::DEFAULT_SCOPE.split(' ').collect::<Vec<_>>(),
        "claims_supported": supported_claims(),
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "response_types_supported": names(ResponseType::ALL.iter().map(|one| one.name())),
        "response_modes_supported": names(ResponseMode::ALL.iter().map(|one| one.name())),
        "grant_types_supported": names(GrantType::ALL.iter().map(|one| one.name())),
        "subject_types_supported": names(SubjectType::ALL.iter().map(|one| one.name())),
        "prompt_values_supported": Prompts::NAMES,
        "display_values_supported": names(Display::ALL.iter().map(|one| one.name())),
        "acr_values_supported": next_step::ACR_VALUES,
        "ui_locales_supported": ["en"],
        "code_challenge_methods_supported": [pkce::METHOD],
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": with_proof,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": algorithms,
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        // Request objects are not taken; saying for certain that unsigned ones are not.
        "request_object_signing_alg_values_supported": algorithms,
    })
}

/// The claims of ID tokens and of userinfo.
fn supported_claims() -> Vec<&'static str> {
    let ours = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"];
    ours.into_iter().chain(claims::standard_names()).collect()
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    all.collect()
}
