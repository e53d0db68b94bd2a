//! Client authentication by a signed assertion, `private_key_jwt` (RFC 7523 §3, RFC 10070).

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::client::{AuthAudience, ClientMetadata};
use super::error::OAuthError;
use super::jwt::{self, Claims, Expect, JwtError, PublicKey, SigningAlg};
use crate::clock::Timestamp;

/// How far ahead an assertion may expire: what lives longer is worth stealing.
const MAX_LIFE: Duration = Duration::from_mins(5);
/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_secs(30);
/// How long past its end an assertion's `jti` is remembered; longer than it could be accepted.
const MEMORY: Duration = Duration::from_mins(1);
/// The parameter's one value (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Any other kind of token, a request object or an ID token, is none for this (RFC 8725 §3.11).
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];
const MAX_JTI: usize = 255;

/// Whom an assertion may be meant for.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Our issuer identifier, which is always right.
    pub issuer: &'a str,
    /// The token endpoint's URL, right for clients registered so.
    pub token_endpoint: &'a str,
    /// Whether it is right for every client (`oidc.legacy_flows`).
    pub legacy_flows: bool,
}

/// A good assertion; it counts only if the store never saw its `jti` from this client before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Its name, unique to the client.
    pub jti: String,
    /// Until when that name has to be remembered.
    pub expires_at: Timestamp,
}

/// Whose assertion this says it is; nothing is proven yet.
#[must_use]
pub fn peek_client_id(assertion: &str) -> Option<String> {
    let claims = jwt::peek(assertion)?;
    jwt::string(&claims, "sub").ok()?.map(str::to_owned)
}

/// Checks an assertion of `client` against its `keys`, a JWK set; every fault is `invalid_client`.
pub fn check(
    assertion: &str,
    client: &ClientMetadata,
    keys: &serde_json::Value,
    recipient: &Recipient<'_>,
    now: Timestamp,
) -> Result<Assertion, OAuthError> {
    let registered = client.token_endpoint_auth_signing_alg.as_ref();
    let algs = registered.map_or(&SigningAlg::ALL[..], std::slice::from_ref);
    let expect = Expect { typ: Some(&TYPES), algs };
    let keys = PublicKey::from_jwks(keys);
    let claims = jwt::verify(assertion, &keys, &expect).map_err(|error| refused(&error))?;
    let mut audiences = vec![recipient.issuer];
    if recipient.legacy_flows || client.token_endpoint_auth_audience == AuthAudience::TokenEndpoint
    {
        audiences.push(recipient.token_endpoint);
    }
    check_claims(&claims, &client.client_id, &audiences, now).map_err(|fault| match fault {
        Fault::Jwt(error) => refused(&error),
        Fault::Rule(rule) => OAuthError::invalid_client(rule),
    })
}

fn refused(error: &JwtError) -> OAuthError {
    OAuthError::invalid_client(format!("client_assertion: {error}"))
}

enum Fault {
    Jwt(JwtError),
    Rule(&'static str),
}

impl From<JwtError> for Fault {
    fn from(error: JwtError) -> Self {
        Self::Jwt(error)
    }
}

fn check_claims(
    claims: &Claims,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<Assertion, Fault> {
    let rule = |holds: bool, rule| if holds { Ok(()) } else { Err(Fault::Rule(rule)) };
    let itself = Some(client_id);
    rule(jwt::string(claims, "iss")? == itself, "client_assertion: iss must be the client_id")?;
    rule(jwt::string(claims, "sub")? == itself, "client_assertion: sub must be the client_id")?;
    // RFC 10070: one string. In an array another server's name could stand beside ours.
    let aud = jwt::string(claims, "aud")?;
    rule(
        aud.is_some_and(|aud| audiences.contains(&aud)),
        "client_assertion: aud must be the issuer, as a single string",
    )?;
    let exp = jwt::numeric_date(claims, "exp")?;
    let exp = exp.ok_or(Fault::Rule("client_assertion: exp is missing"))?;
    rule(exp + SKEW > now, "client_assertion: it has expired")?;
    rule(exp <= now + MAX_LIFE + SKEW, "client_assertion: exp is more than 5 minutes ahead")?;
    for name in ["nbf", "iat"] {
        let at = jwt::numeric_date(claims, name)?;
        rule(at.is_none_or(|at| at <= now + SKEW), "client_assertion: it is not valid yet")?;
    }
    let jti = jwt::string(claims, "jti")?.unwrap_or_default();
    rule(
        !jti.is_empty() && jti.len() <= MAX_JTI,
        "client_assertion: jti must be a string of 1 to 255 bytes",
    )?;
    Ok(Assertion { jti: jti.to_owned(), expires_at: exp + MEMORY })
}
