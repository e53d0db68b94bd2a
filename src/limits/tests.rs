//! The limits by themselves.

use std::net::Ipv4Addr;

use futures_util::FutureExt;

use super::gate::MOST;
use super::*;
use crate::clock::Timestamp;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

fn limits(token_per_minute: u32) -> (ProgramLimits, Clock) {
    let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
    let config = RateLimits { token_per_minute, unproven_per_minute: 600, ..RateLimits::default() };
    (ProgramLimits::new(&config, &clock, &Random::seeded(1)), clock)
}

#[test]
fn a_lease_grows_with_what_a_client_asks_and_no_further() {
    let mut now = Timestamp::from_seconds(1_800_000_000);
    let mut lease = leases::Lease::default();
    let mut taken = Vec::new();
    // Ten a second for a minute, of six hundred a minute.
    for _ in 0..600 {
        if let leases::Known::Take(many) = lease.use_up(600, now) {
            taken.push(many);
            lease.taken(many, now);
        }
        now = now + Duration::from_millis(100);
    }
    assert_eq!(taken[..6], [1, 2, 4, 8, 16, 30]);
    assert!(taken[6..].iter().all(|many| *many == 30), "{taken:?}");
    // One in five seconds: what it takes in ten seconds is enough.
    taken.clear();
    for _ in 0..20 {
        if let leases::Known::Take(many) = lease.use_up(600, now) {
            taken.push(many);
            lease.taken(many, now);
        }
        now = now + Duration::from_secs(5);
    }
    assert!(taken[2..].iter().all(|many| *many <= 2), "{taken:?}");
}

#[test]
fn what_is_spent_is_not_asked_for_again() {
    let (limits, clock) = limits(60);
    let mut lease = leases::Lease::default();
    drop(limits.leases.of("web"));
    let now = clock.now();
    lease.spent(Duration::from_secs(1), now);
    let again = |lease: &mut leases::Lease, after| lease.use_up(60, now + after);
    assert_eq!(again(&mut lease, Duration::ZERO), leases::Known::Beyond(Duration::from_secs(1)));
    assert_eq!(again(&mut lease, Duration::from_secs(1)), leases::Known::Take(1));
    // A clock that is set back by a day makes nobody wait for one.
    lease.spent(Duration::from_secs(1), now + Duration::from_hours(24));
    assert_eq!(again(&mut lease, Duration::ZERO), leases::Known::Take(1));
    assert_eq!(limits.leases.remembered(), 1);
    clock.advance(Duration::from_hours(25));
    limits.tidy();
    assert_eq!(limits.leases.remembered(), 0);
}

#[test]
fn what_an_address_asks_in_the_name_of_a_public_client_counts_there_alone() {
    let (limits, _) = limits(60);
    for _ in 0..60 {
        assert_eq!(limits.public("spa", HERE), Ok(()));
    }
    assert!(limits.public("spa", HERE).is_err());
    assert_eq!(limits.public("spa", THERE), Ok(()));
    assert_eq!(limits.public("native", HERE), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_shuts_nobody_out() {
    let (limits, clock) = limits(60);
    for away in [86_400_000, -86_400_000, -3_600_000] {
        if let Clock::Manual(at) = &clock {
            at.fetch_add(away, std::sync::atomic::Ordering::SeqCst);
        }
        for _ in 0..10 {
            assert_eq!(limits.public("web", HERE), Ok(()), "{away}");
        }
    }
}

#[test]
fn what_is_closed_is_so_for_one_address_and_a_time() {
    let (limits, clock) = limits(60);
    let now = clock.now();
    assert!(limits.closed.is_to_be_read(now));
    assert!(!limits.closed.is_to_be_read(now), "once a second is often enough");
    let until = now + Duration::from_mins(1);
    limits.closed.learn([("web", "192.0.2.1", until)], now);
    assert_eq!(limits.closed.listen("web", HERE, now), Err(Duration::from_mins(1)));
    assert_eq!(limits.closed.listen("web", THERE, now), Ok(()));
    assert_eq!(limits.closed.listen("other", HERE, now), Ok(()));
    assert_eq!(limits.closed.listen("web", HERE, until), Ok(()));
    assert!(limits.closed.is_to_be_read(until));
    limits.closed.learn([], until);
    assert_eq!(limits.closed.remembered(), 0, "what is over is forgotten");
    let many: Vec<_> = (0..20_000).map(|number| format!("client {number}")).collect();
    limits.closed.learn(many.iter().map(|id| (id.as_str(), "192.0.2.1", until)), now);
    assert_eq!(limits.closed.remembered(), closed::MOST_CLOSED);
}

#[test]
fn a_crowd_fills_the_memory_up_to_its_bound_and_shuts_nobody_out_who_is_there() {
    let (limits, clock) = limits(600);
    assert_eq!(limits.unproven(HERE), Ok(()));
    let mut refused = 0;
    for number in 0..200_000_u32 {
        refused += u32::from(limits.unproven(IpAddr::V4(number.into())).is_err());
    }
    for remembered in limits.remembered() {
        // Of those who share their places there are a thousand more.
        assert!(remembered <= MOST + 1024, "{remembered}");
    }
    assert!(limits.remembered().into_iter().any(|remembered| remembered > MOST * 9 / 10));
    assert_eq!(refused, 0, "a hundred for each shared place are within the limit");
    // Who came first has what is theirs.
    for _ in 0..599 {
        assert_eq!(limits.unproven(HERE), Ok(()));
    }
    assert!(limits.unproven(HERE).is_err());
    // Who has none of their own is limited all the same.
    let latecomer = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    assert!((0..601).any(|_| limits.unproven(latecomer).is_err()));
    // As soon as others have gone there is room again, without anybody tidying up.
    clock.advance(Duration::from_mins(2));
    for _ in 0..600 {
        assert_eq!(limits.unproven(latecomer), Ok(()));
    }
    limits.tidy();
    assert!(limits.remembered().iter().sum::<usize>() <= 2, "{:?}", limits.remembered());
}

#[tokio::test]
async fn who_waited_for_one_that_found_no_database_does_not_try_again() {
    let (limits, _) = limits(60);
    let shared = limits.leases.of("web");
    let first = shared.turn().await.expect("nobody was before");
    let mut waiting = Box::pin(shared.turn());
    assert!((&mut waiting).now_or_never().is_none(), "one at a time");
    shared.failed();
    drop(first);
    assert!(waiting.await.is_none());
    assert!(shared.turn().await.is_some(), "who comes later tries");
}
