//! The border with oxide-auth: its grant state machines decide, asked and answered in our types.
//!
//! Each function walks one machine from its first question to its decision. The machines see only
//! values that were loaded before, and their errors stay here, because they differ from the RFCs:
//! every [`OAuthError`] is built by us. Whether something has expired is decided with the time that
//! is passed in; the machines, which would look at the wall clock, are told of the far future.

pub mod authorization;
pub mod authorization_code;
pub mod client_credentials;
pub mod refresh_token;
pub mod resource;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use oxide_auth::primitives::grant::{Extensions, Grant};
use oxide_auth::primitives::scope::Scope as MachineScope;
use url::Url;

use super::error::OAuthError;
use super::scope::Scope;
use crate::clock::Timestamp;

/// What a token was issued for, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredGrant {
    /// The client that it was issued to.
    pub client_id: String,
    /// Whom it speaks for: the person, or the client itself.
    pub owner_id: String,
    /// All that it allows.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl StoredGrant {
    /// The machine's form of it, if it is still alive.
    fn alive(&self, now: Timestamp) -> Result<Option<Grant>, OAuthError> {
        if self.expires_at <= now {
            return Ok(None);
        }
        // Refresh and access tokens are bound to no redirect URI, but the machines want one.
        let nowhere = Url::parse("about:blank").map_err(|error| fault(error.into()))?;
        Ok(Some(self.machine_form(nowhere, Extensions::new())?))
    }

    fn machine_form(&self, redirect_uri: Url, extensions: Extensions) -> Result<Grant, OAuthError> {
        Ok(Grant {
            owner_id: self.owner_id.clone(),
            client_id: self.client_id.clone(),
            scope: machine_scope(&self.scope)?,
            redirect_uri,
            until: far_future().into(),
            extensions,
        })
    }
}

/// The year 9000, for clocks that must not decide.
fn far_future() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(61_623_720)
}

fn machine_scope(scope: &Scope) -> Result<MachineScope, OAuthError> {
    scope.to_string().parse().context("a scope of ours is none to oxide-auth").map_err(fault)
}

/// What the machine decided on, in the order of `ours`: its own scopes have none.
fn in_order(ours: &Scope, decided: &MachineScope) -> Scope {
    ours.keep(|token| decided.iter().any(|one| one == token))
}

/// The machine went where no valid input leads it.
fn astray() -> OAuthError {
    fault(anyhow!("an oxide-auth state machine did not follow its own states"))
}

fn fault(cause: anyhow::Error) -> OAuthError {
    OAuthError::server_error(cause)
}
