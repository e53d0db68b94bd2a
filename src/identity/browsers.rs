//! Browsers that an account knows. Each account has a token of its own in the browser's cookie, made
//! here at the first sign-in: what a browser brought along before, from whomever, is worth nothing
//! to an account that has not given it.

use crate::app::App;
use crate::identity::sessions::{Arrival, Whereabouts};
use crate::secret::sha256;
use crate::store::devices::{self, AT_ONCE, Device};
use crate::store::{Db, StoreError};

/// The browser that somebody sits before, if this person has signed in from it.
pub async fn find(
    db: &mut Db,
    user_id: &str,
    whereabouts: &Whereabouts,
) -> Result<Option<Device>, StoreError> {
    if whereabouts.devices.is_empty() {
        return Ok(None);
    }
    let hashes: Vec<_> = whereabouts.devices.iter().map(|token| sha256(token)).collect();
    devices::find(db, user_id, &hashes).await
}

/// What the browser's cookie holds after this sign-in: first the token by which the account knows it
/// from now on, then those of others who use it.
///
/// A token that the account has not given is never taken over. One that it has given is replaced
/// when the browser is trusted with it, so that no copy from before is trusted as well.
pub async fn recognize(
    app: &App,
    db: &mut Db,
    arrival: &Arrival<'_>,
) -> Result<Vec<String>, StoreError> {
    let brought = &arrival.whereabouts.devices;
    let known = find(db, &arrival.user.id, arrival.whereabouts).await?;
    let is_own =
        |token: &String| known.as_ref().is_some_and(|device| device.token_hash == sha256(token));
    let own = brought.iter().find(|token| is_own(token));
    let token = match own.filter(|_| !arrival.trusts) {
        Some(own) => own.clone(),
        None => app.random.token(""),
    };
    if let Some(device) = known.as_ref().filter(|_| arrival.trusts) {
        devices::renew(db, &device.id, &sha256(&token)).await?;
    }
    let others = brought.iter().filter(|token| !is_own(token)).take(AT_ONCE - 1).cloned();
    Ok(std::iter::once(token).chain(others).collect())
}
