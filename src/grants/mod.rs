//! What the token endpoint redeems, one file a grant type; the only place that issues tokens.

pub mod access_token;
pub mod authorization_code;
pub mod client_credentials;
mod last_use;
pub mod may_act;
pub mod refresh_token;
pub mod signing;
mod theft;

use serde::Serialize;

use crate::app::App;
use crate::grants::access_token::AccessToken;
use crate::grants::refresh_token::RefreshToken;
use crate::protocol::client::{AccessTokenFormat, GrantType};
use crate::protocol::error::OAuthError;
use crate::protocol::jwt::SigningAlg;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::protocol::token_claims::{
    ACCESS_TOKEN_TYP, AccessTokenClaims, Audience, ID_TOKEN_TYP, IdTokenClaims, half_hash,
};
use crate::store::authorizations::Authorization;
use crate::store::clients::{self, ClientRecord};
use crate::store::users;

/// What a redeemed grant allows to issue.
pub struct Entitlement {
    /// The authorization that the tokens will hang on; none for a client in its own name.
    pub authorization: Option<Authorization>,
    /// The generation that the tokens will belong to.
    pub generation: u32,
    /// What they allow.
    pub scope: Scope,
    /// Whether a refresh token was redeemed: the ID token then carries no nonce.
    pub refreshed: bool,
}

/// RFC 6749 §5.1, with the ID token of OpenID Connect Core §3.1.3.3.
#[derive(Debug, Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    scope: String,
}

/// Answers a token request of `client`, whose authentication was checked before; it came from
/// `address`.
pub async fn redeem(
    app: &App,
    client: &ClientRecord,
    parameters: &Parameters,
    address: &str,
) -> Result<TokenResponse, OAuthError> {
    let name = parameters.required("grant_type")?;
    let grant_type = GrantType::from_name(name).ok_or_else(|| {
        OAuthError::unsupported_grant_type("this server does not know the grant_type")
    })?;
    may_act::client_may_act(client)
        .map_err(|_| OAuthError::invalid_client("the client is disabled"))?;
    if !client.metadata.may(grant_type) {
        return Err(OAuthError::unauthorized_client(
            "the client is not registered for this grant_type",
        ));
    }
    let entitlement = match grant_type {
        GrantType::AuthorizationCode => {
            authorization_code::redeem(app, client, parameters, address).await?
        }
        GrantType::RefreshToken => refresh_token::redeem(app, client, parameters, address).await?,
        GrantType::ClientCredentials => client_credentials::redeem(client, parameters)?,
    };
    let audience = audience(app, &entitlement, parameters).await?;
    issue(app, client, &entitlement, audience).await
}

/// Whom the access token is for: the resources named now, within those that were allowed
/// (RFC 8707 §2.2).
async fn audience(
    app: &App,
    entitlement: &Entitlement,
    parameters: &Parameters,
) -> Result<Vec<String>, OAuthError> {
    let named: Vec<String> = parameters.all("resource").into_iter().map(str::to_owned).collect();
    let Some(authorization) = &entitlement.authorization else {
        check_resources(app, &named).await?;
        return Ok(named);
    };
    let allowed = || authorization.resource.split_whitespace();
    if named.is_empty() {
        return Ok(allowed().map(str::to_owned).collect());
    }
    if named.iter().all(|resource| allowed().any(|one| one == resource)) {
        Ok(named)
    } else {
        Err(OAuthError::invalid_target("the resource was not part of the authorization request"))
    }
}

/// Whether each of `resources` is some resource server's (RFC 8707 §2), or our own: a token for
/// others opens the userinfo endpoint only if it names the issuer too.
pub async fn check_resources(app: &App, resources: &[String]) -> Result<(), OAuthError> {
    if resources.is_empty() {
        return Ok(());
    }
    let mut db = app.store.read().await?;
    for resource in resources.iter().filter(|resource| **resource != app.config.issuer) {
        if clients::resource_owner(&mut db, resource).await?.is_none() {
            return Err(OAuthError::invalid_target("no such resource is registered here"));
        }
    }
    Ok(())
}

/// Makes the tokens. The signing key, the seal and the clock are all that it needs.
async fn issue(
    app: &App,
    client: &ClientRecord,
    entitlement: &Entitlement,
    audience: Vec<String>,
) -> Result<TokenResponse, OAuthError> {
    let now = app.clock.now();
    let mut ttl = *app.config.tokens.access_ttl;
    if let Some(authorization) = &entitlement.authorization {
        ttl = ttl.min(authorization.expires_at.since(now));
    }
    // A node whose clock is behind that of the one which registered the client issues nothing from
    // before it, which would be another client's.
    let issued_at = match &entitlement.authorization {
        Some(_) => now,
        None => now.max(client.created_at),
    };
    let token = AccessToken {
        token_id: app.random.id(issued_at),
        authorization: entitlement
            .authorization
            .as_ref()
            .map(|authorization| (authorization.id.clone(), entitlement.generation)),
        client_id: client.id.clone(),
        scope: entitlement.scope.clone(),
        audience,
        issued_at,
        expires_at: now + ttl,
    };
    let access_token = match client.metadata.access_token_format {
        AccessTokenFormat::Opaque => token.seal(app),
        AccessTokenFormat::Jwt => sign_access_token(app, client, entitlement, &token).await,
    }
    .map_err(OAuthError::server_error)?;
    let (mut refresh_token, mut id_token) = (None, None);
    if let Some(authorization) = &entitlement.authorization {
        if client.metadata.may(GrantType::RefreshToken) {
            let successor = RefreshToken {
                authorization_id: authorization.id.clone(),
                generation: entitlement.generation,
            };
            refresh_token = Some(successor.derive(app).map_err(OAuthError::server_error)?);
        }
        if entitlement.scope.contains("openid") {
            let signed = sign_id_token(app, client, entitlement, authorization, &access_token);
            id_token = Some(signed.await?);
        }
    }
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: ttl.as_secs(),
        refresh_token,
        id_token,
        scope: entitlement.scope.to_string(),
    })
}

/// The RFC 9068 form of an access token. A client in its own name is its own subject.
async fn sign_access_token(
    app: &App,
    client: &ClientRecord,
    entitlement: &Entitlement,
    token: &AccessToken,
) -> anyhow::Result<String> {
    let authorization = entitlement.authorization.as_ref();
    let audience = if token.audience.is_empty() {
        vec![app.config.issuer.clone()]
    } else {
        token.audience.clone()
    };
    let claims = AccessTokenClaims {
        iss: app.config.issuer.clone(),
        sub: authorization.map_or_else(
            || client.id.clone(),
            |authorization| app.subject(&client.metadata, &authorization.user_id),
        ),
        aud: Audience::of(audience),
        exp: token.expires_at,
        iat: token.issued_at,
        jti: token.token_id.clone(),
        client_id: client.id.clone(),
        scope: token.scope.to_string(),
        auth_time: authorization.map(|authorization| authorization.auth_time),
        acr: authorization.map(|authorization| authorization.acr.clone()),
        authorization_id: authorization.map(|authorization| authorization.id.clone()),
        generation: authorization.map(|_| i64::from(entitlement.generation)),
    };
    signing::sign(app, SigningAlg::RS256, ACCESS_TOKEN_TYP, claims).await
}

/// The ID token of OpenID Connect Core §2 and, after a refresh, §12.2.
async fn sign_id_token(
    app: &App,
    client: &ClientRecord,
    entitlement: &Entitlement,
    authorization: &Authorization,
    access_token: &str,
) -> Result<String, OAuthError> {
    let now = app.clock.now();
    let alg = client.metadata.id_token_signed_response_alg;
    let extra = extra_claims(app, authorization).await?;
    let subject = app.subject(&client.metadata, &authorization.user_id);
    let expires = now + (*app.config.tokens.id_ttl).min(authorization.expires_at.since(now));
    let mut claims = IdTokenClaims::new(&app.config.issuer, &subject, &client.id, now, expires);
    claims.auth_time = Some(authorization.auth_time);
    claims.nonce = authorization.nonce.clone().filter(|_| !entitlement.refreshed);
    claims.acr = Some(authorization.acr.clone());
    claims.amr = authorization.amr.split_whitespace().map(str::to_owned).collect();
    claims.sid = Some(app.session_id(&client.id, &authorization.session_id));
    claims.at_hash = Some(half_hash(alg, access_token));
    let claims = claims.with_extras(extra);
    signing::sign(app, alg, ID_TOKEN_TYP, claims).await.map_err(OAuthError::server_error)
}

/// The claims about the person that the `claims` parameter asked for in the ID token
/// (OpenID Connect Core §5.5); without it there are none.
async fn extra_claims(
    app: &App,
    authorization: &Authorization,
) -> Result<serde_json::Map<String, serde_json::Value>, OAuthError> {
    if authorization.claims.id_token.is_empty() {
        return Ok(serde_json::Map::new());
    }
    let mut db = app.store.read().await?;
    let user = users::find(&mut db, &authorization.user_id).await?;
    let user = user.ok_or_else(|| OAuthError::invalid_grant("the account is no longer there"))?;
    Ok(crate::protocol::claims::id_token_extras(&user.all_claims(), &authorization.claims))
}
