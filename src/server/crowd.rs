//! The open connections of a listener: when there is room for no more, who keeps us waiting
//! longest makes room.
//!
//! Otherwise some thousand slow clients would hold every place until their time is over, and
//! everybody else would wait outside that long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Activity;

/// Nobody has to go who has not kept us waiting for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it is remembered who has kept us waiting: when thousands want in at once, not everybody
/// is looked at for each of them.
const REMEMBERED: Duration = Duration::from_millis(20);

/// Who is here.
#[derive(Debug, Default)]
pub(super) struct Crowd(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Arc<Activity>>,
    /// Who had kept us waiting when everybody was looked at, the longest last.
    slow: Vec<u64>,
    looked: Option<Instant>,
}

impl Places {
    /// Looks at everybody.
    fn look(&mut self, now: Instant) {
        let mut slow: Vec<_> = self
            .taken
            .iter()
            .map(|(number, activity)| (activity.waiting_for(now), *number))
            .filter(|(waiting, _)| *waiting >= PATIENCE)
            .collect();
        slow.sort_unstable();
        self.slow = slow.into_iter().map(|(_, number)| number).collect();
        self.looked = Some(now);
    }

    /// Sends away the slowest of those who are remembered and still keep us waiting.
    fn send_away(&mut self, now: Instant) -> bool {
        while let Some(number) = self.slow.pop() {
            let here = self.taken.get(&number).filter(|activity| !activity.is_sent_away());
            if let Some(activity) = here
                && activity.waiting_for(now) >= PATIENCE
            {
                activity.send_away();
                return true;
            }
        }
        false
    }
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
        self.make_room_at(Instant::now())
    }

    fn make_room_at(&self, now: Instant) -> bool {
        let mut places = self.places();
        if places.looked.is_none_or(|looked| now.duration_since(looked) >= REMEMBERED) {
            places.look(now);
        }
        places.send_away(now)
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

#[cfg(test)]
mod tests {
    use super::*;

    type Here = (Member, Arc<Activity>);

    /// A crowd of connections that were accepted so many milliseconds after an instant, and that
    /// instant so many milliseconds later.
    fn crowd<const N: usize>(ms: [u64; N]) -> (Arc<Crowd>, Vec<Here>, impl Fn(u64) -> Instant) {
        let (crowd, begun) = (Arc::new(Crowd::default()), Instant::now());
        let at = move |ms| begun + Duration::from_millis(ms);
        let here = ms.map(|ms| {
            let activity = Activity::since(at(ms));
            (crowd.join(Arc::clone(&activity)), activity)
        });
        (crowd, here.into(), at)
    }

    /// Who was sent away.
    fn gone(here: &[Here]) -> Vec<bool> {
        here.iter().map(|(_, activity)| activity.is_sent_away()).collect()
    }

    #[test]
    fn the_slowest_go_one_after_the_other() {
        let (crowd, mut here, at) = crowd([0, 100, 200, 300, 400]);
        assert!(!crowd.make_room_at(at(999)), "nobody was that slow");
        // All but the last are later; the second has left, and the third asks for something.
        drop(here.remove(1));
        let _request = here[1].1.begin(false);
        assert!(crowd.make_room_at(at(1350)));
        assert_eq!(gone(&here), [true, false, false, false], "the first");
        assert!(crowd.make_room_at(at(1351)));
        assert_eq!(gone(&here), [true, false, true, false], "the next who is slow");
        assert!(!crowd.make_room_at(at(1399)), "the last has not been slow for a second");
        assert!(crowd.make_room_at(at(1420)));
        assert_eq!(gone(&here), [true, false, true, true]);
        assert!(!crowd.make_room_at(at(9000)), "nobody is sent away twice");
    }

    #[test]
    fn who_is_served_meanwhile_stays() {
        let (crowd, here, at) = crowd([0, 1, 2]);
        assert!(crowd.make_room_at(at(2000)));
        let _request = here[1].1.begin(false);
        assert!(crowd.make_room_at(at(2001)), "the third keeps us waiting");
        assert_eq!(gone(&here), [true, false, true]);
    }

    #[test]
    fn everybody_is_looked_at_once_in_a_while() {
        let (crowd, here, at) = crowd([0, 10, 15]);
        assert!(crowd.make_room_at(at(1005)));
        assert!(!crowd.make_room_at(at(1020)), "who has become slow since is not known yet");
        assert!(crowd.make_room_at(at(1025)) && crowd.make_room_at(at(1026)));
        assert_eq!(gone(&here), [true; 3]);
    }
}
