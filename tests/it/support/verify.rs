//! Signed answers, verified as somebody else would: with the published keys alone.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use latchkey::paths;
use serde_json::Value;

use super::Latchkey;
use super::endpoint::Credentials;
use super::flow::{header_of, text};

/// The claims of `token`, which must be signed with `alg` under a published key.
pub async fn verified(latchkey: &Latchkey, alg: &str, token: &str) -> Value {
    let header = header_of(token);
    assert_eq!(header["alg"], alg, "{header}");
    let keys = latchkey.endpoints.get(paths::JWKS, &Credentials::None).await.good();
    let keys = keys["keys"].as_array().expect("keys").clone();
    let key = keys.into_iter().find(|key| key["kid"] == header["kid"]).expect("a published key");
    let allowed = key.get("alg").is_none_or(|own| own == alg);
    assert!(allowed, "the key {} is for {} only", text(&key, "kid"), key["alg"]);
    let key = serde_json::from_value::<Jwk>(key).expect("a key that can be used");
    let key = DecodingKey::from_jwk(&key).expect("a key that can be used");
    let algorithm: Algorithm = alg.parse().expect("an algorithm");
    let mut validation = Validation::new(algorithm);
    // The instance has its own time, and each answer its own audience.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good signature").claims
}
