//! RFC 6749 §4.4: a client acts in its own name. Nothing of it is written; the limit
//! of token requests writes now and then (`identity::client_requests`).

use crate::grants::Entitlement;
use crate::protocol::code_grant;
use crate::protocol::error::OAuthError;
use crate::protocol::parameters::Parameters;
use crate::store::clients::ClientRecord;

/// Redeems the client's own credentials.
pub fn redeem(client: &ClientRecord, parameters: &Parameters) -> Result<Entitlement, OAuthError> {
    let requested = parameters.once("scope")?;
    let scope = code_grant::client_credentials::allow(&client.metadata, requested)?;
    Ok(Entitlement { authorization: None, generation: 0, scope, refreshed: false })
}
