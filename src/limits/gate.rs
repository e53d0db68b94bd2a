//! What the limits remember callers by, and how many: whatever strangers make up, an entry is of one
//! small size, and there are never more than so many.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::secret::Random;

/// The callers that one limit remembers at most. Beyond that new ones share what is left.
pub const MOST: usize = 100_000;
/// The places that callers share for whom there is none of their own: so many that one of them
/// shuts out few others.
const SHARED: u16 = 1024;
/// Parts of the memory that are locked apart.
const SHARDS: usize = 16;

/// A caller: 128 bits of a hash that nobody outside can compute, so that nobody chooses whom to
/// share a place with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// The place that it shares with others.
    fn shared(self) -> Self {
        let [first, second, ..] = self.0;
        let place = u16::from_be_bytes([first, second]) % SHARED;
        Self(u128::from(place).to_be_bytes())
    }
}

#[derive(Default)]
struct Shard {
    /// When each was here last, in seconds.
    seen: HashMap<Key, u32>,
    /// When those were last forgotten that have gone.
    tidied: u32,
}

impl Shard {
    fn forget(&mut self, before: u32) {
        self.seen.retain(|_, at| *at >= before);
    }
}

/// Gives callers their keys.
pub struct Keys(hmac::Key);

impl Keys {
    /// Keys that no other instance gives.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random.bytes::<32>()))
    }

    /// The key of a caller, who is known by these parts.
    #[must_use]
    pub fn of(&self, parts: &[&[u8]]) -> Key {
        let mut mac = hmac::Context::with_key(&self.0);
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        let mut key = [0; 16];
        for (byte, from) in key.iter_mut().zip(mac.sign().as_ref()) {
            *byte = *from;
        }
        Key(key)
    }
}

/// Remembers which callers have a key of their own.
pub struct Gate {
    keys: Keys,
    /// After so many seconds a caller who has gone has everything that is allowed again.
    keep: u32,
    now: Box<dyn Fn() -> Duration + Send + Sync>,
    shards: [Mutex<Shard>; SHARDS],
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("remembered", &self.remembered()).finish_non_exhaustive()
    }
}

impl Gate {
    /// One that remembers each caller for `keep` by the clock `now`, which tells how much time has
    /// passed.
    #[must_use]
    pub fn new(
        random: &Random,
        keep: Duration,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self {
            keys: Keys::new(random),
            keep: seconds(keep),
            now: Box::new(now),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The key of a caller, who is known by these parts. Who has one keeps it, however many others
    /// come.
    #[must_use]
    pub fn admit(&self, parts: &[&[u8]]) -> Key {
        let key = self.keys.of(parts);
        let now = seconds((self.now)());
        let Some(mut shard) = self.shard(key) else { return key.shared() };
        if let Some(at) = shard.seen.get_mut(&key) {
            *at = now;
            return key;
        }
        if shard.seen.len() >= MOST / SHARDS && shard.tidied < now {
            shard.tidied = now;
            shard.forget(now.saturating_sub(self.keep));
        }
        if shard.seen.len() >= MOST / SHARDS {
            return key.shared();
        }
        shard.seen.insert(key, now);
        key
    }

    fn shard(&self, Key([.., last]): Key) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(usize::from(last) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets who has gone.
    pub fn tidy(&self) {
        let now = seconds((self.now)());
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.tidied = now;
            shard.forget(now.saturating_sub(self.keep));
            shard.seen.shrink_to_fit();
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let lock =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).seen.len();
        self.shards.iter().map(lock).sum()
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
