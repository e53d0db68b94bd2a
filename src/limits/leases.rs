//! Requests that a node has taken of its clients' limits in the database, several at once, so that a
//! busy client costs a write now and then and not one each time.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gate::{Key, Keys};
use crate::clock::Timestamp;
use crate::secret::Random;

/// How long what was taken may be used up: what is left of it then is lost to the client.
const LASTS: Duration = Duration::from_secs(10);
/// A node takes this part of a minute's requests at once at most: what is lost with a node, or on
/// another that the client has left, is small.
const PART: u32 = 20;
/// How long a caller waits for another one to take more of the database.
const LONGEST_TURN: Duration = Duration::from_secs(3);
/// The clients that something is kept for: some 4 MB.
pub const MOST_CLIENTS: usize = 20_000;

/// What a node has of one client's limit.
#[derive(Debug, Default)]
pub struct Lease {
    /// Requests that are left.
    left: u32,
    /// How many there were.
    taken: u32,
    /// Until when they can be used up.
    until: Timestamp,
    /// Until when the database needs not be asked again: it said that there are none.
    spent_until: Option<Timestamp>,
}

/// What comes of a request, as far as the node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is within the limit.
    Within,
    /// It is beyond; come back after this time.
    Beyond(Duration),
    /// Take so many of the database, and one of them.
    Take(u32),
}

impl Lease {
    /// Counts a request if there is one left.
    pub fn use_up(&mut self, a_minute: u32, now: Timestamp) -> Known {
        if let Some(until) = self.spent_until.filter(|until| now < *until) {
            // A clock that was set back must not make anybody wait longer than a limit can last.
            let wait = until.since(now);
            if wait <= Duration::from_mins(1) {
                return Known::Beyond(wait);
            }
        }
        let is_open = now < self.until && self.until.since(now) <= LASTS;
        if self.left > 0 && is_open {
            self.left -= 1;
            return Known::Within;
        }
        let most = (a_minute / PART).max(1);
        // Twice as many where they were too few for the time, and as many as were used where they
        // were too many.
        let next = if self.left == 0 && is_open {
            self.taken.saturating_mul(2)
        } else {
            self.taken - self.left
        };
        Known::Take(next.clamp(1, most))
    }

    /// So many were taken, and one of them is used up.
    pub fn taken(&mut self, many: u32, now: Timestamp) {
        *self = Self {
            left: many.saturating_sub(1),
            taken: many,
            until: now + LASTS,
            spent_until: None,
        };
    }

    /// There were none, and there are none for this time.
    pub fn spent(&mut self, wait: Duration, now: Timestamp) {
        *self = Self { spent_until: Some(now + wait), ..Self::default() };
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let is_past = |until: Timestamp| until <= now || until.since(now) > Duration::from_mins(1);
        is_past(self.until) && self.spent_until.is_none_or(is_past)
    }
}

/// A lease, for one caller at a time: who takes more of the database has others wait, and they find
/// what was taken.
#[derive(Debug, Default)]
pub struct Shared {
    lease: tokio::sync::Mutex<Lease>,
    failures: AtomicU64,
}

impl Shared {
    /// The lease, as soon as it is this caller's turn. `None` where whom this caller waited for
    /// found the database gone, or waits for it too long: nobody else of those who waited tries that
    /// as well, one after the other.
    pub async fn turn(&self) -> Option<tokio::sync::MutexGuard<'_, Lease>> {
        let before = self.failures.load(Ordering::Acquire);
        let lease = tokio::time::timeout(LONGEST_TURN, self.lease.lock()).await.ok()?;
        (self.failures.load(Ordering::Acquire) == before).then_some(lease)
    }

    /// The database was gone; the caller has its turn still.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::AcqRel);
    }
}

/// What one node has of its clients' limits.
pub struct Leases {
    /// Entries are of one size, whatever a client is called.
    keys: Keys,
    leases: Mutex<HashMap<Key, Arc<Shared>>>,
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").field("remembered", &self.remembered()).finish_non_exhaustive()
    }
}

impl Leases {
    pub(super) fn new(random: &Random) -> Self {
        Self { keys: Keys::new(random), leases: Mutex::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Arc<Shared>>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is for this client. Where there is no room for more clients, one takes each request
    /// by itself.
    pub fn of(&self, client_id: &str) -> Arc<Shared> {
        let key = self.keys.of(&[client_id.as_bytes()]);
        let mut all = self.all();
        if let Some(lease) = all.get(&key) {
            return Arc::clone(lease);
        }
        let lease = Arc::default();
        if all.len() < MOST_CLIENTS {
            all.insert(key, Arc::clone(&lease));
        }
        lease
    }

    /// Forgets what is over.
    pub(super) fn tidy(&self, now: Timestamp) {
        let mut all = self.all();
        all.retain(|_, lease| {
            // Who holds it is just using it.
            let in_use = || lease.lease.try_lock().is_ok_and(|lease| !lease.is_over(now));
            Arc::strong_count(lease) > 1 || in_use()
        });
        all.shrink_to(64);
    }

    /// For how many clients something is kept.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.all().len()
    }
}
