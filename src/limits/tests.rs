//! The limits by themselves.

use std::net::Ipv4Addr;

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
fn a_client_has_its_requests_a_minute() {
    let (limits, clock) = limits(60);
    for request in 0..60 {
        assert_eq!(limits.request(Sender::Proven("web")), Ok(()), "request {request}");
    }
    let refused = limits.request(Sender::Proven("web"));
    assert!(refused.is_err_and(|later| later <= Duration::from_secs(1)));
    assert_eq!(limits.request(Sender::Proven("other")), Ok(()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(limits.request(Sender::Proven("web")), Ok(()));
}

#[test]
fn what_an_address_asks_in_the_name_of_a_public_client_counts_there_alone() {
    let (limits, _) = limits(60);
    for _ in 0..60 {
        assert_eq!(limits.request(Sender::Public("spa", HERE)), Ok(()));
    }
    assert!(limits.request(Sender::Public("spa", HERE)).is_err());
    assert_eq!(limits.request(Sender::Public("spa", THERE)), Ok(()));
    assert_eq!(limits.request(Sender::Public("native", HERE)), Ok(()));
}

#[test]
fn a_clock_that_is_set_back_shuts_nobody_out() {
    let (limits, clock) = limits(60);
    for away in [86_400_000, -86_400_000, -3_600_000] {
        if let Clock::Manual(at) = &clock {
            at.fetch_add(away, std::sync::atomic::Ordering::SeqCst);
        }
        for _ in 0..10 {
            assert_eq!(limits.request(Sender::Proven("web")), Ok(()), "{away}");
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
