//! Assertions that are almost right (S-049 to S-052, S-058), and those that are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::*;
use crate::protocol::error::ErrorCode;
use crate::protocol::jwt::{KeyType, SigningKey};

const ISSUER: &str = "https://id.example";
const TOKEN_ENDPOINT: &str = "https://id.example/oauth/token";
const SECONDS: i64 = 1_800_000_000;
const NOW: Timestamp = Timestamp::from_seconds(SECONDS);

struct Registered {
    key: SigningKey,
    client: ClientMetadata,
    keys: Value,
}

fn registered(key_type: KeyType, more: &Value) -> Registered {
    let (key, _) = SigningKey::generate(key_type).unwrap();
    let keys = json!({ "keys": [key.public_jwk()] });
    let mut metadata = json!({
        "client_id": "pkj", "client_name": "Signs", "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": keys, "scope": "openid",
    });
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    Registered { key, client: ClientMetadata::check(metadata).unwrap(), keys }
}

fn claims() -> Value {
    json!({ "iss": "pkj", "sub": "pkj", "aud": ISSUER, "exp": SECONDS + 60, "iat": SECONDS, "jti": "1" })
}

impl Registered {
    fn verdict_here(&self, assertion: &str, legacy_flows: bool) -> Result<Assertion, ErrorCode> {
        let recipient = Recipient { issuer: ISSUER, token_endpoint: TOKEN_ENDPOINT, legacy_flows };
        check(assertion, &self.client, &self.keys, &recipient, NOW).map_err(|error| error.code)
    }

    fn verdict(&self, assertion: &str) -> Result<Assertion, ErrorCode> {
        self.verdict_here(assertion, false)
    }

    fn signed(&self, claims: &Value) -> String {
        let alg = SigningAlg::ALL.into_iter().find(|alg| alg.key_type() == self.key.key_type);
        self.key.sign(alg.unwrap(), "client-authentication+jwt", claims).unwrap()
    }

    /// The claims with one of them replaced, or taken out by `Null`.
    fn with(&self, name: &str, value: Value) -> Result<Assertion, ErrorCode> {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        self.verdict(&self.signed(&claims))
    }
}

#[test]
fn a_good_assertion_gives_the_name_to_remember() {
    for key_type in KeyType::ALL {
        let it = registered(key_type, &json!({}));
        let expected =
            Assertion { jti: "1".to_owned(), expires_at: Timestamp::from_seconds(SECONDS + 120) };
        let assertion = it.signed(&claims());
        assert_eq!(it.verdict(&assertion), Ok(expected));
        assert_eq!(peek_client_id(&assertion).as_deref(), Some("pkj"));
    }
}

#[test]
fn only_the_issuer_alone_is_the_right_audience() {
    let it = registered(KeyType::Ed25519, &json!({}));
    let wrong = [
        json!(TOKEN_ENDPOINT),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!({}),
        json!("https://other.example"),
        json!("https://id.example/"),
        json!(null),
        json!(7),
        json!([]),
    ];
    for aud in wrong {
        assert_eq!(it.with("aud", aud.clone()), Err(ErrorCode::InvalidClient), "{aud}");
    }
    let mut to_endpoint = claims();
    to_endpoint["aud"] = json!(TOKEN_ENDPOINT);
    assert!(it.verdict_here(&it.signed(&to_endpoint), true).is_ok());
    let old =
        registered(KeyType::P256, &json!({ "token_endpoint_auth_audience": "token_endpoint" }));
    assert!(old.verdict(&old.signed(&to_endpoint)).is_ok());
    assert!(old.verdict(&old.signed(&claims())).is_ok());
    to_endpoint["aud"] = json!([TOKEN_ENDPOINT]);
    assert_eq!(old.verdict(&old.signed(&to_endpoint)), Err(ErrorCode::InvalidClient));
}

#[test]
fn every_claim_is_checked_and_none_may_have_the_wrong_type() {
    let it = registered(KeyType::Ed25519, &json!({}));
    let wrong = [
        ("iss", json!("other")),
        ("iss", json!(null)),
        ("iss", json!(["pkj"])),
        ("sub", json!("other")),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(1e300)),
        ("exp", json!(SECONDS + 86_400)),
        ("exp", json!(SECONDS + 331)),
        ("exp", json!(SECONDS - 30)),
        ("exp", json!(SECONDS - 300)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MAX)),
        ("exp", json!({})),
        ("nbf", json!(SECONDS + 61)),
        ("nbf", json!("0")),
        ("iat", json!(SECONDS + 61)),
        ("iat", json!("0")),
        ("jti", json!(null)),
        ("jti", json!("")),
        ("jti", json!(1)),
        ("jti", json!("x".repeat(256))),
    ];
    for (name, value) in wrong {
        assert_eq!(it.with(name, value.clone()), Err(ErrorCode::InvalidClient), "{name}: {value}");
    }
    let right = [
        ("exp", json!(SECONDS + 300)),
        ("exp", json!(1_800_000_060.5)),
        ("exp", json!(SECONDS - 8)),
        ("nbf", json!(SECONDS + 8)),
        ("iat", json!(null)),
        ("extra", json!({ "a": [1] })),
    ];
    for (name, value) in right {
        assert!(it.with(name, value.clone()).is_ok(), "{name}: {value}");
    }
}

#[test]
fn neither_the_algorithm_nor_the_key_is_the_senders_choice() {
    let it = registered(KeyType::Rsa, &json!({ "token_endpoint_auth_signing_alg": "PS256" }));
    let sign = |alg| it.key.sign(alg, "JWT", &claims()).unwrap();
    assert!(it.verdict(&sign(SigningAlg::PS256)).is_ok());
    assert_eq!(it.verdict(&sign(SigningAlg::RS256)), Err(ErrorCode::InvalidClient));

    let it = registered(KeyType::Ed25519, &json!({}));
    let assertion = it.signed(&claims());
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (_, payload) = signed.split_once('.').unwrap();
    let headers = [
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "kid": it.key.kid }),
        json!({ "alg": "EdDSA", "kid": "../../x" }),
        json!({ "alg": "EdDSA", "kid": "' OR 1=1--" }),
        json!({ "alg": "EdDSA", "kid": "x".repeat(65_536) }),
        json!({ "alg": "EdDSA", "kid": it.key.kid, "crit": ["exp"] }),
    ];
    for header in headers {
        let forged = format!("{}.{payload}", BASE64.encode(header.to_string()));
        // HS256 with the bytes of the public key for a secret, as the old confusion goes.
        let secret = BASE64.decode(it.key.public_jwk()["x"].as_str().unwrap()).unwrap();
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let mac = BASE64.encode(aws_lc_rs::hmac::sign(&secret, forged.as_bytes()));
        for signature in ["", signature, &mac] {
            let verdict = it.verdict(&format!("{forged}.{signature}"));
            assert_eq!(verdict, Err(ErrorCode::InvalidClient), "{header}");
        }
    }
    let stranger = registered(KeyType::Ed25519, &json!({}));
    assert_eq!(it.verdict(&stranger.signed(&claims())), Err(ErrorCode::InvalidClient));
}

#[test]
fn tokens_of_other_kinds_and_garbage_are_no_assertions() {
    let it = registered(KeyType::P256, &json!({}));
    for typ in ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"]
    {
        let assertion = it.key.sign(SigningAlg::ES256, typ, &claims()).unwrap();
        assert!(it.verdict(&assertion).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "oauth-authz-req+jwt", "logout+jwt", "dpop+jwt", ""] {
        let other = it.key.sign(SigningAlg::ES256, typ, &claims()).unwrap();
        assert_eq!(it.verdict(&other), Err(ErrorCode::InvalidClient), "{typ}");
    }
    for garbage in ["", ".", "..", "a.b.c", "ä.ä.ä", "e30.e30.", "e30.e30.e30.e30.e30"] {
        assert_eq!(it.verdict(garbage), Err(ErrorCode::InvalidClient), "{garbage}");
        assert_eq!(peek_client_id(garbage), None);
    }
    assert_eq!(it.verdict(&"e30.".repeat(250_000)), Err(ErrorCode::InvalidClient));
    let no_keys = Registered { keys: json!({ "keys": [] }), ..it };
    assert_eq!(no_keys.verdict(&no_keys.signed(&claims())), Err(ErrorCode::InvalidClient));
}
