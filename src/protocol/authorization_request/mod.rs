//! Authorization requests: what a client may ask (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

mod check;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::claims::ClaimsRequest;
use super::client::{ClientMetadata, ResponseType};
use super::error::OAuthError;
use super::parameters::Parameters;
use super::pkce::CodeChallenge;
use super::prompt::Prompts;
use super::scope::Scope;

/// What a client asked, checked: nobody behind this reads the raw parameters again (S-018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes, as it was sent: a loopback port may differ from the registered one.
    pub redirect_uri: String,
    /// What is asked for.
    pub response_type: ResponseType,
    /// How the answer gets there.
    pub response_mode: ResponseMode,
    /// What of the asked scope the client may have.
    pub scope: Scope,
    /// Echoed byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Repeated in the ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// What the token request must prove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<CodeChallenge>,
    /// What the person must, or must not, be asked.
    #[serde(default)]
    pub prompt: Prompts,
    /// How many seconds ago the person may have signed in at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// How strongly the person should have signed in, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// Who it probably is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// An ID token of who it must be; read at once and never stored.
    #[serde(skip)]
    pub id_token_hint: Option<String>,
    /// The languages that the person reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// What kind of window the pages stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<Display>,
    /// Which single claims are asked for.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// Which resources the access token is for (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
}

/// How an answer gets to the client (OAuth 2.0 Multiple Response Types §2.1, Form Post §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// By a form that posts itself.
    FormPost,
}

impl ResponseMode {
    /// Every one, for the metadata documents.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// What kind of window the pages stand in (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A whole page.
    Page,
    /// A popup window.
    Popup,
    /// A device with a touch screen.
    Touch,
    /// A feature phone.
    Wap,
}

impl Display {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::Page, Self::Popup, Self::Touch, Self::Wap];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}

/// Who is told that a request is refused; the type decides whether a redirect is allowed.
#[derive(Debug)]
pub enum Rejection {
    /// The person, on a page of ours: it is not certain that the redirect URI is the client's
    /// (RFC 6749 §4.1.2.1).
    ShowPerson(PersonError),
    /// The client, at its own redirect URI.
    TellClient {
        /// Where to.
        to: ResponseTarget,
        /// What.
        error: OAuthError,
    },
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseTarget {
    /// A redirect URI that is proven to be the client's.
    pub redirect_uri: String,
    /// How it gets there.
    pub response_mode: ResponseMode,
    /// What the client wants back.
    pub state: Option<String>,
}

/// Why a request cannot be answered to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonError {
    /// It does not say who asks.
    MissingClient,
    /// Nobody of that name is registered.
    UnknownClient,
    /// It says twice who asks, or where or how to answer.
    RepeatedParameter,
    /// It does not say where to answer.
    MissingRedirectUri,
    /// It wants the answer somewhere else.
    UnregisteredRedirectUri,
    /// It cannot be read at all.
    Unreadable,
}

impl fmt::Display for PersonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "The application's request cannot be read.",
            Self::MissingClient => "The application did not say who it is.",
            Self::UnknownClient => "The application is not registered here.",
            Self::RepeatedParameter => "The application sent a part of its request twice.",
            Self::MissingRedirectUri => "The application did not say where to send you back to.",
            Self::UnregisteredRedirectUri => {
                "The application wants to send you to an address that is not registered for it."
            }
        })
    }
}

impl std::error::Error for PersonError {}

impl AuthorizationRequest {
    /// Where its answer goes.
    #[must_use]
    pub fn target(&self) -> ResponseTarget {
        ResponseTarget {
            redirect_uri: self.redirect_uri.clone(),
            response_mode: self.response_mode,
            state: self.state.clone(),
        }
    }

    /// What the person must have allowed: the scope, and what would bring the claims asked for
    /// one by one, so that nothing is told that the consent page did not name.
    #[must_use]
    pub fn consent_scope(&self) -> Scope {
        self.scope.union(&self.claims.implied_scope())
    }
}

/// Which client to look up before the request can be checked.
pub fn client_id(params: &Parameters) -> Result<&str, PersonError> {
    check::once(params, "client_id")?.ok_or(PersonError::MissingClient)
}

/// Checks a request of this client; first who and where, so that all later errors can go there.
pub fn check(
    params: &Parameters,
    client: &ClientMetadata,
) -> Result<AuthorizationRequest, Rejection> {
    let to = check::target(params, client).map_err(Rejection::ShowPerson)?;
    check::request(params, client, &to).map_err(|error| Rejection::TellClient { to, error })
}
