//! Redirect URIs: which may be registered, and which request is for a registered one.

#[cfg(test)]
mod tests;

use url::Url;

/// What kind of place a redirect URI is; only the first can prove who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// A website.
    Https,
    /// A program on the same machine, by literal address: its port may vary (RFC 8252 §7.3).
    Loopback,
    /// `http://localhost`, for development: matches exactly (RFC 8252 §8.3).
    Localhost,
    /// An app that registered a scheme of its own with the device (RFC 8252 §7.1).
    PrivateUse,
}

/// What is wrong with a URI that a browser would write in another way.
const NOT_NORMAL: &str = "must be written in their normal form, without '.' or '..' in the path";

/// What kind of redirect URI it is, or which rule it breaks, to be read after its member's name.
///
/// It must be written as a browser would send it, so that no parser can read it differently from
/// ours (RFC 6749 §3.1.2, RFC 9700 §4.1.3).
pub fn check(uri: &str) -> Result<RedirectKind, &'static str> {
    let (scheme, rest) = uri.split_once(':').ok_or("must be absolute URIs")?;
    check_characters(uri)?;
    if !scheme.starts_with(|c: char| c.is_ascii_lowercase())
        || !scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
    {
        return Err("must begin with a scheme in lower case");
    }
    match scheme {
        "https" => check_web(uri, rest).map(|_| RedirectKind::Https),
        "http" => match check_web(uri, rest)? {
            "127.0.0.1" | "[::1]" => Ok(RedirectKind::Loopback),
            "localhost" => Ok(RedirectKind::Localhost),
            _ => Err("may use http only with the hosts 127.0.0.1, [::1] and localhost"),
        },
        _ => check_private_use(uri, scheme, rest),
    }
}

fn check_characters(uri: &str) -> Result<(), &'static str> {
    if uri.contains('#') {
        return Err("must have no fragment");
    }
    if uri.contains('*') {
        return Err("must have no wildcard");
    }
    if !uri.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
        return Err("must hold only the characters that a URI may have");
    }
    let mut escapes = uri.split('%');
    escapes.next();
    for escape in escapes {
        let digits = escape.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            None => return Err("must have two hexadecimal digits after each '%'"),
            Some(byte) if byte.is_ascii_control() => {
                return Err("must have no encoded control characters");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Checks an http or https URI and gives its host as written.
fn check_web<'a>(uri: &str, rest: &'a str) -> Result<&'a str, &'static str> {
    let after = rest.strip_prefix("//").ok_or("must have '//' after http or https")?;
    let authority = authority(after);
    if authority.contains('@') {
        return Err("must have no user name or password");
    }
    let url = Url::parse(uri).map_err(|_| "must be valid URIs")?;
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    // A URL parser lets a ';' through, which would end a directive of a content security policy.
    let plain = host.starts_with('[')
        || host.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_'));
    if url.host_str() != Some(host) || !plain {
        return Err("must have a host, in lower case and in its plain form");
    }
    let default_port = match url.scheme() {
        "https" => ":443",
        _ => ":80",
    };
    let written_authority = authority.strip_suffix(default_port).unwrap_or(authority);
    let path = after.get(authority.len()..).unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    if url.as_str() != format!("{}://{written_authority}{slash}{path}", url.scheme()) {
        return Err(NOT_NORMAL);
    }
    Ok(host)
}

fn authority(after_slashes: &str) -> &str {
    after_slashes.split(['/', '?', '#']).next().unwrap_or_default()
}

/// RFC 8252 §7.1: a domain name under the app's control, reversed. The dot keeps `javascript:`,
/// `data:` and every other scheme out that a browser gives a meaning of its own.
fn check_private_use(uri: &str, scheme: &str, rest: &str) -> Result<RedirectKind, &'static str> {
    if !scheme.contains('.') || scheme.split('.').any(str::is_empty) {
        return Err("must be https, http on a loopback host, or a private-use scheme with a dot");
    }
    if !rest.starts_with('/') {
        return Err("must have a path after a private-use scheme");
    }
    if rest.contains('@') {
        return Err("must have no user name or password");
    }
    // What a browser cannot read leads nowhere; what it writes differently leads elsewhere.
    let url = Url::parse(uri).map_err(|_| "must be valid URIs")?;
    if url.as_str() != uri {
        return Err(NOT_NORMAL);
    }
    Ok(RedirectKind::PrivateUse)
}

/// Whether a request for `sent` is one for a registered redirect URI: byte by byte, except that
/// the port of a loopback address may vary (RFC 8252 §7.3, RFC 9700 §2.1).
#[must_use]
pub fn matches(registered: &[String], sent: &str) -> bool {
    registered.iter().any(|uri| uri == sent)
        || split_loopback(sent)
            .is_some_and(|sent| registered.iter().any(|uri| split_loopback(uri) == Some(sent)))
}

/// A loopback redirect URI without its port: what stands before it and what after.
fn split_loopback(uri: &str) -> Option<(&str, &str)> {
    for host in ["http://127.0.0.1", "http://[::1]"] {
        let Some(rest) = uri.strip_prefix(host) else { continue };
        let Some(port_and_rest) = rest.strip_prefix(':') else {
            return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest));
        };
        let end = port_and_rest.find(['/', '?']).unwrap_or(port_and_rest.len());
        let (port, rest) = port_and_rest.split_at_checked(end)?;
        return is_port(port).then_some((host, rest));
    }
    None
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
        && !text.starts_with('0')
        && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The host of an http or https URI, without its port.
#[must_use]
pub fn host(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.host_str().map(str::to_owned))?
}

/// What a page's `form-action` must allow, so that its form may end at this redirect URI.
///
/// The origin, or the scheme for a private-use one, and for an IPv6 address, which a host source
/// of Content Security Policy cannot name.
#[must_use]
pub fn csp_source(redirect: &str) -> Option<String> {
    let kind = check(redirect).ok()?;
    let (scheme, rest) = redirect.split_once(':')?;
    let authority = authority(rest.trim_start_matches('/'));
    if kind == RedirectKind::PrivateUse || authority.starts_with('[') {
        return Some(format!("{scheme}:"));
    }
    Some(format!("{scheme}://{authority}"))
}
