//! Key pairs that sign, kept parsed.

use std::fmt;

use anyhow::{Context, anyhow};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{KeyType, PublicKey, SigningAlg};

/// A key pair that signs, ready for use; it never prints.
pub struct SigningKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What kind of key it is.
    pub key_type: KeyType,
    pair: Pair,
    public_jwk: Value,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key pair, and its PKCS#8 form (RFC 5208) to be sealed.
    pub fn generate(key_type: KeyType) -> anyhow::Result<(Self, Zeroizing<Vec<u8>>)> {
        let pair = match key_type {
            KeyType::Rsa => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048)?),
            KeyType::P256 => Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            KeyType::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate()?),
        };
        let pkcs8 = Zeroizing::new(match &pair {
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der>::as_der(pair)?.as_ref().to_vec(),
            Pair::P256(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
        });
        Ok((Self::new(key_type, pair)?, pkcs8))
    }

    /// The key pair in this PKCS#8 document.
    pub fn from_pkcs8(key_type: KeyType, pkcs8: &[u8]) -> anyhow::Result<Self> {
        let pair = match key_type {
            KeyType::Rsa => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rsa),
            KeyType::P256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::P256)
            }
            KeyType::Ed25519 => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::Ed25519),
        }
        .map_err(|refused| anyhow!("not a {} key: {refused}", key_type.name()))?;
        Self::new(key_type, pair)
    }

    fn new(key_type: KeyType, pair: Pair) -> anyhow::Result<Self> {
        let mut public_jwk = pair.public_jwk()?;
        let kid = thumbprint(&public_jwk)?;
        if let Value::Object(members) = &mut public_jwk {
            members.insert("kid".to_owned(), json!(kid));
            members.insert("use".to_owned(), json!("sig"));
            // An RSA key serves RS256 and PS256: naming one would keep the other from verifying.
            match key_type {
                KeyType::Rsa => None,
                KeyType::P256 => members.insert("alg".to_owned(), json!(SigningAlg::ES256)),
                KeyType::Ed25519 => members.insert("alg".to_owned(), json!(SigningAlg::EdDSA)),
            };
        }
        Ok(Self { kid, key_type, pair, public_jwk })
    }

    /// The public half as published (RFC 7517 §4), with `kid` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    /// The public half, to verify with.
    pub fn public_key(&self) -> anyhow::Result<PublicKey> {
        PublicKey::from_jwk(&self.public_jwk).context("our own public key cannot be read back")
    }

    /// Signs `claims` as a compact JWS (RFC 7515 §3.1) whose header holds `alg`, `kid` and `typ`.
    pub fn sign(
        &self,
        alg: SigningAlg,
        typ: &str,
        claims: &impl Serialize,
    ) -> anyhow::Result<String> {
        let header = json!({ "alg": alg, "kid": self.kid, "typ": typ });
        let mut token = BASE64.encode(header.to_string());
        token.push('.');
        BASE64.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.sign_bytes(alg, token.as_bytes())?;
        token.push('.');
        BASE64.encode_string(signature, &mut token);
        Ok(token)
    }

    pub(super) fn sign_bytes(&self, alg: SigningAlg, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.pair.sign(alg, message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.key_type.name(), self.kid)
    }
}

impl Pair {
    fn sign(&self, alg: SigningAlg, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        match (self, alg) {
            (Self::Rsa(pair), SigningAlg::RS256 | SigningAlg::PS256) => {
                let padding =
                    if alg == SigningAlg::RS256 { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            (Self::P256(pair), SigningAlg::ES256) => {
                Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec())
            }
            (Self::Ed25519(pair), SigningAlg::EdDSA) => {
                Ok(pair.try_sign(message)?.as_ref().to_vec())
            }
            _ => Err(anyhow!("this key cannot sign with {}", alg.name())),
        }
    }

    fn public_jwk(&self) -> anyhow::Result<Value> {
        Ok(match self {
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({ "kty": "RSA", "n": BASE64.encode(public.n), "e": BASE64.encode(public.e) })
            }
            Self::P256(pair) => {
                // SEC 1 §2.3.3: 0x04, then both coordinates.
                let point = pair.public_key().as_ref();
                let (x, y) = point
                    .split_first()
                    .and_then(|(_, coordinates)| coordinates.split_at_checked(32))
                    .context("a public key on P-256 has two coordinates")?;
                json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y) })
            }
            Self::Ed25519(pair) => {
                let x = BASE64.encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        })
    }
}

/// RFC 7638 §3, with SHA-256.
pub(super) fn thumbprint(public_jwk: &Value) -> anyhow::Result<String> {
    let jwk = Jwk::deserialize(public_jwk)?;
    Ok(jwk.thumbprint(ThumbprintHash::SHA256)?)
}
