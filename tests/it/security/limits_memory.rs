//! However many ask, the memory of who asked stays small.

use std::net::{IpAddr, Ipv4Addr};

use latchkey::clock::Clock;
use latchkey::config::RateLimits;
use latchkey::limits::ProgramLimits;
use latchkey::limits::gate::MOST;
use latchkey::secret::Random;
use latchkey::web::rate_limit::{AddressLimits, Class};

use crate::support::START;

/// What an entry takes in a hash table: a key of 16 bytes, eight of what is counted, one of the
/// table's own.
const ENTRY: usize = 16 + 8 + 1;

/// What a table of so many entries takes: its size is a power of two, at most 7/8 of it is used.
fn bytes(entries: usize) -> usize {
    (entries * 8 / 7).next_power_of_two() * ENTRY
}

#[test]
fn a_million_callers_are_remembered_within_64_mib() {
    let config = RateLimits::default();
    let programs = ProgramLimits::new(&config, &Clock::manual(START), &Random::seeded(1));
    let pages = AddressLimits::new(&config, &Random::seeded(2));
    let classes = [Class::SignIn, Class::Recovery, Class::Authorize, Class::Form];
    let mut callers = 0;
    for number in 0..170_000_u32 {
        let address = IpAddr::V4(Ipv4Addr::from(number));
        for class in classes {
            let _ = pages.take(class, address);
        }
        let _ = programs.public("spa", address);
        let _ = programs.leases.of(&format!("client {number}"));
        let _ = programs.unproven(address);
        callers += classes.len() + 2;
    }
    assert!(callers >= 1_000_000);
    let remembered = [programs.remembered(), pages.remembered()].concat();
    for entries in &remembered {
        // A thousand places more are shared by those for whom there is none of their own.
        assert!(*entries <= MOST + 1024, "{remembered:?}");
    }
    // People whose browsers are known are remembered, too: as if there were as many.
    let whole: usize = remembered.iter().map(|entries| bytes((*entries).max(MOST))).sum();
    assert!(whole <= 64 * 1024 * 1024, "{whole} bytes: {remembered:?}");
}
