//! Who is calling (S-113, S-114).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use axum::{Router, middleware};
use ipnet::IpNet;
use latchkey::config::ForwardedHeader;
use latchkey::web::client_address::{ClientAddress, Proxies, client_address, identify};

use super::{exchange, local, quick, start_with};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn trusted() -> Vec<IpNet> {
    ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into()
}

fn ask(peer: &str, lines: &[(&str, &str)]) -> IpAddr {
    ask_reading(ForwardedHeader::Any, peer, lines)
}

fn ask_reading(header: ForwardedHeader, peer: &str, lines: &[(&str, &str)]) -> IpAddr {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    client_address(ip(peer), &headers, (&trusted(), header))
}

#[test]
fn nobody_but_a_trusted_proxy_is_believed() {
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"] {
        for value in ["1.2.3.4", "for=1.2.3.4", "10.0.0.1", "", "a"] {
            assert_eq!(ask("203.0.113.9", &[(name, value)]), ip("203.0.113.9"), "{name}: {value}");
        }
    }
    assert_eq!(ask("10.0.0.1", &[("x-real-ip", "1.2.3.4")]), ip("10.0.0.1"));
}

#[test]
fn the_right_most_untrusted_hop_is_the_client() {
    for (value, client) in [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("nonsense, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("1.2.3.4,10.0.0.2,fd00::1", "1.2.3.4"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("1.2.3.4, ::ffff:10.0.0.2", "1.2.3.4"),
        // What cannot be read leads to the peer.
        ("", "10.0.0.1"),
        ("a", "10.0.0.1"),
        ("1.2.3", "10.0.0.1"),
        ("1.2.3.4.5", "10.0.0.1"),
        ("1.2.3.4, ", "10.0.0.1"),
        ("1.2.3.4, unknown", "10.0.0.1"),
        ("1.2.3.4, unknown, 10.0.0.2", "10.0.0.1"),
        ("fe80::1%eth0", "10.0.0.1"),
        ("0x7f.1", "10.0.0.1"),
        ("1.2.3.4:99999", "10.0.0.1"),
        ("1.2.3.4\t;x", "10.0.0.1"),
        ("é", "10.0.0.1"),
    ] {
        assert_eq!(ask("10.0.0.1", &[("x-forwarded-for", value)]), ip(client), "{value:?}");
    }
    let hops = vec!["10.0.0.2"; 100].join(", ");
    assert_eq!(ask("10.0.0.1", &[("x-forwarded-for", &hops)]), ip("10.0.0.2"));
    assert_eq!(ask("::ffff:10.0.0.1", &[("x-forwarded-for", "1.2.3.4")]), ip("1.2.3.4"));
}

#[test]
fn several_lines_are_one_list() {
    let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4, 10.0.0.2")];
    assert_eq!(ask("10.0.0.1", &lines), ip("1.2.3.4"));
}

#[test]
fn forwarded_is_read_as_its_rfc_says() {
    for (value, client) in [
        ("for=1.2.3.4", "1.2.3.4"),
        ("For=1.2.3.4;proto=https;by=10.0.0.1", "1.2.3.4"),
        ("proto=https; for=\"1.2.3.4:80\"", "1.2.3.4"),
        ("for=\"[2001:db8::7]:443\"", "2001:db8::7"),
        ("for=6.6.6.6, for=1.2.3.4, for=10.0.0.2", "1.2.3.4"),
        ("for=1.2.3.4;host=\"a,b\"", "1.2.3.4"),
        ("for=_hidden", "10.0.0.1"),
        ("for=unknown", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ("for=\"1.2.3.4", "10.0.0.1"),
        ("for=1.2.3.4;for=6.6.6.6", "10.0.0.1"),
    ] {
        assert_eq!(ask("10.0.0.1", &[("forwarded", value)]), ip(client), "{value:?}");
    }
}

#[test]
fn headers_that_disagree_are_not_believed() {
    let both = |xff: &str, forwarded: &str| {
        ask("10.0.0.1", &[("x-forwarded-for", xff), ("forwarded", forwarded)])
    };
    assert_eq!(both("1.2.3.4", "for=1.2.3.4"), ip("1.2.3.4"));
    assert_eq!(both("1.2.3.4", "for=6.6.6.6"), ip("10.0.0.1"));
    assert_eq!(both("1.2.3.4", "nonsense"), ip("10.0.0.1"));
}

#[test]
fn a_header_that_the_proxy_does_not_write_is_not_read() {
    let lines = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=6.6.6.6")];
    for (header, client) in
        [(ForwardedHeader::XForwardedFor, "1.2.3.4"), (ForwardedHeader::Forwarded, "6.6.6.6")]
    {
        assert_eq!(ask_reading(header, "10.0.0.1", &lines), ip(client), "{header:?}");
        assert_eq!(ask_reading(header, "203.0.113.9", &lines), ip("203.0.113.9"), "{header:?}");
    }
    let alone = |header, line| ask_reading(header, "10.0.0.1", &[line]);
    assert_eq!(alone(ForwardedHeader::XForwardedFor, lines[1]), ip("10.0.0.1"));
    assert_eq!(alone(ForwardedHeader::Forwarded, lines[0]), ip("10.0.0.1"));
}

#[test]
fn limits_count_an_ipv6_line_as_one() {
    let key = |text: &str| ClientAddress(ip(text)).rate_limit_key();
    assert_eq!(key("2001:db8:1:2:3:4:5:6"), ip("2001:db8:1:2::"));
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    assert_eq!(key("1.2.3.4"), ip("1.2.3.4"));
    assert_eq!(key("::ffff:1.2.3.4"), ip("1.2.3.4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_is_told_the_address() {
    let show = get(async |ClientAddress(address): ClientAddress| address.to_string());
    let router = Router::new().route("/", show);
    let believing = Arc::new(Proxies::new(&["127.0.0.0/8".parse().unwrap()], ForwardedHeader::Any));
    let layered = router.clone().layer(middleware::from_fn_with_state(believing, identify));
    let request = "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n";
    for (router, expected) in [(router, "127.0.0.1"), (layered, "1.2.3.4")] {
        let server = start_with(&local(), quick(), router, async || Ok(()));
        let address: SocketAddr = server.public;
        let answer = exchange(address, request).await;
        assert!(answer.ends_with(expected), "{answer}");
    }
}
