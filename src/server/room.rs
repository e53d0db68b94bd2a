//! How many requests are in progress at a time, whatever the number of connections: each may bring
//! a body, and HTTP/2 brings many requests on one connection.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::crowd::Crowd;
use crate::telemetry::Metrics;

/// The places for requests of one listener.
#[derive(Clone)]
pub(super) struct Room {
    places: Arc<Semaphore>,
    crowd: Arc<Crowd>,
}

impl Room {
    /// So many places; `crowd` knows whose slowness takes them up.
    pub(super) fn new(places: usize, crowd: &Arc<Crowd>) -> Self {
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places, crowd: Arc::clone(crowd) }
    }

    /// A place for one request. Where there is none, nobody waits for one, because who waits takes
    /// up memory as well; and the client that has kept us waiting longest makes room for the next.
    pub(super) fn enter(&self, metrics: &Metrics) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() && self.crowd.make_room() {
            metrics.count("displaced_connections");
        }
        place.map(|permit| Place { _permit: Arc::new(permit) })
    }
}

/// The place of one request, until its answer was written. The task that answers it holds it as well,
/// which goes on when the client has gone: or who begins requests only to break them off would have more of them than there is
/// room for.
#[derive(Clone)]
pub(super) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}
