//! What the suite looks for in keys, tokens and claims.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::flow::{Issued, Request};
use super::suite::{Suite, text};
use crate::support::endpoint::Answer;

/// What an ID token holds although no claim was asked for.
const ID_TOKEN_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "jti",
    "sid",
];

/// A list of texts in the metadata; empty if it is missing.
pub fn list<'a>(metadata: &'a Value, name: &str) -> Vec<&'a str> {
    let Some(values) = metadata.get(name) else { return Vec::new() };
    let values = values.as_array().unwrap_or_else(|| panic!("{name} is no list: {values}"));
    values.iter().map(|value| value.as_str().unwrap_or_else(|| panic!("in {name}"))).collect()
}

/// Every key has a `kid` of its own and nothing private.
pub fn key_set(keys: &Value) {
    let keys = keys["keys"].as_array().expect("a key set has keys");
    assert!(!keys.is_empty(), "no keys");
    let ids: BTreeSet<&str> = keys.iter().map(|key| text(key, "kid")).collect();
    assert_eq!(ids.len(), keys.len(), "two keys of one kid");
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private} of {key} is public");
        }
        assert!(matches!(text(key, "kty"), "RSA" | "EC" | "OKP"), "{key}");
        serde_json::from_value::<Jwk>(key.clone()).expect("a key that can be used");
    }
}

/// At least 128 bits long, with more than 96 bits of Shannon entropy.
pub fn entropy(what: &str, text: &str) {
    let mut counts = BTreeMap::new();
    for c in text.chars() {
        *counts.entry(c).or_insert(0_u32) += 1;
    }
    let length = f64::from(u32::try_from(text.len()).expect("a short text"));
    let bit = |count: &u32| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    };
    let entropy = counts.values().map(bit).sum::<f64>() * length;
    assert!(text.len() * 8 >= 128, "{what} is short: {text}");
    assert!(entropy > 96.0, "{what} has only {entropy} bits of entropy: {text}");
}

/// RFC 6749 §5.1.
pub fn token_response(answer: &Answer) -> Value {
    let tokens = answer.good();
    assert!(answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
    assert!(text(&tokens, "token_type").eq_ignore_ascii_case("bearer"), "{tokens}");
    let lifetime = tokens["expires_in"].as_u64().expect("expires_in is a number");
    assert!((1..=31_536_000).contains(&lifetime), "expires_in {lifetime}");
    entropy("the access token", text(&tokens, "access_token"));
    if tokens.get("refresh_token").is_some() {
        entropy("the refresh token", text(&tokens, "refresh_token"));
    }
    tokens
}

/// OpenID Connect Core §2 and §3.1.3.7; gives header and claims.
pub fn id_token(suite: &Suite, request: &Request, tokens: &Value, code: &str) -> (Value, Value) {
    let token = text(tokens, "id_token");
    let (header, claims) = signed_by(token, &suite.keys);
    let now = suite.latchkey.clock.now().seconds();
    let number = |name: &str| {
        claims[name].as_i64().unwrap_or_else(|| panic!("{name} is no number in {claims}"))
    };
    assert_eq!(claims["iss"], suite.latchkey.issuer, "{claims}");
    assert!(names_audience(&claims, &request.client.id), "{claims}");
    if let Some(azp) = claims.get("azp") {
        assert_eq!(azp, &request.client.id);
    }
    assert!(!text(&claims, "sub").is_empty() && text(&claims, "sub").len() <= 255, "{claims}");
    assert!(number("exp") > now, "expired: {claims}");
    assert!((number("iat") - now).abs() <= 300, "iat is not now: {claims}");
    assert_eq!(claims.get("nonce").and_then(Value::as_str), request.get("nonce"), "{claims}");
    if claims.get("auth_time").is_some() {
        assert!(number("auth_time") <= now, "auth_time is in the future: {claims}");
    }
    if claims.get("acr").is_some() {
        assert!(!text(&claims, "acr").is_empty(), "{claims}");
    }
    for (name, of) in [("at_hash", text(tokens, "access_token")), ("c_hash", code)] {
        if claims.get(name).is_some() {
            assert_eq!(text(&claims, name), half_hash(&header, of), "{name} in {claims}");
        }
    }
    for name in claims.as_object().expect("claims are an object").keys() {
        let known = ID_TOKEN_CLAIMS.contains(&name.as_str());
        assert!(known, "{name} was not asked for and stands in the ID token: {claims}");
    }
    (header, claims)
}

fn names_audience(claims: &Value, client: &str) -> bool {
    match &claims["aud"] {
        Value::Array(audiences) => audiences.iter().any(|audience| audience == client),
        audience => audience == client,
    }
}

/// Left half of the hash that the signature's algorithm uses (OpenID Connect Core §3.1.3.6).
fn half_hash(header: &Value, of: &str) -> String {
    let algorithm = match text(header, "alg") {
        "EdDSA" => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(algorithm, of.as_bytes());
    let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

/// Header and claims of a token that one of `keys` has signed.
pub fn signed_by(token: &str, keys: &Value) -> (Value, Value) {
    let header = token.split('.').next().expect("a token has a header");
    let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    let kid = text(&header, "kid");
    let mut keys = keys["keys"].as_array().into_iter().flatten();
    let key = keys.find(|key| key["kid"] == kid).unwrap_or_else(|| panic!("no key {kid}"));
    let key: Jwk = serde_json::from_value(key.clone()).expect("a key that can be used");
    let key = DecodingKey::from_jwk(&key).expect("a key that can be used");
    let algorithm: Algorithm = text(&header, "alg").parse().expect("an algorithm");
    // Times are checked against the test's own clock.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let data = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good signature");
    (header, data.claims)
}

/// OpenID Connect Core §5.3.2: claims of the right types, about the person of the ID token.
pub fn userinfo(answer: &Answer, issued: &Issued) -> Value {
    let claims = answer.good();
    assert_eq!(claims["sub"], issued.id["sub"], "userinfo is about somebody else");
    claim_types(&claims);
    claims
}

/// The types of OpenID Connect Core §5.1; nothing is empty or null.
fn claim_types(claims: &Value) {
    for (name, value) in claims.as_object().expect("claims are an object") {
        match name.as_str() {
            "email_verified" | "phone_number_verified" => {
                assert!(value.is_boolean(), "{name}: {value}");
            }
            "updated_at" => assert!(value.is_number(), "{name}: {value}"),
            "address" => {
                for (part, value) in value.as_object().expect("an address is an object") {
                    let known = [
                        "formatted",
                        "street_address",
                        "locality",
                        "region",
                        "postal_code",
                        "country",
                    ];
                    assert!(known.contains(&part.as_str()), "address has {part}");
                    filled(part, value);
                }
            }
            _ => filled(name, value),
        }
    }
    if let Some(birthdate) = claims["birthdate"].as_str() {
        let year = birthdate.split('-').next().and_then(|year| year.parse::<u32>().ok());
        assert!(year.is_some_and(|year| year == 0 || (1850..=2026).contains(&year)), "{birthdate}");
    }
}

fn filled(name: &str, value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{name} is no text: {value}"));
    assert!(!text.trim().is_empty() && text != "null", "{name}: {text:?}");
}
