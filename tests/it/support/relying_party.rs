//! A relying party as others would write one, with the `openidconnect` crate: what it accepts, a
//! client in the field accepts.

use std::future::Future;
use std::pin::Pin;

use latchkey::clock::Clock;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims,
    CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyAdditionalClaims, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RefreshToken, Scope, TokenResponse, UserInfoClaims,
};
use serde_json::Value;

use super::Latchkey;
use super::browser::Departure;
use super::clients::TestClient;
use super::endpoint::{Answer, Endpoints};

type Discovered = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A relying party that has read the metadata.
pub struct RelyingParty {
    pub client: TestClient,
    pub issuer: String,
    oidc: Discovered,
    clock: Clock,
    http: Http,
    endpoints: Endpoints,
}

/// One attempt to sign somebody in: what was sent, and what must come back.
pub struct Attempt {
    /// Where the browser is sent.
    pub url: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// What a code or refresh token was exchanged for.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<CoreIdToken>,
    pub scope: Option<Vec<String>>,
}

impl RelyingParty {
    /// Reads metadata and keys of the provider, and checks that they name it.
    pub async fn discover(latchkey: &Latchkey, client: &TestClient) -> Self {
        let http = Http(super::browser::http());
        let issuer = IssuerUrl::new(latchkey.issuer.clone()).expect("an issuer");
        let metadata =
            CoreProviderMetadata::discover_async(issuer, &http).await.expect("metadata and keys");
        let id = ClientId::new(client.id.clone());
        let secret = client.secret.clone().map(ClientSecret::new);
        let mut oidc = CoreClient::from_provider_metadata(metadata, id, secret);
        if !client.redirect_uri.is_empty() {
            let redirect = RedirectUrl::new(client.redirect_uri.clone()).expect("a redirect URI");
            oidc = oidc.set_redirect_uri(redirect);
        }
        Self {
            client: client.clone(),
            issuer: latchkey.issuer.clone(),
            oidc,
            clock: latchkey.clock.clone(),
            http,
            endpoints: latchkey.endpoints.clone(),
        }
    }

    /// Begins to sign somebody in, with PKCE, `state` and `nonce`.
    pub fn begin(&self, scopes: &[&str]) -> Attempt {
        self.begin_with(scopes, &[])
    }

    /// Begins with more parameters.
    pub fn begin_with(&self, scopes: &[&str], more: &[(&str, &str)]) -> Attempt {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = self
            .oidc
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        // The crate adds `openid` by itself.
        for scope in scopes.iter().filter(|scope| **scope != "openid") {
            request = request.add_scope(Scope::new((*scope).to_owned()));
        }
        for (name, value) in more {
            request = request.add_extra_param((*name).to_owned(), (*value).to_owned());
        }
        let (url, state, nonce) = request.url();
        Attempt {
            url: url.to_string(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        }
    }

    /// The code that came back; fails unless `state` and `iss` are right (RFC 9207).
    pub fn code(&self, attempt: &Attempt, came: &Departure) -> String {
        let at = came.url.as_str();
        assert!(at.starts_with(&self.client.redirect_uri), "sent to {at}");
        assert_eq!(came.parameter("error"), None, "{at}");
        assert_eq!(came.parameter("state").as_deref(), Some(attempt.state.as_str()), "{at}");
        assert_eq!(came.parameter("iss").as_deref(), Some(self.issuer.as_str()), "{at}");
        came.parameter("code").unwrap_or_else(|| panic!("no code: {at}"))
    }

    /// Exchanges the code that came back, and verifies the ID token.
    pub async fn finish(&self, attempt: &Attempt, came: &Departure) -> Tokens {
        let code = AuthorizationCode::new(self.code(attempt, came));
        let request = self
            .oidc
            .exchange_code(code)
            .expect("the metadata name a token endpoint")
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()));
        let response = request.request_async(&self.http).await.expect("tokens");
        let tokens = Tokens::from(&response);
        if tokens.id.is_some() {
            self.verify(&tokens, Some(&attempt.nonce));
        }
        tokens
    }

    /// Verifies the ID token against the published keys; `nonce` is `None` after a refresh.
    pub fn verify(&self, tokens: &Tokens, nonce: Option<&str>) -> CoreIdTokenClaims {
        let clock = self.clock.clone();
        let now = move || {
            let millis = clock.now().millis();
            chrono::DateTime::from_timestamp_millis(millis).expect("a time of this age")
        };
        let verifier = self.oidc.id_token_verifier().set_time_fn(now);
        let nonce = nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let check = |sent: Option<&Nonce>| match (sent, &nonce) {
            (Some(sent), Some(wanted)) if sent.secret() != wanted.secret() => {
                Err("the nonce is another".to_owned())
            }
            (None, Some(_)) => Err("the nonce is missing".to_owned()),
            _ => Ok(()),
        };
        let token = tokens.id.as_ref().expect("an ID token");
        token.claims(&verifier, check).expect("a good ID token").clone()
    }

    /// What the userinfo endpoint tells, for the same person as the ID token.
    pub async fn userinfo(&self, tokens: &Tokens) -> CoreUserInfoClaims {
        let token = AccessToken::new(tokens.access.clone());
        let request = self.oidc.user_info(token, None).expect("a userinfo endpoint");
        let claims: UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim> =
            request.request_async(&self.http).await.expect("claims");
        claims
    }

    /// Exchanges the refresh token.
    pub async fn refresh(&self, tokens: &Tokens) -> Tokens {
        let token = tokens.refresh.clone().expect("a refresh token");
        let token = RefreshToken::new(token);
        let request = self.oidc.exchange_refresh_token(&token).expect("a token endpoint");
        let response = request.request_async(&self.http).await.expect("new tokens");
        Tokens::from(&response)
    }

    /// Exchanges the refresh token and gives the raw answer, whatever it is.
    pub async fn try_refresh(&self, refresh_token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let path = self.endpoint("token_endpoint").await;
        self.endpoints.post(&path, &self.client.credentials(), &form).await
    }

    /// Revokes a token (RFC 7009). The crate would refuse an http endpoint, so this is by hand.
    pub async fn revoke(&self, token: &str) -> Answer {
        let path = self.endpoint("revocation_endpoint").await;
        self.endpoints.post(&path, &self.client.credentials(), &[("token", token)]).await
    }

    /// An endpoint as the metadata name it.
    pub async fn endpoint(&self, name: &str) -> String {
        let metadata = self.metadata().await;
        let found = metadata[name].as_str().map(str::to_owned);
        found.unwrap_or_else(|| panic!("the metadata name no {name}"))
    }

    /// The metadata as JSON.
    pub async fn metadata(&self) -> Value {
        let path = latchkey::paths::OPENID_CONFIGURATION;
        self.endpoints.get(path, &super::endpoint::Credentials::None).await.good()
    }
}

impl Tokens {
    fn from(response: &CoreTokenResponse) -> Self {
        Self {
            access: response.access_token().secret().clone(),
            refresh: response.refresh_token().map(|token| token.secret().clone()),
            id: response.id_token().cloned(),
            scope: response.scopes().map(|scopes| scopes.iter().map(|s| s.to_string()).collect()),
        }
    }
}

/// The crate's own HTTP client is of another version than ours.
struct Http(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = reqwest::Request::try_from(request).map_err(std::io::Error::other)?;
            let response = self.0.execute(request).await.map_err(std::io::Error::other)?;
            let mut answer = openidconnect::http::Response::builder().status(response.status());
            for (name, value) in response.headers() {
                answer = answer.header(name, value);
            }
            let body = response.bytes().await.map_err(std::io::Error::other)?;
            answer.body(body.to_vec()).map_err(std::io::Error::other)
        })
    }
}
