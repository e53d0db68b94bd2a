//! The cookies this program sets: their names, flags and values.
//!
//! Under an https issuer each is `__Host-` and `Secure`; under http, which only a loopback issuer
//! may have, the same without prefix and `Secure`, because Safari drops such cookies there.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite};

use crate::app::App;

/// The longest value that is read: tokens of the accounts that know a browser.
const LONGEST: usize = 256;

/// The cookies by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A signed-in browser.
    Session,
    /// A browser, signed in or not: forms and requests in progress are bound to it.
    Browser,
    /// A password was proven, the second factor is owed.
    PendingSignIn,
    /// A browser over the years: people who sign in from it again are no strangers there.
    Device,
}

impl Name {
    fn base(self) -> &'static str {
        match self {
            Self::Session => "latchkey_session",
            Self::Browser => "latchkey_browser",
            Self::PendingSignIn => "latchkey_sign_in",
            Self::Device => "latchkey_device",
        }
    }

    fn wire(self, secure: bool) -> String {
        if secure { format!("__Host-{}", self.base()) } else { self.base().to_owned() }
    }
}

/// Whether this instance's cookies are `Secure`.
#[must_use]
pub fn secure(app: &App) -> bool {
    app.config.issuer.starts_with("https://")
}

/// The value of the cookie `name`, if the request carries exactly one of it.
#[must_use]
pub fn read(app: &App, headers: &HeaderMap, name: Name) -> Option<String> {
    value_of(headers, &name.wire(secure(app)))
}

/// The value of the cookie that is called `wanted`, if there is exactly one of it.
///
/// Two cookies of one name mean that somebody else wrote one of them: then neither counts.
#[must_use]
pub fn value_of(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == wanted)
        .map(|(_, value)| value.to_owned());
    match (found.next(), found.next()) {
        (Some(value), None) if value.len() <= LONGEST => Some(value),
        _ => None,
    }
}

/// A `Set-Cookie` value; it lasts as long as the browser runs unless `max_age` is given.
#[must_use]
pub fn set(
    app: &App,
    name: Name,
    value: &str,
    max_age: Option<std::time::Duration>,
) -> Option<HeaderValue> {
    let secure = secure(app);
    let mut cookie = Cookie::build((name.wire(secure), value.to_owned()))
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Lax)
        .build();
    if let Some(seconds) = max_age.and_then(|age| i64::try_from(age.as_secs()).ok()) {
        cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    }
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// A `Set-Cookie` value that removes the cookie.
#[must_use]
pub fn clear(app: &App, name: Name) -> Option<HeaderValue> {
    set(app, name, "", Some(std::time::Duration::ZERO))
}
