//! An authorization request that everybody agreed to becomes what its code will stand for.

use std::borrow::Cow;

use oxide_auth::code_grant::authorization::{Authorization, Error, Input, Output, Request};
use oxide_auth::code_grant::extensions::Pkce;
use oxide_auth::primitives::grant::{Extensions, Value};
use oxide_auth::primitives::registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl};

use super::{astray, in_order, machine_scope};
use crate::protocol::client::ClientMetadata;
use crate::protocol::error::OAuthError;
use crate::protocol::redirect_uri;
use crate::protocol::scope::Scope;

/// The parts of an authorization request that bind its code (RFC 6749 §4.1.1, RFC 7636 §4.3).
pub struct Asked<'a> {
    /// Byte for byte as sent.
    pub redirect_uri: &'a str,
    /// What was asked for.
    pub scope: &'a Scope,
    /// The S256 challenge.
    pub code_challenge: Option<&'a str>,
}

/// What a code stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// Where it is sent, and what has to be repeated when it is redeemed.
    pub redirect_uri: String,
    /// What was asked for, is allowed to this client and was allowed by the person.
    pub scope: Scope,
}

/// Binds a code to the client, the redirect URI, the challenge and the scope that was `allowed`.
pub fn check(
    client: &ClientMetadata,
    asked: &Asked<'_>,
    allowed: &Scope,
) -> Result<Approved, OAuthError> {
    let request = AskedBy { client, asked };
    let mut machine = Authorization::new(&request);
    let mut answer = Input::None;
    loop {
        answer = match machine.advance(answer) {
            Output::Bind { client_id, redirect_uri } => {
                let bound_client = bind(client, client_id, redirect_uri)?;
                Input::Bound { request: &request, bound_client }
            }
            Output::Extend => Input::Extended(challenge(asked)?),
            Output::Negotiate { bound_client, .. } => {
                let scope = asked.scope.intersect(&client.scope).intersect(allowed);
                if scope.is_empty() {
                    return Err(OAuthError::invalid_scope("none of the scopes can be granted"));
                }
                let pre_grant = PreGrant {
                    client_id: bound_client.client_id.clone().into_owned(),
                    redirect_uri: bound_client.redirect_uri.clone().into_owned(),
                    scope: machine_scope(&scope)?,
                };
                Input::Negotiated { pre_grant, state: None }
            }
            Output::Ok { pre_grant, .. } => {
                return Ok(Approved {
                    redirect_uri: asked.redirect_uri.to_owned(),
                    scope: in_order(asked.scope, &pre_grant.scope),
                });
            }
            Output::Err(Error::Ignore | Error::Redirect(_)) => {
                return Err(OAuthError::invalid_request("the authorization request is malformed"));
            }
            Output::Err(Error::PrimitiveError) => return Err(astray()),
        };
    }
}

/// Our rule for redirect URIs: equal bytes, or a loopback address of RFC 8252 on any port. The
/// machine's own would let the port of `localhost` vary, and of no other host.
fn bind(
    client: &ClientMetadata,
    client_id: String,
    redirect_uri: Option<ExactUrl>,
) -> Result<BoundClient<'static>, OAuthError> {
    redirect_uri
        .filter(|sent| redirect_uri::matches(&client.redirect_uris, sent.as_str()))
        .map(|sent| BoundClient {
            client_id: Cow::Owned(client_id),
            redirect_uri: Cow::Owned(RegisteredUrl::Exact(sent)),
        })
        .ok_or_else(|| OAuthError::invalid_request("redirect_uri is not registered"))
}

fn challenge(asked: &Asked<'_>) -> Result<Extensions, OAuthError> {
    let method = asked.code_challenge.map(|_| Cow::Borrowed("S256"));
    let encoded: Option<Value> = Pkce::optional()
        .challenge(method, asked.code_challenge.map(Cow::Borrowed))
        .map_err(|()| OAuthError::invalid_request("code_challenge_method must be S256"))?;
    let mut extensions = Extensions::new();
    if let Some(encoded) = encoded {
        extensions.set(&Pkce::optional(), encoded);
    }
    Ok(extensions)
}

struct AskedBy<'a> {
    client: &'a ClientMetadata,
    asked: &'a Asked<'a>,
}

impl Request for AskedBy<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.client.client_id))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.asked.scope.to_string()))
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.asked.redirect_uri))
    }

    fn state(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("code"))
    }

    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}
