//! How often a client may ask at the endpoints for programs: what a node knows of it, in memory of
//! bounded size, by the injected clock. The meters of the pages' limits are here as well.

pub mod closed;
pub mod gate;
pub mod leases;
pub mod meter;

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::RateLimits;
use crate::secret::Random;
use closed::Closed;
use leases::Leases;
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
    clock: Clock,
    public: Meter<Time>,
    unproven: Meter<Time>,
    /// From where clients are not listened to, having sent too many wrong secrets.
    pub closed: Closed,
    /// What this node has taken of the limits that clients have over all nodes.
    pub leases: Leases,
}

impl ProgramLimits {
    /// The limits that the operator chose; zero requests a minute count as one.
    #[must_use]
    pub fn new(config: &RateLimits, clock: &Clock, random: &Random) -> Self {
        let time = Time::new(clock);
        Self {
            enabled: config.enabled,
            clock: clock.clone(),
            public: per_minute(config.token_per_minute, &time, random),
            unproven: per_minute(config.unproven_per_minute, &time, random),
            closed: Closed::new(random),
            leases: Leases::new(random),
        }
    }

    /// Counts a token request of a client that proves nothing, from this address; else when to come
    /// back.
    pub fn public(&self, client_id: &str, address: IpAddr) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        self.public.take(&[client_id.as_bytes(), address.to_string().as_bytes()])
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
        self.public.tidy();
        self.unproven.tidy();
        self.leases.tidy(self.clock.now());
    }

    /// How many callers are remembered in each of the memories.
    #[must_use]
    pub fn remembered(&self) -> Vec<usize> {
        let meters = [self.public.remembered(), self.unproven.remembered()];
        let counts = meters.into_iter().flat_map(|(seen, counted)| [seen, counted]);
        counts.chain([self.closed.remembered(), self.leases.remembered()]).collect()
    }
}

#[cfg(test)]
mod tests;
