//! Token revocation, RFC 7009.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::grants::access_token::{self, AccessToken};
use crate::grants::refresh_token::RefreshToken;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::protocol::error::OAuthError;
use crate::store::events::{self, Event};
use crate::store::{authorizations, revoked_tokens};

/// Revokes a token of the caller. A refresh token takes its authorization with it, and so every
/// token that hangs on it; an access token goes alone. 200 means: it is written.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    caller: AuthenticatedClient,
) -> Result<StatusCode, OAuthError> {
    let presented = caller.parameters.required("token")?;
    if let Some(token) = RefreshToken::read(&app, presented) {
        revoke_refresh_token(&app, &caller.client.id, &token).await?;
    } else if let Some(token) = access_token::read(&app, presented) {
        if token.client_id != caller.client.id {
            return Err(not_yours());
        }
        revoke_access_token(&app, &token).await?;
    }
    // What we never issued is as dead as can be (RFC 7009 §2.2).
    Ok(StatusCode::OK)
}

fn not_yours() -> OAuthError {
    OAuthError::invalid_request("the token was not issued to this client")
}

async fn revoke_access_token(app: &App, token: &AccessToken) -> Result<(), OAuthError> {
    let mut db = app.store.write().await?;
    let authorization = match &token.authorization {
        Some((id, _)) => authorizations::find(&mut db, id).await?,
        None => None,
    };
    if revoked_tokens::insert(&mut db, &token.token_id, token.expires_at).await? {
        let (user, session) = authorization.map(|found| (found.user_id, found.session_id)).unzip();
        let event = Event {
            user_id: user,
            client_id: Some(token.client_id.clone()),
            session_id: session,
            details: json!({ "access_token": token.token_id }),
            ..app.event("token_revoked")
        };
        events::record(&mut db, &event).await?;
    }
    db.commit().await?;
    Ok(())
}

async fn revoke_refresh_token(
    app: &App,
    client_id: &str,
    token: &RefreshToken,
) -> Result<(), OAuthError> {
    let mut db = app.store.write().await?;
    let Some(authorization) = authorizations::find(&mut db, &token.authorization_id).await? else {
        return Ok(());
    };
    if authorization.client_id != client_id {
        return Err(not_yours());
    }
    let now = app.clock.now();
    if authorizations::revoke(&mut db, &authorization.id, "revoked by the client", now).await? {
        let event = Event {
            user_id: Some(authorization.user_id),
            client_id: Some(client_id.to_owned()),
            session_id: Some(authorization.session_id),
            details: json!({ "authorization": authorization.id }),
            ..app.event("token_revoked")
        };
        events::record(&mut db, &event).await?;
    }
    db.commit().await?;
    Ok(())
}
