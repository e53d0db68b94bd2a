//! Every error code of the protocols with its wire name and status, and the error that carries one.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A refusal that a relying party reads, as JSON or by redirect (RFC 6749 §4.1.2.1, §5.2).
#[derive(Debug)]
pub struct OAuthError {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for the client's developer; never holds input or a secret.
    pub description: Cow<'static, str>,
    /// When to come back, for who asks too often: then the answer is 429 (RFC 6585 §4).
    pub retry_after: Option<Duration>,
    /// Why, for the log only.
    pub cause: Option<anyhow::Error>,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $make:ident;)*) => {
        /// An error code: one row each with its wire name, status and section.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// RFC 6749 §4.1.2.1
            ServerError,
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::ServerError];

            /// The value of `error` on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::ServerError => "server_error",
                }
            }

            /// The HTTP status when it is answered as JSON.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::ServerError => 500,
                }
            }
        }

        impl OAuthError {
            $(
                #[doc = concat!("`", $name, "` with a description for the client's developer.")]
                #[must_use]
                pub fn $make(description: impl Into<Cow<'static, str>>) -> Self {
                    Self::new(ErrorCode::$variant, description)
                }
            )*
        }
    };
}

error_codes! {
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidRequest = "invalid_request", 400, invalid_request;
    /// RFC 6749 §5.2
    InvalidClient = "invalid_client", 401, invalid_client;
    /// RFC 6749 §5.2
    InvalidGrant = "invalid_grant", 400, invalid_grant;
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidScope = "invalid_scope", 400, invalid_scope;
    /// RFC 6749 §4.1.2.1, §5.2
    UnauthorizedClient = "unauthorized_client", 400, unauthorized_client;
    /// RFC 6749 §5.2
    UnsupportedGrantType = "unsupported_grant_type", 400, unsupported_grant_type;
    /// RFC 6749 §4.1.2.1
    UnsupportedResponseType = "unsupported_response_type", 400, unsupported_response_type;
    /// RFC 6749 §4.1.2.1
    AccessDenied = "access_denied", 400, access_denied;
    /// OpenID Connect Core §3.1.2.6
    LoginRequired = "login_required", 400, login_required;
    /// OpenID Connect Core §3.1.2.6
    ConsentRequired = "consent_required", 400, consent_required;
    /// OpenID Connect Core §3.1.2.6
    InteractionRequired = "interaction_required", 400, interaction_required;
    /// OpenID Connect Core §3.1.2.6
    AccountSelectionRequired = "account_selection_required", 400, account_selection_required;
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` §2
    UnmetAuthenticationRequirements =
        "unmet_authentication_requirements", 400, unmet_authentication_requirements;
    /// OpenID Connect Core §3.1.2.6
    RequestNotSupported = "request_not_supported", 400, request_not_supported;
    /// OpenID Connect Core §3.1.2.6
    RequestUriNotSupported = "request_uri_not_supported", 400, request_uri_not_supported;
    /// OpenID Connect Core §3.1.2.6
    RegistrationNotSupported = "registration_not_supported", 400, registration_not_supported;
    /// RFC 8707 §2
    InvalidTarget = "invalid_target", 400, invalid_target;
    /// RFC 6750 §3.1
    InvalidToken = "invalid_token", 401, invalid_token;
    /// RFC 6750 §3.1
    InsufficientScope = "insufficient_scope", 403, insufficient_scope;
    /// RFC 7591 §3.2.2
    InvalidClientMetadata = "invalid_client_metadata", 400, invalid_client_metadata;
    /// RFC 7591 §3.2.2
    InvalidRedirectUri = "invalid_redirect_uri", 400, invalid_redirect_uri;
    /// RFC 6749 §4.1.2.1
    TemporarilyUnavailable = "temporarily_unavailable", 503, temporarily_unavailable;
}

impl OAuthError {
    /// An error of that code; characters that RFC 6749 §5.2 forbids in a description are replaced.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: printable(description.into()), retry_after: None, cause: None }
    }

    /// `server_error`; the cause is kept for the log and not told to the client.
    #[must_use]
    pub fn server_error(cause: anyhow::Error) -> Self {
        let description = "the server met an unexpected condition";
        Self { cause: Some(cause), ..Self::new(ErrorCode::ServerError, description) }
    }

    /// The answer to who asks too often.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        let description = "there were too many requests; come back later";
        let error = Self::new(ErrorCode::TemporarilyUnavailable, description);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// The same error with its cause for the log.
    #[must_use]
    pub fn because(self, cause: impl Into<anyhow::Error>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }
}

/// Keeps to %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2).
fn printable(text: Cow<'static, str>) -> Cow<'static, str> {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    if text.chars().all(allowed) {
        return text;
    }
    let replaced = |c| match c {
        '"' | '`' | '\u{2018}'..='\u{201f}' => '\'',
        c if allowed(c) => c,
        _ => '?',
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.description)
    }
}

impl std::error::Error for OAuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(AsRef::as_ref)
    }
}

/// What nobody expected is a `server_error`; a refusal that only travelled stays itself.
impl From<anyhow::Error> for OAuthError {
    fn from(error: anyhow::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::server_error)
    }
}

/// The JSON body of RFC 6749 §5.2.
impl Serialize for OAuthError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("OAuthError", 2)?;
        body.serialize_field("error", self.code.name())?;
        body.serialize_field("error_description", &self.description)?;
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_an_error_status() {
        let names: std::collections::HashSet<_> =
            ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|code| (400..=503).contains(&code.status())));
    }

    #[test]
    fn a_description_never_leaves_the_allowed_characters() {
        let error = OAuthError::invalid_request("a \"b\" \\ \r\n\té");
        assert_eq!(error.description, "a 'b' ? ????");
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(json["error"], "invalid_request");
        assert_eq!(json.as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_fault_is_not_told_and_a_travelling_refusal_stays_itself() {
        let fault = OAuthError::from(anyhow::anyhow!("disk on fire"));
        assert_eq!(fault.code, ErrorCode::ServerError);
        assert!(!fault.description.contains("fire"));
        let travelled = OAuthError::from(anyhow::Error::from(OAuthError::invalid_grant("gone")));
        assert_eq!(travelled.code, ErrorCode::InvalidGrant);
    }
}
