//! How long hashes keep a processor of this machine: one with older parameters shall take as long as
//! one of today's, and what passes and memory cost differs by how much of it a processor keeps near.
//!
//! It is the time of the thread, not of the wall: else whoever floods the machine would make hashes
//! look slow, and those with older parameters wait for it long after.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use argon2::Params;

/// So many of a kind are remembered, the latest.
const KEPT: usize = 31;
/// So many kinds of parameters are told apart.
const KINDS: usize = 16;

/// What makes hashes alike: memory in KiB, passes, lanes (RFC 9106 §3.1).
pub(super) type Shape = (u32, u32, u32);

/// The shape of such a hash.
pub(super) fn shape(params: &Params) -> Shape {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

/// How long this thread has kept a processor busy so far; where the system does not tell, how long
/// the program has run.
pub(super) fn spent() -> Duration {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::sync::LazyLock;
        use std::time::Instant;
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGUN.elapsed()
    }
}

/// How long the latest hashes of each shape took.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<Shape, VecDeque<Duration>>>);

impl Paces {
    /// Notes that a hash of this shape took so long; says by how much those of `today` usually
    /// take longer.
    pub(super) fn lag(&self, shape: Shape, today: Shape, took: Duration) -> Duration {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() < KINDS || paces.contains_key(&shape) || shape == today {
            let latest = paces.entry(shape).or_default();
            latest.truncate(KEPT - 1);
            latest.push_front(took);
        }
        // Both are looked up whatever the shape is: this, too, takes the same for everybody.
        let own = usual(paces.get(&shape)).unwrap_or(took);
        usual(paces.get(&today)).unwrap_or_default().saturating_sub(own)
    }
}

/// The median.
fn usual(latest: Option<&VecDeque<Duration>>) -> Option<Duration> {
    let mut sorted: Vec<_> = latest?.iter().copied().collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Shape = (19_456, 2, 1);
    const OLD: Shape = (9216, 4, 1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn who_is_faster_waits_for_what_the_others_usually_take() {
        let paces = Paces::default();
        assert_eq!(paces.lag(OLD, TODAY, ms(18)), ms(0), "nothing is known yet");
        for took in [22, 20, 90, 21, 20] {
            assert_eq!(paces.lag(TODAY, TODAY, ms(took)), ms(0), "those of today wait for nobody");
        }
        assert_eq!(paces.lag(OLD, TODAY, ms(18)), ms(3));
        // One that was held up waits as long as the others: it still takes longer than they do.
        assert_eq!(paces.lag(OLD, TODAY, ms(40)), ms(3));
        assert_eq!(paces.lag((65_536, 3, 1), TODAY, ms(80)), ms(0), "nobody gives time back");
    }

    #[test]
    fn the_latest_count_and_the_kinds_are_bounded() {
        let paces = Paces::default();
        for took in 0..200 {
            paces.lag(TODAY, TODAY, ms(took));
        }
        assert_eq!(paces.lag(OLD, TODAY, ms(100)), ms(84), "of the last 31: 169 to 199");
        for passes in 3..100 {
            assert_eq!(paces.lag((64, passes, 1), TODAY, ms(150)), ms(34), "{passes} passes");
        }
        assert_eq!(paces.0.lock().unwrap().len(), KINDS);
        // Those of today are known whatever came before.
        let tomorrow = (65_536, 3, 1);
        assert_eq!(paces.lag(tomorrow, tomorrow, ms(200)), ms(0));
        assert_eq!(paces.lag(OLD, tomorrow, ms(100)), ms(100));
    }

    #[test]
    fn who_waits_spends_nothing() {
        let begun = spent();
        std::thread::sleep(ms(50));
        assert!(spent().saturating_sub(begun) < ms(40), "a flood would look like slow hashes");
    }
}
