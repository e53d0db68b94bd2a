//! `mail.transport` taken apart: where mails go, and how well they are protected on the way.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// Where mails go.
#[derive(Clone, Debug)]
pub enum MailTransport {
    /// Into this folder, as `.eml` files.
    Folder(PathBuf),
    /// To this server.
    Server(MailServer),
}

/// A server that takes mails.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is protected.
    pub protection: Protection,
    /// What it knows us by.
    pub account: Option<(String, SecretString)>,
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte (RFC 8314 §3.3): `smtps://`.
    Tls,
    /// STARTTLS (RFC 3207), and no mail without it: `smtp://`. Whoever stands in the way can hide
    /// that a server offers it, so it is never merely tried.
    StartTls,
    /// None: on this machine itself, or because `?tls=off` says so.
    Off,
}

impl MailTransport {
    /// Reads `file://FOLDER`, `smtp://[USER:PASSWORD@]HOST[:PORT]` or `smtps://…`; the error is
    /// what was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "smtp://HOST, smtps://HOST or file://FOLDER";
        if let Some(folder) = text.strip_prefix("file://") {
            return match folder.trim() {
                "" => Err("a folder after file://, such as file://data/outbox"),
                folder => Ok(Self::Folder(folder.into())),
            };
        }
        if !text.starts_with("smtp://") && !text.starts_with("smtps://") {
            return Err(EXPECTED);
        }
        let url = Url::parse(text).map_err(|_| {
            "smtp://USER:PASSWORD@HOST:PORT, with anything but letters and digits in USER and \
             PASSWORD percent-encoded"
        })?;
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err("nothing after the host and port but ?tls=off");
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err("a host, as in smtp://mail.example.com");
        }
        let account = account_of(&url)?;
        let (protection, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Protection::Tls, 465),
            ("smtps", Some(_)) => return Err("no ?… after smtps://, which always means TLS"),
            (_, Some("tls=off")) => (Protection::Off, 587),
            (_, None) if is_this_machine(&host) => (Protection::Off, 587),
            (_, None) => (Protection::StartTls, 587),
            (_, Some(_)) => return Err("nothing after the host and port but ?tls=off"),
        };
        if protection == Protection::Off && account.is_some() && !is_this_machine(&host) {
            return Err("no password together with ?tls=off: it would travel in the clear");
        }
        let port = url.port().unwrap_or(port);
        Ok(Self::Server(MailServer { host, port, protection, account }))
    }
}

fn account_of(url: &Url) -> Result<Option<(String, SecretString)>, &'static str> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err("both a user and a password, or neither"),
        (user, Some(password)) => Ok(Some((decoded(user), decoded(password).into()))),
    }
}

/// `text` without its percent-encoding; a plus sign stays one.
fn decoded(text: &str) -> String {
    let form = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(form.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn server(text: &str) -> MailServer {
        match MailTransport::parse(text) {
            Ok(MailTransport::Server(server)) => server,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_way_is_protected_unless_it_does_not_leave_the_machine() {
        for (text, host, port, protection) in [
            ("smtp://mail.example.com", "mail.example.com", 587, Protection::StartTls),
            ("smtp://mail.example.com:25", "mail.example.com", 25, Protection::StartTls),
            ("smtps://mail.example.com", "mail.example.com", 465, Protection::Tls),
            ("smtp://localhost:1025", "localhost", 1025, Protection::Off),
            ("smtp://127.0.0.1", "127.0.0.1", 587, Protection::Off),
            ("smtp://[::1]:25", "::1", 25, Protection::Off),
            ("smtp://10.0.0.7", "10.0.0.7", 587, Protection::StartTls),
            ("smtp://mailpit:1025?tls=off", "mailpit", 1025, Protection::Off),
        ] {
            let found = server(text);
            assert_eq!((found.host.as_str(), found.port), (host, port), "{text}");
            assert_eq!(found.protection, protection, "{text}");
        }
    }

    #[test]
    fn a_password_may_hold_any_character() {
        let (user, password) =
            server("smtps://me%40example.com:p%2F%3A%40+&=%25@h").account.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("me@example.com", "p/:@+&=%"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("http://x", "smtp://HOST"),
            ("file://", "a folder"),
            ("smtp://", "a host"),
            ("smtp://mail.example.com?tls=maybe", "?tls=off"),
            ("smtps://mail.example.com?tls=off", "always means TLS"),
            ("smtp://me@mail.example.com", "both a user and a password"),
            ("smtp://me:pw@mail.example.com?tls=off", "in the clear"),
            ("smtp://mail.example.com/path", "nothing after"),
            ("smtp://mail.example.com:99999", "smtp://USER"),
        ] {
            let error = MailTransport::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
