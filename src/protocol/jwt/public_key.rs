//! Public keys that verify: ours, and those of clients, whose JWKs are checked as strangers' input.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::{KeyType, SigningAlg};

/// How many keys of a set are looked at: more is not a key set but a burden.
const MAX_KEYS: usize = 64;

/// A public key that verifies signatures: one of ours, or one from a client's JWK set.
#[derive(Clone)]
pub struct PublicKey {
    pub(super) kid: Option<String>,
    pub(super) key_type: KeyType,
    /// The only algorithm that it may be used with, when its owner said so.
    pub(super) alg: Option<SigningAlg>,
    pub(super) key: DecodingKey,
}

impl PublicKey {
    /// Reads a JWK (RFC 7517 §4); `None` when it is not a public signature key of a kind we verify.
    #[must_use]
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk = jwk.as_object()?;
        if !may_verify(jwk) {
            return None;
        }
        let (key_type, key) = match member(jwk, "kty")? {
            "RSA" => (KeyType::Rsa, rsa(jwk)?),
            "EC" if member(jwk, "crv")? == "P-256" => {
                let point = [vec![4], coordinate(jwk, "x")?, coordinate(jwk, "y")?].concat();
                (KeyType::P256, DecodingKey::from_ec_der(&point))
            }
            "OKP" if member(jwk, "crv")? == "Ed25519" => {
                (KeyType::Ed25519, DecodingKey::from_ed_der(&coordinate(jwk, "x")?))
            }
            _ => return None,
        };
        let alg = match jwk.get("alg") {
            None => None,
            // RFC 9864 §2.2 gives EdDSA on this curve a name of its own.
            Some(Value::String(name)) if name == "Ed25519" => Some(SigningAlg::EdDSA),
            Some(name) => Some(SigningAlg::from_name(name.as_str()?)?),
        };
        if alg.is_some_and(|alg| alg.key_type() != key_type) {
            return None;
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        Some(Self { kid, key_type, alg, key })
    }

    /// The usable keys of a JWK set (RFC 7517 §5), which says to ignore the others.
    #[must_use]
    pub fn from_jwks(jwks: &Value) -> Vec<Self> {
        let keys = jwks.get("keys").and_then(Value::as_array);
        keys.into_iter().flatten().take(MAX_KEYS).filter_map(Self::from_jwk).collect()
    }
}

fn member<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

/// RFC 7517 §4.2, §4.3: what is meant for encryption does not verify.
fn may_verify(jwk: &Map<String, Value>) -> bool {
    let purpose = jwk.get("use").is_none_or(|purpose| purpose == "sig");
    let operations = jwk.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
    });
    purpose && operations
}

fn rsa(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let n = BASE64.decode(member(jwk, "n")?).ok()?;
    let e = BASE64.decode(member(jwk, "e")?).ok()?;
    // RFC 7518 §3.3 wants 2048 bits; beyond 4096, or with a huge exponent, each check costs too much.
    let long_enough =
        n.len() > 256 || (n.len() == 256 && n.first().is_some_and(|byte| *byte > 127));
    let odd = e.last().is_some_and(|byte| byte % 2 == 1);
    (long_enough && n.len() <= 512 && e.len() <= 4 && odd)
        .then(|| DecodingKey::from_rsa_raw_components(&n, &e))
}

/// RFC 7518 §6.2.1.2: always the full 32 bytes.
fn coordinate(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    BASE64.decode(member(jwk, name)?).ok().filter(|bytes| bytes.len() == 32)
}
