//! Who is calling, behind which trusted proxies.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use crate::config::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection, as the listener saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The address of who is calling: of the connection, or what a trusted proxy says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address that `request` came from.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let known = request.extensions().get::<Self>().copied();
        known.unwrap_or_else(|| Self(peer(request.extensions())))
    }

    /// What limits are counted by: a customer's line, so the /64 of an IPv6 address.
    #[must_use]
    pub fn rate_limit_key(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// Without the layer [`identify`] it is the connection's address: no header is believed.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().copied();
        Ok(known.unwrap_or_else(|| Self(peer(&parts.extensions))))
    }
}

/// The proxies that are believed.
#[derive(Debug)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedHeader,
    /// Whether it was said that somebody else seems to be one.
    told: AtomicBool,
}

impl Proxies {
    /// Those of these networks, as far as they write this header.
    #[must_use]
    pub fn new(trusted: &[IpNet], header: ForwardedHeader) -> Self {
        Self { trusted: trusted.to_vec(), header, told: AtomicBool::new(false) }
    }

    /// Says once that a neighbour speaks for others and is not believed: most likely a proxy that
    /// the configuration forgot. Strangers from afar may write such headers, too.
    fn tell(&self, peer: IpAddr, headers: &HeaderMap) {
        let speaks = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
        if speaks
            && is_near(peer)
            && !is_trusted(peer, &self.trusted)
            && !self.told.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                %peer,
                "a forwarded address is ignored, because its sender is not in \
                 server.trusted_proxies; everybody who comes through it has its address"
            );
        }
    }
}

/// Whether an address is of this machine or of a private network (RFC 1918, RFC 4193).
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The layer that works out [`ClientAddress`] once for each request.
pub async fn identify(
    State(proxies): State<Arc<Proxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer(request.extensions());
    proxies.tell(peer, request.headers());
    let address = client_address(peer, request.headers(), (&proxies.trusted, proxies.header));
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

fn peer(extensions: &axum::http::Extensions) -> IpAddr {
    let peer = extensions.get::<Peer>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

/// The right-most hop that is not a trusted proxy; `peer` if it is not trusted itself, if a header
/// cannot be read, or if `X-Forwarded-For` and `Forwarded` (RFC 7239) disagree: a proxy that writes
/// only one of them passes on what a stranger put into the other. Where it is known which one the
/// proxies write, the other is not read.
#[must_use]
pub fn client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    (trusted, header): (&[IpNet], ForwardedHeader),
) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let walk = |name: &HeaderName, read: fn(&str) -> Option<IpAddr>| {
        headers.contains_key(name).then(|| right_most_untrusted(headers, name, read, trusted))
    };
    let answers = match header {
        ForwardedHeader::Any => (walk(&X_FORWARDED_FOR, node), walk(&FORWARDED, forwarded_for)),
        ForwardedHeader::XForwardedFor => (walk(&X_FORWARDED_FOR, node), None),
        ForwardedHeader::Forwarded => (None, walk(&FORWARDED, forwarded_for)),
    };
    match answers {
        (Some(one), Some(other)) if one != other => peer,
        (Some(one), _) | (None, Some(one)) => one.unwrap_or(peer),
        (None, None) => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

fn right_most_untrusted(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let mut left_most = None;
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    for line in lines.into_iter().rev() {
        for element in elements(line.to_str().ok()?).into_iter().rev() {
            let address = read(element.trim())?;
            if !is_trusted(address, trusted) {
                return Some(address);
            }
            left_most = Some(address);
        }
    }
    left_most
}

/// The elements of a list header; a comma in a quoted string does not part them.
fn elements(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}

/// `for=` of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    match value.strip_prefix('"') {
        Some(rest) => node(rest.strip_suffix('"')?),
        None => node(value),
    }
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}
