//! Proof Key for Code Exchange (RFC 7636), with S256 only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::error::OAuthError;
use crate::secret;

/// The only method: `plain` proves nothing to somebody who read the request (RFC 9700 §2.1.1).
pub const METHOD: &str = "S256";

/// A checked `code_challenge`: the base64url of a SHA-256 (RFC 7636 §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads the two parameters; a missing method would mean `plain` (RFC 7636 §4.3).
    pub fn parse(method: Option<&str>, challenge: &str) -> Result<Self, OAuthError> {
        if method != Some(METHOD) {
            return Err(OAuthError::invalid_request("'code_challenge_method' must be S256"));
        }
        Self::try_from(challenge.to_owned())
    }

    /// As it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CodeChallenge {
    type Error = OAuthError;

    fn try_from(challenge: String) -> Result<Self, OAuthError> {
        match URL_SAFE_NO_PAD.decode(&challenge) {
            Ok(hash) if hash.len() == 32 => Ok(Self(challenge)),
            _ => Err(OAuthError::invalid_request(
                "'code_challenge' must be the base64url of a SHA-256, 43 characters",
            )),
        }
    }
}

impl From<CodeChallenge> for String {
    fn from(challenge: CodeChallenge) -> Self {
        challenge.0
    }
}

/// Whether the token request proves what the authorization request promised (RFC 7636 §4.6).
///
/// A verifier without a challenge is refused too: it means that the challenge was stripped on the
/// way (RFC 9700 §4.8.2).
pub fn verify(challenge: Option<&CodeChallenge>, verifier: Option<&str>) -> Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(OAuthError::invalid_grant(
            "the authorization request had no 'code_challenge' for this 'code_verifier'",
        )),
        (Some(_), None) => Err(OAuthError::invalid_grant("'code_verifier' is missing")),
        (Some(challenge), Some(verifier)) => {
            if is_verifier(verifier) && secret::equal(&secret::sha256(verifier), challenge.as_str())
            {
                return Ok(());
            }
            Err(OAuthError::invalid_grant("'code_verifier' does not match the code"))
        }
    }
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1).
fn is_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::ErrorCode;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn only_a_sha256_by_s256_is_a_challenge() {
        assert_eq!(CodeChallenge::parse(Some("S256"), CHALLENGE).unwrap().as_str(), CHALLENGE);
        for method in [None, Some("plain"), Some("s256"), Some("S512"), Some("")] {
            let error = CodeChallenge::parse(method, CHALLENGE).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{method:?}");
        }
        let (short, long) = (&CHALLENGE[..42], format!("{CHALLENGE}A"));
        let (padded, plus) = (format!("{CHALLENGE}="), CHALLENGE.replace('-', "+"));
        let loose = format!("{}N", &CHALLENGE[..42]);
        for bad in ["", short, &long, &padded, &plus, &loose, &"é".repeat(43)] {
            assert!(CodeChallenge::parse(Some("S256"), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_verifier_must_match() {
        let challenge = CodeChallenge::parse(Some("S256"), CHALLENGE).unwrap();
        assert!(verify(Some(&challenge), Some(VERIFIER)).is_ok());
        assert!(verify(None, None).is_ok());
        let wrong = VERIFIER.replace('d', "e");
        for (challenge, verifier) in [
            (Some(&challenge), None),
            (Some(&challenge), Some(CHALLENGE)),
            (Some(&challenge), Some(wrong.as_str())),
            (Some(&challenge), Some("")),
            (None, Some(VERIFIER)),
        ] {
            let error = verify(challenge, verifier).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidGrant, "{verifier:?}");
        }
    }

    #[test]
    fn the_length_and_alphabet_of_a_verifier_count_even_if_the_hash_matches() {
        for (verifier, good) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{} ", "a".repeat(50)), false),
            ("-._~".repeat(11), true),
        ] {
            let challenge = CodeChallenge::parse(Some("S256"), &secret::sha256(&verifier)).unwrap();
            assert_eq!(verify(Some(&challenge), Some(&verifier)).is_ok(), good, "{verifier}");
        }
    }
}
