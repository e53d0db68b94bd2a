//! Whether a core is kept free of hashes now: while programs get tokens and ask about them.
//!
//! With a hash on each core whatever is short waits for one, low priority or not: for the end of a
//! slice, or for the memory that hashes keep busy. While no program asks, there is nothing to wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a core is kept free after a program was answered.
const LENGTH: Duration = Duration::from_secs(1);

/// Until when a core is kept free.
#[derive(Debug)]
pub(super) struct FreeCore {
    begun: Instant,
    length: Duration,
    /// In milliseconds from `begun`.
    until: AtomicU64,
}

impl Default for FreeCore {
    fn default() -> Self {
        Self::lasting(LENGTH)
    }
}

impl FreeCore {
    /// One that is kept so long each time.
    pub(super) fn lasting(length: Duration) -> Self {
        Self { begun: Instant::now(), length, until: AtomicU64::new(0) }
    }

    /// Keeps a core free from now on.
    pub(super) fn keep(&self) {
        let until = (self.begun.elapsed() + self.length).as_millis();
        self.until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it is kept free.
    pub(super) fn is_kept(&self) -> bool {
        self.begun.elapsed().as_millis() < u128::from(self.until.load(Ordering::Relaxed))
    }
}
