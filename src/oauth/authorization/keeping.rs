//! Keeps a request while its person signs in and consents, and sees to it that no stranger's
//! requests push theirs out, or fill the disk.
//!
//! Each source has a share: a person who is signed in, else an address (IPv6: a /64). Within it the
//! oldest goes first. Beyond `login.max_requests` in all, those go that are the oldest of the
//! sources that have most.

use std::net::IpAddr;

use crate::app::App;
use crate::protocol::error::OAuthError;
use crate::store::authorization_requests::{self as requests, PendingAuthorization};
use crate::store::{StoreError, request_shares};
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::session::SignedIn;

/// The longest request that is kept, as JSON. An address of 8 KiB always fits.
const LONGEST: usize = 24 * 1024;
/// An address's share in minutes of sign-ins at the rate that it is allowed.
const MINUTES: u32 = 10;
/// The smallest share.
const LEAST: u32 = 200;
/// Every so many requests, by chance, all are counted.
const COUNT_EVERY: u8 = 32;
/// So many end at once beyond the bound: far more than have come since they were last counted, and
/// so few that no other writer waits for long.
const MOST_AT_ONCE: i64 = 200;

/// Whose share a request takes.
pub(super) fn source(signed_in: Option<&SignedIn>, address: IpAddr) -> String {
    match signed_in {
        Some(signed_in) => format!("user {}", signed_in.user.id),
        None => ClientAddress(address).rate_limit_key().to_string(),
    }
}

/// Refuses a request that is too long to be kept.
pub(super) fn check_length(pending: &PendingAuthorization) -> Result<(), OAuthError> {
    let length = serde_json::to_vec(&pending.request).map_or(usize::MAX, |text| text.len());
    if length > LONGEST {
        return Err(OAuthError::invalid_request("the request is too long"));
    }
    Ok(())
}

/// Keeps it. What must end in its place ends afterwards: that this fails once does no harm.
pub(super) async fn keep(app: &App, pending: &PendingAuthorization) -> Result<(), PageError> {
    let limits = &app.config.rate_limits;
    let all = i64::from(app.config.login.max_requests);
    let share = i64::from(limits.login_per_minute.saturating_mul(MINUTES).max(LEAST));
    let share = if limits.enabled { share.min(all) } else { all };
    let mut db = app.store.write().await?;
    requests::insert(&mut db, pending).await?;
    db.commit().await?;
    let [chance] = app.random.bytes::<1>();
    let mut bounded = hold_to_share(app, pending, share).await;
    if bounded.is_ok() && chance % COUNT_EVERY == 0 {
        bounded = bound(app, all).await;
    }
    if let Err(error) = bounded {
        tracing::warn!(%error, "sign-ins in progress could not be bounded");
    }
    Ok(())
}

/// Ends the oldest requests of the same source beyond its share, never the new one.
async fn hold_to_share(
    app: &App,
    new: &PendingAuthorization,
    share: i64,
) -> Result<(), StoreError> {
    let beyond = {
        let mut db = app.store.read().await?;
        request_shares::beyond(&mut db, &new.source, share).await?
    };
    if beyond.is_empty() {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    for id in beyond.iter().filter(|id| **id != new.id) {
        request_shares::end(&mut db, id).await?;
    }
    db.commit().await
}

/// Ends requests beyond the bound, and some more, so that it is not done for each.
async fn bound(app: &App, all: i64) -> Result<(), StoreError> {
    let surplus = {
        let mut db = app.store.read().await?;
        let count = request_shares::count(&mut db).await?;
        if count <= all {
            return Ok(());
        }
        request_shares::surplus(&mut db, (count - all + all / 10).min(MOST_AT_ONCE)).await?
    };
    let mut db = app.store.write().await?;
    for id in &surplus {
        request_shares::end(&mut db, id).await?;
    }
    db.commit().await?;
    let ended = surplus.len();
    tracing::warn!(ended, "too many sign-ins are in progress: the oldest had to end");
    Ok(())
}
