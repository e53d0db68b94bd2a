//! A code is presented (RFC 6749 §4.1.3, RFC 7636 §4.5): is it this client's, and is it in time?

use std::borrow::Cow;

use oxide_auth::code_grant::accesstoken::{
    AccessToken, Authorization, Error, Input, Output, Request,
};
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::primitives::grant::{Extensions, Grant, Value};
use url::Url;

use super::{StoredGrant, astray, in_order};
use crate::clock::Timestamp;
use crate::protocol::client::ClientMetadata;
use crate::protocol::error::OAuthError;
use crate::protocol::pkce::{self, CodeChallenge};
use crate::protocol::scope::Scope;

/// What the client sends.
pub struct CodeRequest<'a> {
    /// `code`.
    pub code: &'a str,
    /// `redirect_uri`.
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier`.
    pub verifier: Option<&'a str>,
}

/// What is known about the code.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCode {
    /// What it was issued for; it ends when the code does.
    pub grant: StoredGrant,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The challenge of the authorization request.
    pub code_challenge: Option<CodeChallenge>,
}

/// Whether this client may redeem the code, and for which scope. `client` is authenticated, as far
/// as it can be; that the code was never used before is for the store to say.
pub fn exchange(
    client: &ClientMetadata,
    presented: &CodeRequest<'_>,
    stored: Option<&StoredCode>,
    now: Timestamp,
) -> Result<Scope, OAuthError> {
    let request = Presented { client, presented };
    let mut machine = AccessToken::new(&request);
    let mut answer = Input::None;
    loop {
        answer = match machine.advance(answer) {
            Output::Authenticate { .. } => Input::Authenticated,
            Output::Recover { .. } => {
                Input::Recovered(recover(presented, stored, now)?.map(Box::new))
            }
            Output::Extend { extensions } => {
                let access_extensions = prove(presented, stored, extensions)?;
                Input::Extended { access_extensions }
            }
            Output::Issue { grant } => {
                let stored = stored.ok_or_else(astray)?;
                return Ok(in_order(&stored.grant.scope, &grant.scope));
            }
            // What the machine calls an invalid request is a code that is not good (§5.2).
            Output::Err(error) if matches!(*error, Error::Invalid(_)) => return Err(not_good()),
            Output::Err(_) | Output::Ok(_) => return Err(astray()),
        };
    }
}

fn not_good() -> OAuthError {
    OAuthError::invalid_grant(
        "the code is unknown, expired, or was issued to another client or redirect_uri",
    )
}

/// The machine hears only of codes that are in time and came with the very redirect URI, byte for
/// byte: it would take a different spelling of the same URL for the same.
fn recover(
    presented: &CodeRequest<'_>,
    stored: Option<&StoredCode>,
    now: Timestamp,
) -> Result<Option<Grant>, OAuthError> {
    let good = stored.filter(|stored| {
        stored.grant.expires_at > now && presented.redirect_uri == Some(&stored.redirect_uri)
    });
    let Some(stored) = good else { return Ok(None) };
    let Ok(redirect_uri) = Url::parse(&stored.redirect_uri) else { return Ok(None) };
    let mut extensions = Extensions::new();
    if let Some(challenge) = &stored.code_challenge {
        let challenge = Some(Cow::Borrowed(challenge.as_str()));
        let encoded = Pkce::required().challenge(Some(Cow::Borrowed("S256")), challenge);
        let encoded: Option<Value> = encoded.map_err(|()| astray())?;
        extensions.set(&Pkce::required(), encoded.ok_or_else(astray)?);
    }
    stored.grant.machine_form(redirect_uri, extensions).map(Some)
}

/// Our rules first: length and alphabet of the verifier, and no verifier for a code that had no
/// challenge (RFC 9700 §4.8.2), of which oxide-auth knows nothing. Then it compares the hashes.
fn prove(
    presented: &CodeRequest<'_>,
    stored: Option<&StoredCode>,
    extensions: &mut Extensions,
) -> Result<Extensions, OAuthError> {
    let challenge = stored.and_then(|stored| stored.code_challenge.as_ref());
    pkce::verify(challenge, presented.verifier)?;
    let proof = if challenge.is_some() { Pkce::required() } else { Pkce::optional() };
    let encoded = extensions.remove(&proof);
    proof.verify(encoded, presented.verifier.map(Cow::Borrowed)).map_err(|()| {
        OAuthError::invalid_grant("code_verifier does not match the code_challenge")
    })?;
    Ok(Extensions::new())
}

struct Presented<'a> {
    client: &'a ClientMetadata,
    presented: &'a CodeRequest<'a>,
}

impl Request for Presented<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.presented.code))
    }

    /// The client is authenticated before; the machine is told its name once and no secret, so
    /// that it cannot take credentials in the header and a `client_id` in the body for two.
    fn authorization(&self) -> Authorization<'_> {
        Authorization::Username(Cow::Borrowed(&self.client.client_id))
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.presented.redirect_uri.map(Cow::Borrowed)
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("authorization_code"))
    }

    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}
