//! From where clients are not listened to for a while. The database knows; each node keeps at hand
//! what it read there a moment ago, so that a client whose secret is right costs no question.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::gate::{Key, Keys};
use crate::clock::Timestamp;
use crate::secret::Random;

/// The most pairs of client and address that are kept at hand.
pub const MOST_CLOSED: usize = 10_000;
/// How long what was read counts: so late another node may know.
const READ_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Known {
    read_at: Option<Timestamp>,
    until: HashMap<Key, Timestamp>,
}

/// What one node knows.
pub struct Closed {
    /// Entries are of one size, whatever a client is called.
    keys: Keys,
    known: RwLock<Known>,
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("remembered", &self.remembered()).finish_non_exhaustive()
    }
}

impl Closed {
    pub(super) fn new(random: &Random) -> Self {
        Self { keys: Keys::new(random), known: RwLock::default() }
    }

    fn reading(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, client_id: &str, address: &str) -> Key {
        self.keys.of(&[client_id.as_bytes(), address.as_bytes()])
    }

    /// Whether the database is to be read again; of racing callers one is told so.
    pub fn is_to_be_read(&self, now: Timestamp) -> bool {
        let due =
            |known: &Known| known.read_at.is_none_or(|at| now < at || now.since(at) >= READ_EVERY);
        if !due(&self.reading()) {
            return false;
        }
        let mut known = self.writing();
        let is_due = due(&known);
        if is_due {
            known.read_at = Some(now);
        }
        is_due
    }

    /// Takes over what was read, or what was just closed here; what is over is forgotten.
    pub fn learn<'a>(
        &self,
        closed: impl IntoIterator<Item = (&'a str, &'a str, Timestamp)>,
        now: Timestamp,
    ) {
        let closed = closed.into_iter().take(MOST_CLOSED);
        let closed: Vec<_> = closed.map(|(id, from, until)| (self.key(id, from), until)).collect();
        let mut known = self.writing();
        known.until.retain(|_, until| now < *until);
        for (key, until) in closed {
            if known.until.len() >= MOST_CLOSED {
                break;
            }
            known.until.insert(key, until);
        }
        known.until.shrink_to(64);
    }

    /// Whether this client is listened to from this address; else when to come back. The client
    /// itself goes on elsewhere.
    pub fn listen(&self, client_id: &str, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let known = self.reading();
        // In the usual case nobody is turned away, and nothing is to be looked up.
        if known.until.is_empty() {
            return Ok(());
        }
        match known.until.get(&self.key(client_id, &address.to_string())) {
            Some(until) if now < *until => Err(until.since(now)),
            _ => Ok(()),
        }
    }

    /// How many are kept at hand.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.reading().until.len()
    }
}
