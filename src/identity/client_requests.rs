//! How often a client may ask at the token endpoint: one that proves who it is, so often over all
//! nodes and over a restart; one that proves nothing, for each address and node.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::limits::Sender;
use crate::limits::leases::Known;
use crate::store::StoreError;
use crate::store::client_requests::{self, Share};

/// Counts a token request; else when to come back.
pub async fn admit(app: &App, sender: Sender<'_>) -> Result<Result<(), Duration>, StoreError> {
    if !app.config.rate_limits.enabled {
        return Ok(Ok(()));
    }
    match sender {
        Sender::Public(client_id, address) => Ok(app.limits.public(client_id, address)),
        Sender::Proven(client_id) => proven(app, client_id).await,
    }
}

async fn proven(app: &App, client_id: &str) -> Result<Result<(), Duration>, StoreError> {
    let a_minute = app.config.rate_limits.token_per_minute;
    let shared = app.limits.leases.of(client_id);
    let gone = || StoreError::Unavailable("a token request found no database".into());
    let mut lease = shared.turn().await.ok_or_else(gone)?;
    let now = app.clock.now();
    let wanted = match lease.use_up(a_minute, now) {
        Known::Within => return Ok(Ok(())),
        Known::Beyond(wait) => return Ok(Err(wait)),
        Known::Take(wanted) => wanted,
    };
    let taken = take(app, client_id, wanted, now).await;
    let share = taken.inspect_err(|_| shared.failed())?;
    Ok(match share {
        Share::Taken(many) => {
            // The write may have taken a while.
            lease.taken(many, app.clock.now());
            Ok(())
        }
        Share::Spent(wait) => {
            lease.spent(wait, now);
            Err(wait)
        }
    })
}

async fn take(
    app: &App,
    client_id: &str,
    wanted: u32,
    now: Timestamp,
) -> Result<Share, StoreError> {
    let a_minute = app.config.rate_limits.token_per_minute;
    let mut db = app.store.write().await?;
    let share = client_requests::take(&mut db, client_id, wanted, a_minute, now).await?;
    db.commit().await?;
    Ok(share)
}
