//! What is printed of a value that holds a password.

use serde::Serializer;
use url::Url;

/// What stands in the place of a password.
const MASK: &str = "***";

/// A URL that may hold a password, as it is printed: whole values are taken apart as URLs, so that
/// no character of a password ends what is hidden.
pub(super) fn mask_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return mask_unreadable(text) };
    if url.cannot_be_a_base() {
        return mask_unreadable(text);
    }
    let query = url.query().map(mask_query);
    if url.password().is_none() && query.as_deref() == url.query() {
        // As the operator wrote it.
        return text.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return mask_unreadable(text);
    }
    url.set_query(query.as_deref());
    url.into()
}

/// The same where nobody knows for sure what is the password: rather too much than too little.
fn mask_unreadable(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, address)) => format!("{scheme}://{}", mask_query(&mask_authority(address))),
        None if text.contains('@') => MASK.to_owned(),
        None => text.to_owned(),
    }
}

/// Serialises a key as it is printed. Nothing reads a configuration from what was serialised, but
/// its defaults, which hold no password.
pub(super) fn masked<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&mask_url(url))
}

/// `text` with the password of every URL in it hidden. Where a URL ends is a guess in free text, so
/// all up to the last `@` before the next one counts as its password.
pub(super) fn mask_password(text: &str) -> String {
    let mut parts = text.split("://");
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        hidden.push_str("://");
        hidden.push_str(&mask_query(&mask_authority(part)));
    }
    hidden
}

fn mask_authority(address: &str) -> String {
    let split = address.rsplit_once('@').and_then(|(who, host)| Some((who.split_once(':')?, host)));
    match split {
        Some(((user, _), host)) => format!("{user}:{MASK}@{host}"),
        None => address.to_owned(),
    }
}

/// Hides `password=` and the like among the parameters of a database's URL, up to a blank or quote.
fn mask_query(text: &str) -> String {
    let pairs = text.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) => {
            let rest = value.find([' ', '"']).and_then(|at| value.get(at..));
            format!("{name}={MASK}{}", rest.unwrap_or_default())
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn is_secret(name: &str) -> bool {
    let name = name.rsplit('?').next().unwrap_or(name);
    name.to_ascii_lowercase().contains("pass")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_printed_without_its_password_whatever_that_is_made_of() {
        for (text, shown) in [
            ("postgres://me:can'ary@db/latchkey", "postgres://me:***@db/latchkey"),
            (
                "postgres://me:<can>`ary`\"@db/x?sslmode=require",
                "postgres://me:***@db/x?sslmode=require",
            ),
            ("postgres://me:can ary@db/latchkey", "postgres://me:***@db/latchkey"),
            ("postgres://me:can%27ary@db/latchkey", "postgres://me:***@db/latchkey"),
            ("postgres://me:can@ary@db/latchkey", "postgres://me:***@db/latchkey"),
            ("postgres://me:can://ary@db/latchkey", "postgres://me:***@db/latchkey"),
            ("postgres://me:can/ary'@db/latchkey", "postgres://me:***@db/latchkey"),
            ("postgres://db/x?user=me&PassWord=can'ary", "postgres://db/x?user=me&PassWord=***"),
            ("postgres://db/x?password=can%26ary&a=b", "postgres://db/x?password=***&a=b"),
            ("smtps://me:can'ary@mail.example.com:465", "smtps://me:***@mail.example.com:465"),
            ("me:canary@db/latchkey", "***"),
            ("postgres:me:canary@db", "***"),
        ] {
            assert_eq!(mask_url(text), shown, "{text}");
        }
        for text in [
            "sqlite://data/latchkey.db",
            "sqlite:///var/lib/a b/latchkey.db",
            "file://data/outbox",
            "postgres://db.example.com:5432/latchkey?sslmode=verify-full",
            "postgres://me@db/latchkey",
            "smtp://mail.example.com?tls=off",
            "nothing like a URL",
        ] {
            assert_eq!(mask_url(text), text);
        }
    }

    #[test]
    fn a_sentence_with_a_url_in_it_loses_the_password_and_stays_readable() {
        for (text, shown) in [
            (
                "x: found \"smtp://me:can'ary@h\", expected a duration",
                "x: found \"smtp://me:***@h\", expected a duration",
            ),
            ("issuer is `https://me:<canary>@x`, which", "issuer is `https://me:***@x`, which"),
            (
                "found postgres://db/x?password=can'ary, expected",
                "found postgres://db/x?password=*** expected",
            ),
            ("url = \"postgres://db/x?password=canary\"", "url = \"postgres://db/x?password=***\""),
            ("nobody is `Name <name@example.com>`", "nobody is `Name <name@example.com>`"),
        ] {
            assert_eq!(mask_password(text), shown);
        }
    }
}
