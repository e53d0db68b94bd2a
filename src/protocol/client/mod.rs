//! Client metadata: what is registered about a relying party (RFC 7591 §2).

mod check;
mod links;
mod members;
#[cfg(test)]
mod tests;
mod values;

use serde::{Deserialize, Serialize};

use super::error::OAuthError;
use super::jwt::SigningAlg;
use super::redirect_uri::{self, RedirectKind};
use super::scope::Scope;

pub use values::{
    AccessTokenFormat, ApplicationType, AuthAudience, AuthMethod, GrantType, IntrospectionRight,
    RegisteredBy, ResponseType, SubjectType,
};

/// What is registered about a client, by the names of RFC 7591 §2 and OpenID Connect Registration
/// §2 on the wire; the members that neither knows are ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members are those of the RFCs")]
pub struct ClientMetadata {
    /// Its identifier (RFC 6749 §2.2).
    pub client_id: String,
    /// What people read.
    pub client_name: String,
    /// Where answers may be sent.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// How it proves who it is.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// The only algorithm of its assertions, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<SigningAlg>,
    /// Which audience its assertions may name (ours).
    #[serde(default, skip_serializing_if = "is_default")]
    pub token_endpoint_auth_audience: AuthAudience,
    /// What it may redeem.
    #[serde(default)]
    pub grant_types: Vec<GrantType>,
    /// What it may ask the authorization endpoint for.
    #[serde(default)]
    pub response_types: Vec<ResponseType>,
    /// What it may ask for at most.
    #[serde(default)]
    pub scope: Scope,
    /// Whom to write to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Its logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// How it treats people's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where it is told that a session has ended (OpenID Connect Back-Channel Logout §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it must be told which session.
    #[serde(default, skip_serializing_if = "is_default")]
    pub backchannel_logout_session_required: bool,
    /// Whether it sees the same `sub` as others (OpenID Connect Core §8).
    #[serde(default)]
    pub subject_type: SubjectType,
    /// Whose host groups clients that see the same pairwise `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// How its ID tokens are signed.
    #[serde(default = "rs256")]
    pub id_token_signed_response_alg: SigningAlg,
    /// How its userinfo answers are signed, if at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlg>,
    /// How its introspection answers are signed, if at all (RFC 9701 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<SigningAlg>,
    /// `max_age` in seconds when a request has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    /// Whether every ID token tells when the person signed in.
    #[serde(default)]
    pub require_auth_time: bool,
    /// `acr_values` when a request has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// A website or a program on a device.
    #[serde(default)]
    pub application_type: ApplicationType,
    /// What its access tokens look like (ours).
    #[serde(default)]
    pub access_token_format: AccessTokenFormat,
    /// The resources that it serves, by their identifiers of RFC 8707 (ours).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Whose tokens it may introspect (ours).
    #[serde(default)]
    pub introspection: IntrospectionRight,
    /// Whether it belongs to the operator, so that people need not be asked for consent (ours); only
    /// an administrator may set it.
    #[serde(default)]
    pub first_party: bool,
    /// Whether it must use PKCE although it can authenticate (ours).
    #[serde(default)]
    pub require_pkce: bool,
    /// The software that it is an installation of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// The version of that software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

const fn rs256() -> SigningAlg {
    SigningAlg::RS256
}

impl ClientMetadata {
    /// Checks what somebody wants to register, by every rule that can be checked without asking
    /// others, and fills in what was left out; members that nobody knows are ignored (RFC 7591 §2).
    pub fn check(value: serde_json::Value) -> Result<Self, OAuthError> {
        check::check(value)
    }

    /// Whether it has no way to prove who it is (RFC 6749 §2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthMethod::None
    }

    /// Whether it may redeem that.
    #[must_use]
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether an answer can only reach the client itself: not so for a public client on a device,
    /// where any program may listen on a port or claim a scheme (RFC 8252 §8.6).
    #[must_use]
    pub fn redirects_prove_identity(&self) -> bool {
        !self.is_public()
            || self
                .redirect_uris
                .iter()
                .all(|uri| redirect_uri::check(uri) == Ok(RedirectKind::Https))
    }

    /// Whose `sub` it sees, if it sees a pairwise one: the host that its sector is named by
    /// (OpenID Connect Core §8.1).
    #[must_use]
    pub fn sector(&self) -> Option<String> {
        match self.subject_type {
            SubjectType::Public => None,
            SubjectType::Pairwise => {
                let uri = self.sector_identifier_uri.as_ref().or(self.redirect_uris.first())?;
                redirect_uri::host(uri)
            }
        }
    }
}
