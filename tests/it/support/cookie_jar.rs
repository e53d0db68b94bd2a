//! The cookies of one browser, kept and sent as RFC 6265bis says, and checked on the way in.

use std::collections::BTreeMap;
use std::time::Duration;

use latchkey::clock::{Clock, Timestamp};
use reqwest::Url;
use reqwest::header::{HeaderMap, SET_COOKIE};

/// One cookie.
#[derive(Clone, Debug)]
struct Kept {
    value: String,
    secure: bool,
    /// `None`: until the browser is closed.
    expires_at: Option<Timestamp>,
}

/// The cookies of one browser, shared by its tabs. Like in real ones, ports do not matter.
#[derive(Debug)]
pub struct CookieJar {
    clock: Clock,
    kept: BTreeMap<(String, String), Kept>,
}

impl CookieJar {
    pub fn new(clock: Clock) -> Self {
        Self { clock, kept: BTreeMap::new() }
    }

    /// The `Cookie` header for a request to `url`, if there is anything to send.
    ///
    /// `cross_site_post`: all our cookies are `SameSite=Lax`, which such a request leaves out.
    pub fn header(&self, url: &Url, cross_site_post: bool) -> Option<String> {
        if cross_site_post {
            return None;
        }
        let host = url.host_str().unwrap_or_default();
        let now = self.clock.now();
        let pairs: Vec<String> = self
            .kept
            .iter()
            .filter(|((of, _), cookie)| of == host && cookie.expires_at.is_none_or(|at| at > now))
            .filter(|(_, cookie)| !cookie.secure || url.scheme() == "https")
            .map(|((_, name), cookie)| format!("{name}={}", cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps what a response from `url` sets. Fails on a cookie that is not as ours must be.
    pub fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        let host = url.host_str().unwrap_or_default();
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("a Set-Cookie of ASCII");
            check_attributes(line, url.scheme() == "https");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("name=value");
            let max_age = attribute(attributes, "max-age").map(|seconds| {
                seconds.parse::<i64>().unwrap_or_else(|_| panic!("Max-Age of {line} is no number"))
            });
            let key = (host.to_owned(), name.trim().to_owned());
            if max_age.is_some_and(|seconds| seconds <= 0) {
                self.kept.remove(&key);
                continue;
            }
            let lasts = max_age.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
            let cookie = Kept {
                value: value.trim().to_owned(),
                secure: attribute(attributes, "secure").is_some(),
                expires_at: lasts.map(|lasts| self.clock.now() + lasts),
            };
            self.kept.insert(key, cookie);
        }
    }

    /// The value of the cookie whose name ends in `name`.
    pub fn value(&self, name: &str) -> Option<String> {
        let found = self.kept.iter().find(|((_, kept), _)| kept.ends_with(name));
        found.map(|(_, cookie)| cookie.value.clone())
    }

    /// Puts a value of the tester's choice in place of the cookie whose name ends in `name`.
    pub fn replace(&mut self, name: &str, value: &str) {
        let found = self.kept.iter_mut().find(|((_, kept), _)| kept.ends_with(name));
        let (_, cookie) = found.unwrap_or_else(|| panic!("there is no cookie {name}"));
        value.clone_into(&mut cookie.value);
    }

    /// What closing the browser does: the cookies without a lifetime are gone.
    pub fn close(&mut self) {
        self.kept.retain(|_, cookie| cookie.expires_at.is_some());
    }

    /// Forgets every cookie.
    pub fn clear(&mut self) {
        self.kept.clear();
    }
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    attributes.split(';').find_map(|attribute| {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// SECURITY: `HttpOnly`, `SameSite`, `Path=/` and no `Domain`, always; `__Host-` and `Secure`
/// wherever the issuer is https.
pub fn check_attributes(line: &str, https: bool) {
    let attributes = line.split_once(';').map(|(_, attributes)| attributes).unwrap_or_default();
    let has = |name| attribute(attributes, name);
    assert!(has("httponly").is_some(), "a cookie without HttpOnly: {line}");
    let same_site = has("samesite").unwrap_or_default().to_ascii_lowercase();
    assert!(matches!(same_site.as_str(), "lax" | "strict"), "a cookie without SameSite: {line}");
    assert_eq!(has("path"), Some("/"), "a cookie without Path=/: {line}");
    assert!(has("domain").is_none(), "a cookie with a Domain: {line}");
    assert_eq!(has("secure").is_some(), https, "Secure must stand exactly on https: {line}");
    assert_eq!(line.starts_with("__Host-"), https, "__Host- must stand exactly on https: {line}");
}
