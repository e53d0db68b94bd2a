//! An access token is presented to a resource of ours (RFC 6750 §3.1): is it good for this?

use std::borrow::Cow;

use oxide_auth::code_grant::resource::{Error, ErrorCode, Input, Output, Request, Resource};

use super::{StoredGrant, astray, machine_scope};
use crate::clock::Timestamp;
use crate::protocol::error::OAuthError;
use crate::protocol::scope::Scope;

/// Whether what the token was issued for is alive and allows all of `required`.
pub fn check(
    required: &Scope,
    stored: Option<&StoredGrant>,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let required = [machine_scope(required)?];
    let mut machine = Resource::new();
    let mut answer = Input::None;
    loop {
        answer = match machine.advance(answer) {
            Output::GetRequest => Input::Request { request: &Presented },
            Output::DetermineScopes => Input::Scopes(&required),
            Output::Recover { .. } => {
                Input::Recovered(stored.map(|stored| stored.alive(now)).transpose()?.flatten())
            }
            Output::Ok(_) => return Ok(()),
            Output::Err(Error::AccessDenied { failure, .. }) => {
                return Err(match failure.code {
                    Some(ErrorCode::InsufficientScope) => {
                        OAuthError::insufficient_scope("the access token does not allow this")
                    }
                    // An unknown token too, which the machine calls an invalid request.
                    _ => OAuthError::invalid_token("the access token is unknown or expired"),
                });
            }
            Output::Err(_) => return Err(astray()),
        };
    }
}

/// The token itself was opened before; the machine only has to hear that one came.
struct Presented;

impl Request for Presented {
    fn valid(&self) -> bool {
        true
    }

    fn token(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("Bearer opened"))
    }
}
