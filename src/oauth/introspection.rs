//! Token introspection, RFC 7662, and its signed answer, RFC 9701.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::grants::access_token::{self, LiveToken};
use crate::grants::may_act::may_act;
use crate::grants::refresh_token::RefreshToken;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::protocol::client::{AuthMethod, ClientMetadata, IntrospectionRight};
use crate::protocol::error::OAuthError;
use crate::protocol::jwt::SigningAlg;
use crate::store::standing::{self, Standing};

const SIGNED: &str = "application/token-introspection+jwt";

/// Tells a resource server, or the client itself, what a token is worth now.
///
/// Who may not know gets the same answer as for a token that never was (RFC 7662 §2.2).
pub(super) async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    caller: AuthenticatedClient,
) -> Result<Response, OAuthError> {
    if caller.client.metadata.token_endpoint_auth_method == AuthMethod::None {
        return Err(OAuthError::invalid_client("a public client cannot introspect tokens"));
    }
    let presented = caller.parameters.required("token")?;
    let members =
        match access_token::check_at(&app, app.store.at(caller.revision), presented).await? {
            Some(live) if may_see(&caller.client.metadata, &live) => describe(&app, &live),
            Some(_) => inactive(),
            None => refresh_token(&app, &caller.client.metadata, presented).await?,
        };
    let wants_signed =
        headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| {
            accept
                .split(',')
                .any(|kind| kind.split(';').next().unwrap_or_default().trim() == SIGNED)
        });
    let registered = caller.client.metadata.introspection_signed_response_alg;
    if !wants_signed && registered.is_none() {
        return Ok(Json(members).into_response());
    }
    let alg = registered.unwrap_or(SigningAlg::RS256);
    let claims = json!({
        "iss": app.config.issuer,
        "aud": caller.client.id,
        "iat": app.clock.now().seconds(),
        "token_introspection": members,
    });
    let signed = app
        .signing_key(alg)
        .and_then(|key| key.sign(alg, "token-introspection+jwt", &claims))
        .map_err(OAuthError::server_error)?;
    Ok(([(header::CONTENT_TYPE, SIGNED)], signed).into_response())
}

fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), Value::Bool(false))])
}

/// Whether `caller` may know of this token: its own client, a resource server that it is for, or
/// one that an administrator lets see all.
fn may_see(caller: &ClientMetadata, live: &LiveToken) -> bool {
    caller.introspection == IntrospectionRight::Any
        || live.token.client_id == caller.client_id
        || live.token.audience.iter().any(|resource| caller.resources.contains(resource))
}

fn describe(app: &App, live: &LiveToken) -> Map<String, Value> {
    let token = &live.token;
    let audience = match token.audience.as_slice() {
        [] => json!(app.config.issuer),
        [one] => json!(one),
        several => json!(several),
    };
    let subject = match &live.standing {
        Some(standing) => app.subject(&live.client.metadata, &standing.authorization.user_id),
        None => token.client_id.clone(),
    };
    let mut members = Map::from_iter([
        ("active".to_owned(), json!(true)),
        ("client_id".to_owned(), json!(token.client_id)),
        ("token_type".to_owned(), json!("Bearer")),
        ("iss".to_owned(), json!(app.config.issuer)),
        ("sub".to_owned(), json!(subject)),
        ("aud".to_owned(), audience),
        ("iat".to_owned(), json!(token.issued_at.seconds())),
        ("exp".to_owned(), json!(token.expires_at.seconds())),
        ("jti".to_owned(), json!(token.token_id)),
    ]);
    if !token.scope.is_empty() {
        members.insert("scope".to_owned(), json!(token.scope.to_string()));
    }
    if let Some(standing) = &live.standing {
        let authorization = &standing.authorization;
        members.insert("acr".to_owned(), json!(authorization.acr));
        members.insert("auth_time".to_owned(), json!(authorization.auth_time.seconds()));
        members.extend(name_of(standing));
    }
    members
}

/// A client may also ask what its own refresh token is worth.
async fn refresh_token(
    app: &App,
    caller: &ClientMetadata,
    presented: &str,
) -> Result<Map<String, Value>, OAuthError> {
    let Some(token) = RefreshToken::read(app, presented) else { return Ok(inactive()) };
    let now = app.clock.now();
    let mut db = app.store.read().await?;
    let standing = standing::find(&mut db, &token.authorization_id).await?;
    let alive = standing.filter(|standing| {
        let authorization = &standing.authorization;
        authorization.client_id == caller.client_id
            && authorization.generation == i64::from(token.generation)
            && authorization.redeemed_at.is_some()
            && authorization.idle_expires_at > now
            && may_act(standing, now).is_ok()
    });
    let Some(standing) = alive else { return Ok(inactive()) };
    let authorization = &standing.authorization;
    let expires = authorization.idle_expires_at;
    let mut members = Map::from_iter([
        ("active".to_owned(), json!(true)),
        ("client_id".to_owned(), json!(authorization.client_id)),
        ("iss".to_owned(), json!(app.config.issuer)),
        ("sub".to_owned(), json!(app.subject(caller, &authorization.user_id))),
        ("scope".to_owned(), json!(authorization.scope.to_string())),
        ("iat".to_owned(), json!(authorization.created_at.seconds())),
        ("exp".to_owned(), json!(expires.min(authorization.expires_at).seconds())),
    ]);
    members.extend(name_of(&standing));
    Ok(members)
}

/// What the person is called, for who was allowed to know: a token that is only for signing in
/// tells it to nobody.
fn name_of(standing: &Standing) -> Option<(String, Value)> {
    let told = standing.authorization.scope.contains("profile");
    told.then(|| ("username".to_owned(), json!(standing.username)))
}
