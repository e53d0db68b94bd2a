//! What stands in ID tokens and JWT access tokens; times are whole seconds on the wire.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::jwt::{Claims, SigningAlg};
use crate::clock::Timestamp;

/// The `typ` of an ID token (OpenID Connect Core §2 names none, so it is the general one).
pub const ID_TOKEN_TYP: &str = "JWT";
/// The `typ` of an access token (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";
/// The `typ` of a signed userinfo response (OpenID Connect Core §5.3.2).
pub const USERINFO_TYP: &str = "JWT";
/// The `typ` of a signed introspection response (RFC 9701 §5).
pub const INTROSPECTION_TYP: &str = "token-introspection+jwt";

/// An ID token (OpenID Connect Core §2).
#[derive(Clone, Debug, Serialize)]
pub struct IdTokenClaims {
    /// Our issuer identifier.
    pub iss: String,
    /// The person, as this client knows them.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// When it expires.
    #[serde(serialize_with = "seconds")]
    pub exp: Timestamp,
    /// When it was issued.
    #[serde(serialize_with = "seconds")]
    pub iat: Timestamp,
    /// When the person last proved who they are.
    #[serde(serialize_with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// What the client sent, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// How strongly they proved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By which factors (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The browser session, for logout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Binds the access token issued beside it ([`half_hash`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    #[serde(flatten)]
    extras: Map<String, Value>,
}

/// The claims that only we may set.
const OURS: [&str; 16] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "c_hash",
    "s_hash",
];

impl IdTokenClaims {
    /// An ID token with the claims that each must have.
    #[must_use]
    pub fn new(iss: &str, sub: &str, aud: &str, iat: Timestamp, exp: Timestamp) -> Self {
        Self {
            iss: iss.to_owned(),
            sub: sub.to_owned(),
            aud: aud.to_owned(),
            exp,
            iat,
            auth_time: None,
            nonce: None,
            acr: None,
            amr: Vec::new(),
            sid: None,
            at_hash: None,
            extras: Map::new(),
        }
    }

    /// Adds claims about the person, which never replace those above.
    #[must_use]
    pub fn with_extras(mut self, extras: Map<String, Value>) -> Self {
        let about_the_person = |(name, _): &(String, Value)| !OURS.contains(&name.as_str());
        self.extras.extend(extras.into_iter().filter(about_the_person));
        self
    }
}

/// `at_hash` and `c_hash` (OpenID Connect Core §3.1.3.6, §3.3.2.11): the left half of the hash of
/// the ID token's algorithm, which for Ed25519 is SHA-512.
#[must_use]
pub fn half_hash(alg: SigningAlg, token: &str) -> String {
    let hash = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 | SigningAlg::ES256 => &digest::SHA256,
        SigningAlg::EdDSA => &digest::SHA512,
    };
    let hash = digest::digest(hash, token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    BASE64.encode(left)
}

/// An access token in JWT form (RFC 9068 §2.2); it says nothing about the person but `sub`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Our issuer identifier.
    pub iss: String,
    /// The person, or the client itself when it acts for nobody.
    pub sub: String,
    /// The resources that it is for.
    pub aud: Audience,
    /// When it expires.
    #[serde(with = "whole_seconds")]
    pub exp: Timestamp,
    /// When it was issued.
    #[serde(with = "whole_seconds")]
    pub iat: Timestamp,
    /// Names this token, so that it alone can be revoked.
    pub jti: String,
    /// The client.
    pub client_id: String,
    /// What it allows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When the person last proved who they are.
    #[serde(default, with = "whole_seconds_if_any", skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How strongly they proved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The authorization that it hangs on; none when the client acts for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_id: Option<String>,
    /// The generation of that authorization's refresh token it was issued beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

impl AccessTokenClaims {
    /// Reads the claims of a token that was verified; `None` if it is not such a token.
    #[must_use]
    pub fn read(claims: Claims) -> Option<Self> {
        serde_json::from_value(Value::Object(claims)).ok()
    }
}

/// `aud` (RFC 7519 §4.1.3): a string, or an array when there are several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// The shortest form for these.
    #[must_use]
    pub fn of(mut audiences: Vec<String>) -> Self {
        match audiences.pop() {
            Some(only) if audiences.is_empty() => Self::One(only),
            last => {
                audiences.extend(last);
                Self::Several(audiences)
            }
        }
    }

    /// Whether `audience` is among them.
    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(only) => only == audience,
            Self::Several(all) => all.iter().any(|one| one == audience),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn seconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    at.seconds().serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde gives references")]
fn optional_seconds<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(Timestamp::seconds).serialize(serializer)
}

mod whole_seconds {
    use serde::{Deserialize, Deserializer};

    use crate::clock::Timestamp;

    pub(super) use super::seconds as serialize;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_seconds)
    }
}

mod whole_seconds_if_any {
    use serde::{Deserialize, Deserializer};

    use crate::clock::Timestamp;

    pub(super) use super::optional_seconds as serialize;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_seconds))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_hashes_are_those_of_openid_connect_core() {
        // OpenID Connect Core §A.3 and §A.4.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(SigningAlg::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        let code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
        assert_eq!(half_hash(SigningAlg::ES256, code), "LDktKdoQak3Pk0cnXxCltA");
        assert_eq!(half_hash(SigningAlg::EdDSA, token).len(), 43);
    }

    #[test]
    fn an_id_token_holds_whole_seconds_and_only_what_is_known() {
        let (iat, exp) = (Timestamp::from_millis(1_700_000_000_999), Timestamp::from_seconds(2));
        let extras = json!({ "name": "Alice", "sub": "mallory", "nonce": "x", "exp": 9 });
        let token = IdTokenClaims::new("https://id.example", "alice", "web", iat, exp)
            .with_extras(extras.as_object().unwrap().clone());
        let expected = json!({ "iss": "https://id.example", "sub": "alice", "aud": "web",
            "iat": 1_700_000_000, "exp": 2, "name": "Alice" });
        assert_eq!(serde_json::to_value(token).unwrap(), expected);
    }

    #[test]
    fn access_token_claims_are_read_as_they_were_written() {
        let written = AccessTokenClaims {
            iss: "https://id.example".to_owned(),
            sub: "alice".to_owned(),
            aud: Audience::of(vec!["https://api.example".to_owned()]),
            exp: Timestamp::from_seconds(200),
            iat: Timestamp::from_seconds(100),
            jti: "1".to_owned(),
            client_id: "web".to_owned(),
            scope: "openid".to_owned(),
            auth_time: Some(Timestamp::from_seconds(50)),
            acr: None,
            authorization_id: Some("a".to_owned()),
            generation: None,
        };
        let mut claims = serde_json::to_value(&written).unwrap();
        assert_eq!(claims["aud"], "https://api.example");
        assert_eq!(claims["auth_time"], 50);
        let read = |claims: &Value| AccessTokenClaims::read(claims.as_object().unwrap().clone());
        assert_eq!(read(&claims), Some(written));
        claims["exp"] = json!("200");
        assert_eq!(read(&claims), None);
        let several = Audience::of(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(several, Audience::Several(vec!["a".to_owned(), "b".to_owned()]));
        assert!(several.contains("b") && !several.contains("c"));
    }
}
