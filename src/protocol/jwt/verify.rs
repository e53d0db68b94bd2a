//! Verifies a token that came from outside, and reads its claims strictly (RFC 7519 §7.2).

use serde_json::{Map, Value};

use super::parse::{self, Parts};
use super::{PublicKey, SigningAlg};
use crate::clock::Timestamp;

/// How many keys are tried when the header names none.
const MAX_TRIES: usize = 8;
/// The end of the year 9999: a later date is a mistake, or an attack on arithmetic.
const MAX_SECONDS: i64 = 253_402_300_799;

/// The claims of a token whose signature holds.
pub type Claims = Map<String, Value>;

/// What a token has to be.
pub struct Expect<'a> {
    /// Which `typ` headers are right (RFC 8725 §3.11); one that is absent counts as `JWT`.
    /// `None` accepts any.
    pub typ: Option<&'a [&'a str]>,
    /// Which algorithms are right (RFC 8725 §3.1).
    pub algs: &'a [SigningAlg],
}

/// Why a token is not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Larger than any honest token.
    #[error("the token is too large")]
    TooLarge,
    /// Nested deeper than any honest token.
    #[error("the token is nested too deeply")]
    TooDeep,
    /// Not three parts of base64url, or no JSON objects in them.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with an algorithm that is not acceptable here.
    #[error("the token is signed with an algorithm that is not accepted")]
    Algorithm,
    /// A token of another kind.
    #[error("the token is of another type")]
    Type,
    /// It has critical headers, and we know none (RFC 7515 §4.1.11).
    #[error("the token has critical header parameters that are not understood")]
    Critical,
    /// None of the keys is the one that it names.
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    /// The signature does not hold.
    #[error("the signature of the token is wrong")]
    Signature,
    /// A claim has the wrong JSON type, or a value out of all bounds.
    #[error("the token's claim {0} is malformed")]
    Claim(&'static str),
}

/// Verifies `token` with the right one of `keys` and returns its claims.
///
/// Keys are only ever taken from `keys`: what the header says in `jwk`, `jku` or `x5u` is ignored.
/// Nothing is said about the claims; times and audience are the caller's to check.
pub fn verify(token: &str, keys: &[PublicKey], expect: &Expect<'_>) -> Result<Claims, JwtError> {
    let parts = parse::split(token)?;
    let alg = acceptable(&parts.header, expect)?;
    let mut unknown = true;
    for key in candidates(&parts.header, keys, alg)? {
        unknown = false;
        if holds(&parts, key, alg) {
            return parse::object(parts.payload);
        }
    }
    Err(if unknown { JwtError::UnknownKey } else { JwtError::Signature })
}

/// The `kid` of a token's header, unverified: which key to fetch.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    let header = parse::object(token.split('.').next()?).ok()?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// The claims of a token of which **nothing** is verified: good for finding out whose keys to use.
#[must_use]
pub fn peek(token: &str) -> Option<Claims> {
    parse::object(parse::split(token).ok()?.payload).ok()
}

fn acceptable(header: &Claims, expect: &Expect<'_>) -> Result<SigningAlg, JwtError> {
    if header.contains_key("crit") {
        return Err(JwtError::Critical);
    }
    let alg = header.get("alg").and_then(Value::as_str).and_then(SigningAlg::from_name);
    let alg = alg.filter(|alg| expect.algs.contains(alg)).ok_or(JwtError::Algorithm)?;
    let typ = match header.get("typ") {
        None => "JWT",
        Some(typ) => typ.as_str().ok_or(JwtError::Type)?,
    };
    // RFC 7515 §4.1.9: a media type, whose `application/` may be left out and whose case is free.
    let typ = typ.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    let right =
        expect.typ.is_none_or(|right| right.iter().any(|one| one.eq_ignore_ascii_case(typ)));
    if right { Ok(alg) } else { Err(JwtError::Type) }
}

/// The keys of the right kind; if the header names one, only that one and nameless ones.
fn candidates<'a>(
    header: &Claims,
    keys: &'a [PublicKey],
    alg: SigningAlg,
) -> Result<impl Iterator<Item = &'a PublicKey>, JwtError> {
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().ok_or(JwtError::Malformed)?.to_owned()),
    };
    Ok(keys
        .iter()
        .filter(move |key| key.key_type == alg.key_type() && key.alg.is_none_or(|own| own == alg))
        .filter(move |key| kid.is_none() || key.kid.is_none() || key.kid == kid)
        .take(MAX_TRIES))
}

fn holds(parts: &Parts<'_>, key: &PublicKey, alg: SigningAlg) -> bool {
    let alg = match alg {
        SigningAlg::RS256 => jsonwebtoken::Algorithm::RS256,
        SigningAlg::PS256 => jsonwebtoken::Algorithm::PS256,
        SigningAlg::ES256 => jsonwebtoken::Algorithm::ES256,
        SigningAlg::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    };
    let signed = parts.signed.as_bytes();
    jsonwebtoken::crypto::verify(parts.signature, signed, &key.key, alg).unwrap_or(false)
}

/// A claim that must be a string if it is there.
pub fn string<'a>(claims: &'a Claims, name: &'static str) -> Result<Option<&'a str>, JwtError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwtError::Claim(name)),
    }
}

/// A claim that must be a `NumericDate` (RFC 7519 §2) if it is there: a number, never a string.
pub fn numeric_date(claims: &Claims, name: &'static str) -> Result<Option<Timestamp>, JwtError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let number = value.as_number().ok_or(JwtError::Claim(name))?;
    // The fraction that the RFC allows is cut off before parsing, so no float is ever cast.
    let text = number.to_string();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => &text,
    };
    match whole.parse::<i64>() {
        Ok(seconds) if !text.starts_with('-') && seconds <= MAX_SECONDS => {
            Ok(Some(Timestamp::from_seconds(seconds)))
        }
        _ => Err(JwtError::Claim(name)),
    }
}
