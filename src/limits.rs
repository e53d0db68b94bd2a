//! How often a client may ask at the endpoints for programs: counted on each node, in memory of
//! bounded size, by the injected clock.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use crate::clock::{Clock, Timestamp};
use crate::config::RateLimits;

/// Wrong secrets of one client from one address and minute.
const FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// How long that address is then turned away.
const CLOSED_FOR: Duration = Duration::from_mins(1);
/// The most pairs of client and address that are turned away at a time.
const MOST_CLOSED: u64 = 100_000;

/// The injected clock as the library reads it: how much time has passed. What a clock is set back
/// by has not passed, or everybody would be turned away until it is where it was.
#[derive(Clone, Debug)]
struct Time {
    clock: Clock,
    passed: Arc<Mutex<(Timestamp, Duration)>>,
}

impl Time {
    fn new(clock: &Clock) -> Self {
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

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Time, NoOpMiddleware<Duration>>;

fn limiter<K: Clone + Eq + std::hash::Hash>(a_minute: NonZeroU32, time: &Time) -> Limiter<K> {
    RateLimiter::new(Quota::per_minute(a_minute), DashMapStateStore::default(), time.clone())
}

/// The limits of one node.
pub struct ProgramLimits {
    enabled: bool,
    time: Time,
    requests: Limiter<String>,
    failures: Limiter<(String, IpAddr)>,
    closed: Cache<(String, IpAddr), Duration>,
}

impl fmt::Debug for ProgramLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgramLimits").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

impl ProgramLimits {
    /// The limits that the operator chose; zero requests a minute count as one.
    #[must_use]
    pub fn new(config: &RateLimits, clock: &Clock) -> Self {
        let time = Time::new(clock);
        let a_minute = NonZeroU32::new(config.token_per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            enabled: config.enabled,
            requests: limiter(a_minute, &time),
            failures: limiter(FAILURES, &time),
            closed: Cache::new(MOST_CLOSED),
            time,
        }
    }

    /// Counts a token request of a client that has proven who it is; else when to come back.
    pub fn request(&self, client_id: &str) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        self.requests
            .check_key(&client_id.to_owned())
            .map_err(|later| later.wait_time_from(self.time.now()))
    }

    /// Whether wrong secrets of this client come from this address so often that it is not even
    /// listened to; then when to come back. The client itself goes on elsewhere.
    pub fn listen(&self, client_id: &str, address: IpAddr) -> Result<(), Duration> {
        // In the usual case nobody is turned away, and nothing is to be looked up.
        if !self.enabled || self.closed.entry_count() == 0 {
            return Ok(());
        }
        let now = self.time.now();
        match self.closed.get(&(client_id.to_owned(), address)) {
            Some(until) if now < until => Err(until.saturating_sub(now)),
            _ => Ok(()),
        }
    }

    /// Counts a wrong secret.
    pub fn failed(&self, client_id: &str, address: IpAddr) {
        // No client has such an id, and the key must stay small.
        if !self.enabled || client_id.len() > 256 {
            return;
        }
        let key = (client_id.to_owned(), address);
        if self.failures.check_key(&key).is_err() {
            self.closed.insert(key, self.time.now() + CLOSED_FOR);
            self.closed.run_pending_tasks();
        }
    }

    /// Forgets who has not asked for a while, so that memory follows traffic and not history.
    pub fn tidy(&self) {
        self.requests.retain_recent();
        self.failures.retain_recent();
        self.requests.shrink_to_fit();
        self.failures.shrink_to_fit();
    }

    /// How many callers are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.requests.len() + self.failures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn limits(token_per_minute: u32) -> (ProgramLimits, Clock) {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let config = RateLimits { token_per_minute, ..RateLimits::default() };
        (ProgramLimits::new(&config, &clock), clock)
    }

    #[test]
    fn a_client_has_its_requests_a_minute() {
        let (limits, clock) = limits(60);
        for request in 0..60 {
            assert_eq!(limits.request("web"), Ok(()), "request {request}");
        }
        assert!(limits.request("web").is_err_and(|later| later <= Duration::from_secs(1)));
        assert_eq!(limits.request("other"), Ok(()));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.request("web"), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let (limits, clock) = limits(60);
        for away in [86_400_000, -86_400_000, -3_600_000] {
            if let Clock::Manual(at) = &clock {
                at.fetch_add(away, std::sync::atomic::Ordering::SeqCst);
            }
            for _ in 0..10 {
                assert_eq!(limits.request("web"), Ok(()), "{away}");
            }
        }
        for _ in 0..=30 {
            limits.failed("web", HERE);
        }
        assert_eq!(limits.listen("web", HERE), Err(Duration::from_mins(1)));
    }

    #[test]
    fn wrong_secrets_close_one_address_for_one_client() {
        let (limits, clock) = limits(600);
        for _ in 0..30 {
            limits.failed("web", HERE);
            assert_eq!(limits.listen("web", HERE), Ok(()));
        }
        limits.failed("web", HERE);
        assert_eq!(limits.listen("web", HERE), Err(Duration::from_mins(1)));
        assert_eq!(limits.listen("web", THERE), Ok(()));
        assert_eq!(limits.listen("other", HERE), Ok(()));
        clock.advance(Duration::from_mins(1));
        assert_eq!(limits.listen("web", HERE), Ok(()));
    }

    #[test]
    fn a_million_callers_are_forgotten_when_they_are_gone() {
        let (limits, clock) = limits(600);
        for number in 0..1_000_000_u32 {
            limits.failed("web", IpAddr::V4(number.into()));
        }
        assert_eq!(limits.remembered(), 1_000_000);
        clock.advance(Duration::from_mins(2));
        limits.tidy();
        assert_eq!(limits.remembered(), 0);
    }
}
