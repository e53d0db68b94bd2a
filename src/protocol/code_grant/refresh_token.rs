//! A refresh token is presented (RFC 6749 §6): is it this client's, and for how much?

use std::borrow::Cow;

use oxide_auth::code_grant::error::{AccessTokenError, AccessTokenErrorType};
use oxide_auth::code_grant::refresh::{Error, Input, Output, Refresh, Request};

use super::{StoredGrant, astray, in_order};
use crate::clock::Timestamp;
use crate::protocol::client::ClientMetadata;
use crate::protocol::error::OAuthError;
use crate::protocol::scope::Scope;

/// Whether this client may use the refresh token, and for which scope: what was granted, or the
/// part of it that `asked` names. `client` is authenticated; rotation is for the store.
pub fn refresh(
    client: &ClientMetadata,
    token: &str,
    asked: Option<&str>,
    stored: Option<&StoredGrant>,
    now: Timestamp,
) -> Result<Scope, OAuthError> {
    let asked = asked.map(Scope::parse).transpose()?;
    if asked.as_ref().is_some_and(Scope::is_empty) {
        return Err(OAuthError::invalid_scope("scope names nothing"));
    }
    let request = Presented { client, token };
    let mut machine = Refresh::new(&request);
    let mut answer = Input::None;
    loop {
        let scope = || asked.as_ref().map(|scope| Cow::Owned(scope.to_string()));
        answer = match machine.advance(answer) {
            Output::Unauthenticated { .. } => Input::Authenticated { scope: scope() },
            Output::RecoverRefresh { .. } => {
                let grant = stored.map(|stored| stored.alive(now)).transpose()?.flatten();
                Input::Recovered { scope: scope(), grant: grant.map(Box::new) }
            }
            Output::Refresh { grant, .. } => {
                let stored = stored.ok_or_else(astray)?;
                return Ok(in_order(&stored.scope, &grant.scope));
            }
            Output::Err(error) => return Err(refusal(error)),
            Output::Ok(_) => return Err(astray()),
        };
    }
}

fn refusal(mut error: Error) -> OAuthError {
    match error.description().map(AccessTokenError::kind) {
        Some(AccessTokenErrorType::InvalidScope) => {
            OAuthError::invalid_scope("scope goes beyond what was granted")
        }
        Some(_) => OAuthError::invalid_grant(
            "the refresh token is unknown, expired, or was issued to another client",
        ),
        None => astray(),
    }
}

struct Presented<'a> {
    client: &'a ClientMetadata,
    token: &'a str,
}

impl Request for Presented<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.token))
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("refresh_token"))
    }

    /// Public clients too have said who they are, so the machine always hears a name.
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((Cow::Borrowed(&self.client.client_id), Cow::Borrowed(&[])))
    }

    fn extension(&self, _key: &str) -> Option<Cow<'_, str>> {
        None
    }
}
