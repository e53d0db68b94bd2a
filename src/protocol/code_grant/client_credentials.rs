//! A client asks for a token of its own (RFC 6749 §4.4): for how much?

use std::borrow::Cow;

use oxide_auth::code_grant::client_credentials::{ClientCredentials, Input, Output, Request};
use oxide_auth::primitives::grant::Extensions;
use oxide_auth::primitives::registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl};

use super::{astray, fault, in_order, machine_scope};
use crate::protocol::client::ClientMetadata;
use crate::protocol::error::OAuthError;
use crate::protocol::scope::Scope;

/// The scopes that speak about a person, of whom there is none here.
const ABOUT_A_PERSON: &str = "openid profile email address phone offline_access";

/// For which scope this authenticated client gets a token: what it asked for within its
/// registration, or all of that; scopes about a person are left out.
pub fn allow(client: &ClientMetadata, asked: Option<&str>) -> Result<Scope, OAuthError> {
    if client.is_public() {
        return Err(OAuthError::unauthorized_client(
            "a public client has no credentials of its own",
        ));
    }
    let asked = asked.map(Scope::parse).transpose()?;
    let request = By { client, asked: asked.as_ref() };
    let mut machine = ClientCredentials::new(&request);
    let mut answer = Input::None;
    loop {
        answer = match machine.advance(answer) {
            Output::Authenticate { .. } => Input::Authenticated,
            Output::Binding { client_id } => {
                // No redirect happens in this grant, but the machine wants to name one.
                let nowhere = ExactUrl::new("about:blank".to_owned());
                let nowhere = nowhere.map_err(|error| fault(error.into()))?;
                let bound_client = BoundClient {
                    client_id: Cow::Owned(client_id.to_owned()),
                    redirect_uri: Cow::Owned(RegisteredUrl::Exact(nowhere)),
                };
                Input::Bound { bound_client }
            }
            Output::Extend => Input::Extended { extensions: Extensions::new() },
            Output::Negotiate { bound_client, .. } => {
                let pre_grant = PreGrant {
                    client_id: bound_client.client_id.clone().into_owned(),
                    redirect_uri: bound_client.redirect_uri.clone().into_owned(),
                    scope: machine_scope(&negotiate(client, asked.as_ref())?)?,
                };
                Input::Negotiated { pre_grant }
            }
            Output::Ok { pre_grant, .. } => {
                return Ok(in_order(asked.as_ref().unwrap_or(&client.scope), &pre_grant.scope));
            }
            Output::Err(_) => return Err(astray()),
        };
    }
}

fn negotiate(client: &ClientMetadata, asked: Option<&Scope>) -> Result<Scope, OAuthError> {
    let asked = asked.unwrap_or(&client.scope);
    if !asked.is_subset_of(&client.scope) {
        return Err(OAuthError::invalid_scope("scope goes beyond what this client may ask"));
    }
    Ok(asked.minus(&Scope::parse(ABOUT_A_PERSON)?))
}

struct By<'a> {
    client: &'a ClientMetadata,
    asked: Option<&'a Scope>,
}

impl Request for By<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed(&self.client.client_id), Cow::Borrowed(&[])))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.asked.map(|scope| Cow::Owned(scope.to_string()))
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("client_credentials"))
    }

    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}
