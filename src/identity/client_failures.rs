//! When guessing a client's secret ends: for the address that guesses, on every node and over a
//! restart. The client itself goes on elsewhere.

use std::net::IpAddr;
use std::time::Duration;

use crate::app::App;
use crate::store::StoreError;
use crate::store::client_failures::{self, Bounds};

/// Wrong secrets of one client from one address within [`WINDOW`]; one more closes the way.
const FAILURES: i64 = 30;
/// How long a wrong secret counts.
const WINDOW: Duration = Duration::from_mins(1);
/// How long the address is then turned away.
const CLOSED_FOR: Duration = Duration::from_mins(1);
/// The most that a node reads of what is closed.
const MOST_READ: i64 = 5000;

/// Whether wrong secrets of this client come from this address so often that it is not even
/// listened to; then when to come back. Once a second a node asks the database what is closed: no
/// request of a client whose secret is right costs a question of its own, nor a write.
pub async fn listen(
    app: &App,
    client_id: &str,
    address: IpAddr,
) -> Result<Result<(), Duration>, StoreError> {
    if !app.config.rate_limits.enabled {
        return Ok(Ok(()));
    }
    let now = app.clock.now();
    let closed = &app.limits.closed;
    if closed.is_to_be_read(now) {
        let mut db = app.store.read().await?;
        let read = client_failures::list_closed(&mut db, now, MOST_READ).await?;
        let pairs = read.iter();
        closed.learn(
            pairs.map(|one| (one.client_id.as_str(), one.address.as_str(), one.closed_until)),
            now,
        );
    }
    Ok(closed.listen(client_id, address, now))
}

/// Counts a wrong secret. Names that no client has are not counted: there is nothing to guess.
pub async fn failed(app: &App, client_id: &str, address: IpAddr) -> Result<(), StoreError> {
    if !app.config.rate_limits.enabled {
        return Ok(());
    }
    let now = app.clock.now();
    let bounds =
        Bounds { failures: FAILURES, window_from: now - WINDOW, closed_until: now + CLOSED_FOR };
    let address = address.to_string();
    if app.store.live().await?.client(client_id).await?.is_none() {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    let until = client_failures::count(&mut db, (client_id, &address), bounds, now).await?;
    db.commit().await?;
    if let Some(until) = until {
        app.limits.closed.learn([(client_id, address.as_str(), until)], now);
    }
    Ok(())
}
