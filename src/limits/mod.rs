//! How often a client may ask at the endpoints for programs: counted on each node, in memory of
//! bounded size, by the injected clock. The meters of the pages' limits are here as well.

pub mod closed;
pub mod gate;
pub mod meter;

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::RateLimits;
use crate::secret::Random;
use closed::Closed;
use meter::{Meter, Time, per_minute};

/// Who sends a token request, as far as that is proven.
#[derive(Clone, Copy, Debug)]
pub enum Sender<'a> {
    /// A client that has proven who it is.
    Proven(&'a str),
    /// A client that proves nothing, from this address: anybody can call themselves that, so what
    /// one address does must not count against another.
    Public(&'a str, IpAddr),
}

/// The limits of one node.
#[derive(Debug)]
pub struct ProgramLimits {
    enabled: bool,
    requests: Meter<Time>,
    unproven: Meter<Time>,
    /// From where clients are not listened to, having sent too many wrong secrets.
    pub closed: Closed,
}

impl ProgramLimits {
    /// The limits that the operator chose; zero requests a minute count as one.
    #[must_use]
    pub fn new(config: &RateLimits, clock: &Clock, random: &Random) -> Self {
        let time = Time::new(clock);
        Self {
            enabled: config.enabled,
            requests: per_minute(config.token_per_minute, &time, random),
            unproven: per_minute(config.unproven_per_minute, &time, random),
            closed: Closed::new(random),
        }
    }

    /// Counts a token request; else when to come back.
    pub fn request(&self, sender: Sender<'_>) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        match sender {
            Sender::Proven(client_id) => self.requests.take(&[client_id.as_bytes()]),
            Sender::Public(client_id, address) => {
                self.requests.take(&[client_id.as_bytes(), address.to_string().as_bytes()])
            }
        }
    }

    /// Counts a request from this address that proves nothing, or whose proof is wrong; else when to
    /// come back. Who proves who they are does not meet this limit.
    pub fn unproven(&self, address: IpAddr) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        self.unproven.take(&[address.to_string().as_bytes()])
    }

    /// Forgets who has not asked for a while.
    pub fn tidy(&self) {
        self.requests.tidy();
        self.unproven.tidy();
    }

    /// How many callers are remembered in each of the memories.
    #[must_use]
    pub fn remembered(&self) -> Vec<usize> {
        let meters = [self.requests.remembered(), self.unproven.remembered()];
        let counts = meters.into_iter().flat_map(|(seen, counted)| [seen, counted]);
        counts.chain([self.closed.remembered()]).collect()
    }
}

#[cfg(test)]
mod tests;
