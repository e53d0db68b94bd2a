// What comes with a request: headers, the head itself, where a sign-in shall lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use latchkey::config::ForwardedHeader;
use latchkey::oauth::client_authentication::{basic, bearer};
use latchkey::outbound::may_be_called;
use latchkey::paths;
use latchkey::server::head::{end_of_head, is_ambiguous};
use latchkey::user_agent;
use latchkey::web::client_address::client_address;
use latchkey::web::cookies;
use latchkey::web::form::from_our_page;
use latchkey::web::parameters::is_form;
use latchkey::web::session;
use url::Url;

use super::text;

/// One header field a line.
fn headers_of(data: &[u8], names: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, line) in names.iter().zip(data.split(|byte| *byte == b'\n')) {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

/// `Authorization: Basic`: no part holds what no id and no secret may hold, and a client that
/// encodes them is understood to the letter.
pub fn basic_credentials(data: &[u8]) {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    if let Some((id, secret)) = basic(&header) {
        assert!(!id.contains('\0') && !secret.contains('\0'));
        assert!(id.len() + secret.len() < 4096);
    }
    let Some((id, secret)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    if id.len() + secret.len() > 500 || data.contains(&0) || data.contains(&0xef) {
        return;
    }
    let encode =
        |part: &str| -> String { url::form_urlencoded::byte_serialize(part.as_bytes()).collect() };
    let joined = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
    let sent = HeaderValue::from_str(&format!("Basic {joined}")).expect("Base64");
    assert_eq!(basic(&sent), Some((id.to_owned(), secret.to_owned())));
}

/// Two lines: `X-Forwarded-For` and `Forwarded`. Who is not trusted is not believed; who is, is
/// believed as far as a trusted one wrote: beside the right end, trusted proxies alone.
pub fn client_address_of(data: &[u8]) {
    let trusted: [IpNet; 2] =
        ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
    let headers = headers_of(data, &["x-forwarded-for", "forwarded"]);
    let stranger = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let found = |header| client_address(proxy, &headers, (&trusted, header));
    for header in [ForwardedHeader::Any, ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded]
    {
        assert_eq!(client_address(stranger, &headers, (&trusted, header)), stranger);
    }
    // What the other reader says; nothing where the header is not there.
    let said = |name, parts: fn(&str) -> Vec<Option<IpAddr>>| {
        let line = headers.get(name).map(|value: &HeaderValue| value.to_str().ok());
        line.map(|line| line.and_then(|line| believed(&parts(line), &trusted)).unwrap_or(proxy))
    };
    let one =
        said("x-forwarded-for", |line| line.split(',').map(|part| hop(part.trim())).collect());
    let other = said("forwarded", elements_of_forwarded);
    // A quoted string has no business in `X-Forwarded-For`, and the two read it differently.
    let quoted = headers.get("x-forwarded-for").is_some_and(|line| line.as_bytes().contains(&b'"'));
    assert_eq!(found(ForwardedHeader::Forwarded), other.unwrap_or(proxy), "{headers:?}");
    if quoted {
        return;
    }
    assert_eq!(found(ForwardedHeader::XForwardedFor), one.unwrap_or(proxy), "{headers:?}");
    let both = match (one, other) {
        (Some(one), Some(other)) if one != other => proxy,
        (one, other) => one.or(other).unwrap_or(proxy),
    };
    assert_eq!(found(ForwardedHeader::Any), both, "{headers:?}");
}

/// The hops of a list read from the left: what stands further right counts more.
fn believed(hops: &[Option<IpAddr>], trusted: &[IpNet]) -> Option<IpAddr> {
    let mut found = None;
    for (at, hop) in hops.iter().enumerate() {
        found = match hop {
            Some(address) if !trusted.iter().any(|network| network.contains(address)) => {
                Some(*address)
            }
            Some(address) if at == 0 => Some(*address),
            Some(_) => found,
            None => None,
        };
    }
    found
}

/// `Forwarded` (RFC 7239 §4), a character after the other: who each element is `for`.
fn elements_of_forwarded(line: &str) -> Vec<Option<IpAddr>> {
    let (mut elements, mut element, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        quoted ^= character == '"';
        if character == ',' && !quoted {
            elements.push(std::mem::take(&mut element));
        } else {
            element.push(character);
        }
    }
    elements.push(element);
    elements.iter().map(|element| for_of(element.trim())).collect()
}

/// The one `for` among the pairs of an element.
fn for_of(element: &str) -> Option<IpAddr> {
    let mut values = Vec::new();
    for pair in element.split(';') {
        let Some(at) = pair.find('=') else { continue };
        let (name, value) = (pair[..at].trim_start(), &pair[at + 1..]);
        if name.eq_ignore_ascii_case("for") {
            values.push(value.trim_end());
        }
    }
    let [value] = values[..] else { return None };
    let inside = value.strip_prefix('"').map(|rest| rest.strip_suffix('"'));
    hop(inside.unwrap_or(Some(value))?)
}

/// An address, perhaps in brackets, perhaps with a port.
fn hop(part: &str) -> Option<IpAddr> {
    let canonical = |address: IpAddr| match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    if let Some(rest) = part.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        if after.is_empty() {
            return inside.parse().ok().map(canonical);
        }
        return part.parse::<std::net::SocketAddr>().ok().map(|whole| canonical(whole.ip()));
    }
    if let Ok(address) = part.parse() {
        return Some(canonical(address));
    }
    part.parse::<std::net::SocketAddrV4>().ok().map(|whole| IpAddr::V4(*whole.ip()))
}

/// Words for a device are few, and hold nothing that moves a terminal.
pub fn user_agent_of(data: &[u8]) {
    let headers = headers_of(data, &["user-agent"]);
    let kept = session::user_agent(&headers);
    assert!(kept.chars().count() <= 256 && !kept.chars().any(char::is_control));
    let Some(text) = text(data) else { return };
    for sent in [text, kept.as_str()] {
        if let Some(words) = user_agent::describe(sent) {
            assert!(words.len() < 512, "{words}");
        }
    }
}

/// `Cookie`, one field a line: a cookie of ours counts if it stands there once (RFC 6265 §5.4).
pub fn cookie(data: &[u8]) {
    const NAME: &str = "__Host-latchkey_session";
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        // A line that holds more than visible ASCII is not read at all.
        if let Ok(line) = value.to_str() {
            let mut rest = Some(line);
            while let Some(now) = rest {
                let end = now.find(';');
                let pair = end.map_or(now, |end| &now[..end]).trim_matches([' ', '\t']);
                if pair.len() > NAME.len() && pair.starts_with(NAME) {
                    let after = &pair[NAME.len()..];
                    values.extend(after.strip_prefix('=').map(str::to_owned));
                }
                rest = end.map(|end| &now[end + 1..]);
            }
        }
        headers.append(header::COOKIE, value);
    }
    let expected = if values.len() == 1 { values.pop() } else { None };
    let expected = expected.filter(|value| value.len() <= 256);
    assert_eq!(cookies::value_of(&headers, NAME), expected);
}

/// Where signing in may lead: to one of our own pages, byte by byte, never anywhere else.
pub fn next(data: &[u8]) {
    let Some(to) = text(data) else { return };
    let origin = Url::parse("https://id.example").expect("a URL");
    let found = paths::own_page(to);
    assert_eq!(found, paths::PAGES.iter().copied().find(|page| page.as_bytes() == data));
    if let Some(page) = found {
        // As a browser resolves what was sent.
        let target = origin.join(to).expect("a path");
        assert_eq!(target.as_str(), format!("https://id.example{page}"));
        assert!(page.starts_with("/account/"));
    }
}

/// Five lines: `Authorization`, `Content-Type`, `Sec-Fetch-Site`, `Origin`, and what is called.
pub fn request_headers(data: &[u8]) {
    const OURS: &str = "https://id.example";
    let names = ["authorization", "content-type", "sec-fetch-site", "origin"];
    let headers = headers_of(data, &names);
    if let Ok(Some(token)) = bearer(&headers) {
        assert!(!token.is_empty() && token.trim() == token);
        let sent = headers["authorization"].to_str().expect("it was read");
        assert!(sent[..7].eq_ignore_ascii_case("bearer ") && sent[7..].trim() == token);
    }
    if !headers.contains_key("authorization") {
        assert!(matches!(bearer(&headers), Ok(None)));
    }
    let kind = headers.get("content-type").map(HeaderValue::as_bytes).unwrap_or_default();
    if is_form(&headers) {
        let kind = kind.to_ascii_lowercase();
        let kind = String::from_utf8(kind).expect("ASCII");
        assert!(kind.trim_start().starts_with("application/x-www-form-urlencoded"));
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get("origin").map(HeaderValue::as_bytes);
    let expected = match (site, origin) {
        (None | Some(b"same-origin"), None) => true,
        (None, Some(origin)) => origin == OURS.as_bytes(),
        (Some(b"same-origin"), Some(origin)) => origin == OURS.as_bytes() || origin == b"null",
        (Some(_), _) => false,
    };
    assert_eq!(from_our_page(OURS, &headers), expected, "{site:?} {origin:?}");
}

/// A head ends at its first empty line, those before it aside; one with two lengths or a bare line
/// feed is seen, however it is written.
pub fn request_head(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut rest = text;
    while let Some(after) = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
        rest = after;
    }
    let ends = ["\n\n", "\n\r\n"].map(|end| rest.find(end).map(|at| at + end.len()));
    let end = ends.into_iter().flatten().min().map(|end| text.len() - rest.len() + end);
    assert_eq!(end_of_head(data), end, "{text:?}");
    let Some(head) = end.and_then(|end| text.get(..end)) else { return };
    let bare = head.replace("\r\n", "").contains('\n');
    let names = head.split('\n').filter_map(|line| line.split(':').next());
    let lengths = ["content-length", "transfer-encoding"];
    let given = names.filter(|name| lengths.contains(&name.to_ascii_lowercase().as_str())).count();
    assert_eq!(is_ambiguous(head.as_bytes()), bare || given > 1, "{head:?}");
}

/// An address that is not public is not called, whatever form it is written in.
pub fn callable_address(data: &[u8]) {
    let address = match text(data).map(str::trim).map(str::parse::<IpAddr>) {
        Some(Ok(address)) => address,
        _ => match *data {
            [a, b, c, d] => IpAddr::from([a, b, c, d]),
            _ => match <[u8; 16]>::try_from(data) {
                Ok(octets) => IpAddr::from(octets),
                Err(_) => return,
            },
        },
    };
    let called = may_be_called(address, &[]);
    match address {
        IpAddr::V4(four) => {
            assert_eq!(called, is_public(four), "{four}");
            assert_eq!(may_be_called(IpAddr::V6(four.to_ipv6_mapped()), &[]), called);
        }
        IpAddr::V6(six) => assert_eq!(called, is_public_six(six), "{six}"),
    }
    let all: IpNet = if address.to_canonical().is_ipv4() { "0.0.0.0/0" } else { "::/0" }
        .parse()
        .expect("a network");
    assert!(may_be_called(address, &[all]), "the operator may allow it");
}

/// The registry of special-purpose addresses (RFC 6890), written as bounds.
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a, b) == (169, 254)
        || (a, b) == (192, 168)
        || a == 100 && b & 0b1100_0000 == 64
        || a == 172 && b & 0b1111_0000 == 16
        || a == 198 && b & 0b1111_1110 == 18
        || [(192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 51, 100), (203, 0, 113)]
            .contains(&(a, b, c));
    !special
}

fn is_public_six(address: Ipv6Addr) -> bool {
    if let Some(four) = address.to_ipv4_mapped() {
        return is_public(four);
    }
    let [a, b, ..] = address.segments();
    let special = a == 0x2001 && b < 0x200
        || (a, b) == (0x2001, 0xdb8)
        || a == 0x2002
        || a == 0x3fff && b < 0x1000;
    (0x2000..0x4000).contains(&a) && !special
}
