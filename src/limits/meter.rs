//! One limit: so many requests a caller and time, in memory of bounded size.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::gate::{Gate, Key};
use crate::clock::{Clock, Timestamp};
use crate::secret::Random;

/// What counts for each key.
pub type Limiter<C> =
    RateLimiter<Key, DashMapStateStore<Key>, C, NoOpMiddleware<<C as GovernorClock>::Instant>>;

/// A limit, by the clock `C`.
pub struct Meter<C: GovernorClock> {
    gate: Arc<Gate>,
    limiter: Arc<Limiter<C>>,
}

impl<C: GovernorClock> Clone for Meter<C> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate), limiter: Arc::clone(&self.limiter) }
    }
}

impl<C: GovernorClock> fmt::Debug for Meter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl<C: GovernorClock> Meter<C> {
    /// The limit of `limiter`, for those whom `gate` lets in.
    pub fn new(gate: Arc<Gate>, limiter: Arc<Limiter<C>>) -> Self {
        Self { gate, limiter }
    }

    /// Counts a request of the caller who is known by these parts; else when to come back.
    pub fn take(&self, parts: &[&[u8]]) -> Result<(), Duration> {
        self.count(self.gate.admit(parts))
    }

    /// The same for a caller who has a key.
    pub fn count(&self, key: Key) -> Result<(), Duration> {
        let counted = self.limiter.check_key(&key);
        counted.map_err(|later| later.wait_time_from(self.limiter.clock().now()))
    }

    /// Forgets who has not asked for a while, so that memory follows traffic and not history.
    pub fn tidy(&self) {
        self.gate.tidy();
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    /// How many callers are remembered: in the gate, and in the counts.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        (self.gate.remembered(), self.limiter.len())
    }
}

/// The injected clock as the library reads it: how much time has passed. What a clock is set back
/// by has not passed, or everybody would be turned away until it is where it was.
#[derive(Clone, Debug)]
pub struct Time {
    clock: Clock,
    passed: Arc<Mutex<(Timestamp, Duration)>>,
}

impl Time {
    pub(super) fn new(clock: &Clock) -> Self {
        let passed = Arc::new(Mutex::new((clock.now(), Duration::ZERO)));
        Self { clock: clock.clone(), passed }
    }
}

impl GovernorClock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let mut seen = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let (last, passed) = *seen;
        *seen = (now, passed + now.since(last));
        seen.1
    }
}

/// So many requests a minute, by the injected clock.
pub(super) fn per_minute(a_minute: u32, time: &Time, random: &Random) -> Meter<Time> {
    let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
    let limiter = RateLimiter::new(quota, DashMapStateStore::default(), time.clone());
    let passed = time.clone();
    let gate = Gate::new(random, Duration::from_mins(1), move || passed.now());
    Meter::new(Arc::new(gate), Arc::new(limiter))
}
