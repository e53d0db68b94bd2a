//! Which addresses may be called: public ones, and those the operator allowed.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// Names looked up at once: a lookup holds a thread until the system's resolver gives up.
const LOOKUPS: usize = 32;

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 networks that are not public (RFC 6890 and the IANA special-purpose registry).
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

/// Global unicast (RFC 4291 §2.4); everything outside is refused, with it loopback, link-local,
/// unique local, multicast, IPv4-compatible and NAT64 addresses.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// What is special inside it: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// Whether `address` may be called. An IPv4 address in IPv6 clothes counts as itself.
#[must_use]
pub fn may_be_called(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let public = match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address)
                && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    };
    public || allowed.iter().any(|network| network.contains(&address))
}

/// What looks a name up: the system, or what a test puts in its place.
pub type LookUp = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// The addresses of a name, as soon as they are known.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// The system's own way to look a name up.
pub(super) fn by_the_system() -> LookUp {
    Arc::new(|name: String| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            found.map(Iterator::collect)
        })
    })
}

/// Looks names up and hands on only addresses that may be called; the connection is made to those
/// very addresses, so a second answer of the DNS changes nothing.
pub(super) struct CheckedResolver {
    allowed: Arc<[IpNet]>,
    look_up: LookUp,
    lookups: Arc<Semaphore>,
}

impl CheckedResolver {
    pub(super) fn new(allowed: Arc<[IpNet]>, look_up: LookUp) -> Self {
        Self { allowed, look_up, lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

impl fmt::Debug for CheckedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedResolver").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        let permit = Arc::clone(&self.lookups).try_acquire_owned();
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let permit = permit?;
            // The permit goes with the lookup, which outlives a caller that has given up.
            let lookup = tokio::spawn(async move {
                let found = found.await;
                drop(permit);
                found
            });
            let found = lookup.await??;
            // One bad address spoils the name: honest ones do not mix.
            if found.iter().any(|address| !may_be_called(address.ip(), &allowed)) {
                return Err(
                    io::Error::other("the name leads to an address that is not public").into()
                );
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
