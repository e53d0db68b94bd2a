//! What pages show of applications and accounts.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::geoip::{Geoip, UNKNOWN};
use crate::store::clients::ClientRecord;
use crate::store::users::User;

/// An application as a person sees it.
#[derive(Clone, Debug, Serialize)]
pub struct ApplicationView {
    name: String,
    host: Option<String>,
    logo: Option<String>,
    client_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    self_registered: bool,
    first_seen: Option<TimeView>,
}

impl ApplicationView {
    /// The application as it is registered. Its logo is served from our own origin, so that a
    /// sign-in page tells nobody else that it was opened.
    #[must_use]
    pub fn of(record: &ClientRecord) -> Self {
        let client = &record.metadata;
        let home = client.client_uri.as_ref().or_else(|| client.redirect_uris.first());
        let host = home.and_then(|uri| {
            url::Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned))
        });
        Self {
            name: client.client_name.clone(),
            host,
            logo: client.logo_uri.as_ref().map(|_| crate::paths::logo_of(&client.client_id)),
            client_uri: client.client_uri.clone(),
            policy_uri: client.policy_uri.clone(),
            tos_uri: client.tos_uri.clone(),
            self_registered: record.is_self_registered(),
            first_seen: None,
        }
    }

    /// The same, with the time since when it is known here: what a person should know of one that
    /// nobody vouches for.
    #[must_use]
    pub fn with_age(record: &ClientRecord, now: Timestamp) -> Self {
        let first_seen = record.is_self_registered().then(|| TimeView::of(record.created_at, now));
        Self { first_seen, ..Self::of(record) }
    }
}

/// A person as they see themselves.
#[derive(Clone, Debug, Serialize)]
pub struct AccountView {
    name: Option<String>,
    username: String,
    email: Option<String>,
    email_verified: bool,
}

impl AccountView {
    /// The account of `user`.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            name: user.claims.name.clone(),
            username: user.username.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified_at.is_some(),
        }
    }
}

/// Where an address most likely is, as pages show it beside the address; `None` when nothing can be
/// told.
#[must_use]
pub fn place_of(geoip: &Geoip, address: Option<&str>) -> Option<String> {
    let words = geoip.place(address?).words;
    Some(words).filter(|words| words != UNKNOWN)
}

/// An instant as pages show it: how long ago, with the exact time for who wants it.
#[derive(Clone, Debug, Serialize)]
pub struct TimeView {
    iso: String,
    relative: String,
    absolute: String,
}

impl TimeView {
    /// `at` as seen from `now`.
    #[must_use]
    pub fn of(at: crate::clock::Timestamp, now: crate::clock::Timestamp) -> Self {
        let exact = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        Self {
            iso: exact.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            relative: relative(now.since(at).as_secs()),
            absolute: exact.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        }
    }
}

/// The day of an instant, in words.
#[must_use]
pub fn day(at: crate::clock::Timestamp) -> String {
    let exact = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    exact.strftime("%-d %B %Y").to_string()
}

impl TimeView {
    /// The day alone.
    #[must_use]
    pub fn day(&self) -> &str {
        self.absolute.split(',').next().unwrap_or_default()
    }
}

fn relative(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=59 => return "just now".to_owned(),
        60..=3599 => (seconds / 60, "minute"),
        3600..=86_399 => (seconds / 3600, "hour"),
        86_400..=2_678_399 => (seconds / 86_400, "day"),
        2_678_400..=31_535_999 => (seconds / 2_678_400, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let told = [(0, "just now"), (60, "1 minute ago"), (7200, "2 hours ago")];
        for (seconds, words) in told {
            assert_eq!(relative(seconds), words);
        }
        assert_eq!(relative(86_400 * 45), "1 month ago");
        assert_eq!(relative(86_400 * 800), "2 years ago");
    }
}
