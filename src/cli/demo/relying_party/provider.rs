//! What the sample asks of the provider: all found through discovery, all verified.

use anyhow::{Context, anyhow, ensure};
use axum::http::{Method, Request, header};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
    CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, IssuerUrl,
    Nonce, NonceVerifier, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RedirectUrl, RefreshToken, Scope, SubjectIdentifier, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::Serializer;

use super::checks::{basic, check_issuer, parts};
use super::wire::Wire;
use super::{SCOPES, SampleRelyingParty};
use crate::secret::Random;

/// What the sample reads from the metadata beyond OpenID Connect Discovery §3.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Endpoints {
    /// RFC 8414 §2.
    revocation_endpoint: Option<Url>,
    /// RP-Initiated Logout §2.1.
    end_session_endpoint: Option<Url>,
    /// RFC 9207 §3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Endpoints {}

type Metadata = ProviderMetadata<
    Endpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// One sign-in under way: what its answer must fit.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// RFC 6749 §10.12.
    pub state: String,
    /// OpenID Connect Core §15.5.2.
    pub nonce: String,
    /// RFC 7636 §4.1.
    pub verifier: String,
}

impl Attempt {
    /// Fresh random values, 256 bits each.
    pub(super) fn new(random: &Random) -> Self {
        Self { state: random.token(""), nonce: random.token(""), verifier: random.token("") }
    }
}

/// The tokens of a person who signed in, and what the verified ID token said.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub id_token: String,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    /// What userinfo calls the person.
    pub name: Option<String>,
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub scope: String,
    /// Whether the sample had the access token revoked.
    pub revoked: bool,
}

impl SignedIn {
    fn subject(&self) -> &str {
        self.claims.get("sub").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The provider as its metadata describe it now.
#[derive(Debug)]
pub(super) struct Provider<'a> {
    rp: &'a SampleRelyingParty,
    wire: &'a Wire,
    client: Client,
    endpoints: Endpoints,
}

impl<'a> Provider<'a> {
    /// Reads the metadata and the keys (OpenID Connect Discovery §4).
    pub(super) async fn discover(
        rp: &'a SampleRelyingParty,
        wire: &'a Wire,
    ) -> anyhow::Result<Self> {
        let issuer = IssuerUrl::new(rp.issuer.clone()).context("the issuer is no URL")?;
        let metadata = Metadata::discover_async(issuer, wire)
            .await
            .context("the provider's metadata could not be read")?;
        let endpoints = metadata.additional_metadata().clone();
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(rp.client_id.clone()),
            rp.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(RedirectUrl::new(rp.redirect_uri.clone())?);
        Ok(Self { rp, wire, client, endpoints })
    }

    /// Where to send the browser (RFC 6749 §4.1.1, with PKCE, state and nonce).
    pub(super) fn authorization_url(&self, attempt: &Attempt) -> Url {
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let mut request = self
            .client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in SCOPES.iter().filter(|scope| **scope != "openid") {
            request = request.add_scope(Scope::new((*scope).to_owned()));
        }
        request.url().0
    }

    /// Whether the answer comes from this provider and no other (RFC 9207 §2.4).
    pub(super) fn check_issuer(&self, iss: Option<&str>) -> anyhow::Result<()> {
        let announced = self.endpoints.authorization_response_iss_parameter_supported;
        check_issuer(&self.rp.issuer, announced, iss)
    }

    /// Exchanges the code for tokens and verifies the ID token (OpenID Connect Core §3.1.3).
    pub(super) async fn redeem(&self, code: &str, attempt: Attempt) -> anyhow::Result<SignedIn> {
        let answer: CoreTokenResponse = self
            .client
            .exchange_code(AuthorizationCode::new(code.to_owned()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .request_async(self.wire)
            .await
            .context("the code could not be exchanged for tokens")?;
        let nonce = Nonce::new(attempt.nonce);
        let id_token = answer.id_token().ok_or_else(|| anyhow!("no ID token came"))?;
        let (header, claims) = self.verify(id_token, answer.access_token(), &nonce)?;
        let scope = answer.scopes().map_or_else(
            || SCOPES.join(" "),
            |scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        );
        Ok(SignedIn {
            id_token: id_token.to_string(),
            header,
            claims,
            name: None,
            access_token: answer.access_token().secret().clone(),
            refresh_token: answer.refresh_token().map(|token| token.secret().clone()),
            scope,
            revoked: false,
        })
    }

    /// Verifies signature, issuer, audience, times, nonce and `at_hash`
    /// (OpenID Connect Core §3.1.3.7); returns the header and the claims.
    fn verify(
        &self,
        id_token: &CoreIdToken,
        access_token: &AccessToken,
        nonce: impl NonceVerifier,
    ) -> anyhow::Result<(Map<String, Value>, Map<String, Value>)> {
        let verifier = self.client.id_token_verifier();
        let claims =
            id_token.claims(&verifier, nonce).context("the ID token does not hold what it must")?;
        if let Some(expected) = claims.access_token_hash() {
            let alg = id_token.signing_alg()?;
            let hash =
                AccessTokenHash::from_token(access_token, alg, id_token.signing_key(&verifier)?)?;
            ensure!(hash == *expected, "the ID token's at_hash is of another access token");
        }
        parts(&id_token.to_string())
    }

    /// Calls the userinfo endpoint and checks that it speaks of the same person
    /// (OpenID Connect Core §5.3); gives the name by which to greet them.
    pub(super) async fn userinfo(&self, signed_in: &SignedIn) -> anyhow::Result<Option<String>> {
        let access_token = AccessToken::new(signed_in.access_token.clone());
        let subject = SubjectIdentifier::new(signed_in.subject().to_owned());
        let told: CoreUserInfoClaims = self
            .client
            .user_info(access_token, Some(subject))?
            .request_async(self.wire)
            .await
            .context("the userinfo endpoint refused")?;
        let name = told.name().and_then(|names| names.iter().next());
        Ok(name.map(|(_, name)| name.as_str().to_owned()))
    }

    /// Exchanges the refresh token for new tokens (RFC 6749 §6).
    pub(super) async fn refresh(&self, signed_in: &SignedIn) -> anyhow::Result<SignedIn> {
        let refresh_token =
            signed_in.refresh_token.clone().context("the provider gave no refresh token")?;
        let answer: CoreTokenResponse = self
            .client
            .exchange_refresh_token(&RefreshToken::new(refresh_token))?
            .request_async(self.wire)
            .await
            .context("the refresh token was refused")?;
        let mut renewed = signed_in.clone();
        if let Some(id_token) = answer.id_token() {
            // A refreshed ID token needs no nonce, but must be of the same person (§12.2).
            let any_nonce = |_: Option<&Nonce>| Ok(());
            let (header, claims) = self.verify(id_token, answer.access_token(), any_nonce)?;
            ensure!(claims.get("sub") == signed_in.claims.get("sub"), "another person's ID token");
            renewed.id_token = id_token.to_string();
            (renewed.header, renewed.claims) = (header, claims);
        }
        renewed.access_token.clone_from(answer.access_token().secret());
        if let Some(token) = answer.refresh_token() {
            renewed.refresh_token = Some(token.secret().clone());
        }
        renewed.revoked = false;
        Ok(renewed)
    }

    /// Has the access token revoked (RFC 7009 §2.1).
    ///
    /// Written out, because the client library revokes over https only.
    pub(super) async fn revoke(&self, signed_in: &SignedIn) -> anyhow::Result<()> {
        let answer = self.wire.send(self.revocation(&signed_in.access_token)?).await?;
        ensure!(answer.status().is_success(), "the revocation endpoint refused");
        Ok(())
    }

    fn revocation(&self, access_token: &str) -> anyhow::Result<HttpRequest> {
        let endpoint = self
            .endpoints
            .revocation_endpoint
            .as_ref()
            .context("the provider's metadata name no revocation endpoint")?;
        let mut form = Serializer::new(String::new());
        form.append_pair("token", access_token);
        form.append_pair("token_type_hint", "access_token");
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(secret) = &self.rp.client_secret {
            request = request.header(header::AUTHORIZATION, basic(&self.rp.client_id, secret));
        } else {
            form.append_pair("client_id", &self.rp.client_id);
        }
        Ok(request.body(form.finish().into_bytes())?)
    }

    /// Where to send the browser to sign out at the provider too (RP-Initiated Logout §2).
    pub(super) fn end_session_url(
        &self,
        signed_in: &SignedIn,
        state: &str,
    ) -> anyhow::Result<Option<Url>> {
        let Some(mut url) = self.endpoints.end_session_endpoint.clone() else { return Ok(None) };
        url.query_pairs_mut()
            .append_pair("id_token_hint", &signed_in.id_token)
            .append_pair("client_id", &self.rp.client_id)
            .append_pair("post_logout_redirect_uri", self.rp.post_logout_redirect_uri()?.as_str())
            .append_pair("state", state);
        Ok(Some(url))
    }
}
