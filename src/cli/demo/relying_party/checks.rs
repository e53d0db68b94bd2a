//! The pure parts of what the sample checks and sends.

use anyhow::bail;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// RFC 9207 §2.4: compared as strings; its absence is refused where its presence was announced.
pub(super) fn check_issuer(
    expected: &str,
    announced: bool,
    iss: Option<&str>,
) -> anyhow::Result<()> {
    match iss {
        Some(iss) if iss == expected => Ok(()),
        Some(_) => bail!("the answer names another issuer than the one that was asked"),
        None if announced => bail!("the answer does not name its issuer"),
        None => Ok(()),
    }
}

/// RFC 6749 §2.3.1: both halves form-encoded before they are joined.
pub(super) fn basic(client_id: &str, secret: &str) -> String {
    let encoded =
        |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

/// The header and the claims of a token whose signature was verified.
pub(super) fn parts(token: &str) -> anyhow::Result<(Map<String, Value>, Map<String, Value>)> {
    let mut segments = token.split('.').map(|segment| -> anyhow::Result<Map<String, Value>> {
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment)?)?)
    });
    match (segments.next(), segments.next()) {
        (Some(header), Some(claims)) => Ok((header?, claims?)),
        _ => bail!("the ID token is no JWT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_issuer_is_refused() {
        let us = "http://localhost:8080";
        assert!(check_issuer(us, true, Some(us)).is_ok());
        assert!(check_issuer(us, false, None).is_ok());
        for (announced, iss) in
            [(true, None), (true, Some("http://localhost:8080/")), (false, Some("https://evil"))]
        {
            assert!(check_issuer(us, announced, iss).is_err(), "{announced} {iss:?}");
        }
    }

    #[test]
    fn basic_credentials_are_form_encoded_first() {
        let value = basic("photo printer", "a:b%c");
        let decoded = STANDARD.decode(value.trim_start_matches("Basic ")).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), "photo+printer:a%3Ab%25c");
    }

    #[test]
    fn a_token_falls_into_header_and_claims() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.sig", encode(r#"{"kid":"k"}"#), encode(r#"{"sub":"u"}"#));
        let (header, claims) = parts(&token).unwrap();
        assert_eq!((header["kid"].as_str(), claims["sub"].as_str()), (Some("k"), Some("u")));
        assert!(parts("no token").is_err());
    }
}
