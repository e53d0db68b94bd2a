//! The open connections of a listener: when there is room for no more, who keeps us waiting
//! longest makes room.
//!
//! Otherwise some thousand slow clients would hold every place until their time is over, and
//! everybody else would wait outside that long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::Activity;

/// Nobody has to go who has not kept us waiting for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is here.
#[derive(Debug, Default)]
pub(super) struct Crowd(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Arc<Activity>>,
}

impl Crowd {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more is here, until the guard is dropped.
    pub(super) fn join(self: &Arc<Self>, activity: Arc<Activity>) -> Member {
        let mut places = self.places();
        let number = places.next;
        places.next += 1;
        places.taken.insert(number, activity);
        Member { crowd: Arc::clone(self), number }
    }

    /// Sends away the one that has kept us waiting longest; whether there was one.
    pub(super) fn make_room(&self) -> bool {
        let places = self.places();
        let waiting = places.taken.values().filter(|activity| !activity.is_sent_away());
        let slowest = waiting
            .map(|activity| (activity.waiting_for(), activity))
            .max_by_key(|(waiting, _)| *waiting);
        match slowest {
            Some((waiting, activity)) if waiting >= PATIENCE => {
                activity.send_away();
                true
            }
            _ => false,
        }
    }
}

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Member {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.places().taken.remove(&self.number);
    }
}
