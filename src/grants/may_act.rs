//! One question, asked at every issuance, refresh, userinfo and introspection: may this client
//! act for this person, out of this session, under this authorization?
//!
//! Each grant that asked it in its own way has been somebody's vulnerability (CVE-2026-9798 and
//! its siblings), so there is one function and no second place.

use crate::clock::Timestamp;
use crate::store::clients::ClientRecord;
use crate::store::standing::Standing;

/// Why nothing may be done in somebody's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The client was disabled or removed.
    Client,
    /// The account is locked.
    User,
    /// The person withdrew what they had allowed.
    Consent,
    /// The authorization was revoked.
    Authorization,
    /// The authorization is over.
    Expired,
    /// The session that it hangs on has ended.
    Session,
}

/// Whether tokens under this authorization may be issued or accepted at `now`.
pub fn may_act(standing: &Standing, now: Timestamp) -> Result<(), Refusal> {
    let authorization = &standing.authorization;
    let ended_session = authorization.offline_at.is_none()
        && (standing.session_ended_at.is_some()
            || standing.session_expires_at.is_none_or(|expires| expires <= now));
    match () {
        () if standing.client_disabled_at.is_some() => Err(Refusal::Client),
        () if standing.user_locked_at.is_some() => Err(Refusal::User),
        () if standing.consent_revoked_at.is_some() => Err(Refusal::Consent),
        () if authorization.revoked_at.is_some() => Err(Refusal::Authorization),
        () if authorization.expires_at <= now => Err(Refusal::Expired),
        () if ended_session => Err(Refusal::Session),
        () => Ok(()),
    }
}

/// Whether a client may act in its own name.
pub fn client_may_act(client: &ClientRecord) -> Result<(), Refusal> {
    if client.disabled_at.is_some() { Err(Refusal::Client) } else { Ok(()) }
}
