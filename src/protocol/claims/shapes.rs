//! What the values of standard claims look like (OpenID Connect Core §5.1).

use url::Url;

pub(super) fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

pub(super) fn is_lines(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
}

pub(super) fn is_link(text: &str) -> bool {
    let web = |url: Url| matches!(url.scheme(), "http" | "https") && url.password().is_none();
    is_line(text) && !text.contains(' ') && Url::parse(text).is_ok_and(web)
}

/// What can be an address; whether it is one, only a mail to it can show.
pub(super) fn is_email(text: &str) -> bool {
    let no_space = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let halves = text.rsplit_once('@');
    no_space
        && text.len() <= 254
        && halves.is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len()) && !local.contains('@') && !domain.is_empty()
        })
}

pub(super) fn is_birthdate(text: &str) -> bool {
    let year = |text: &str| {
        text.len() == 4
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.parse().is_ok_and(|year: u16| (1850..=2200).contains(&year))
    };
    let Some((century, _)) = text.split_once('-') else { return year(text) };
    let shape = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    shape && (century == "0000" || year(century)) && text.parse::<jiff::civil::Date>().is_ok()
}

/// The names of the IANA time zone database (2025b), one a line.
const ZONES: &str = include_str!("zones.txt");

/// A name in the IANA time zone database, as it is written there.
pub(super) fn is_zone(text: &str) -> bool {
    ZONES.lines().any(|zone| zone == text)
}

/// The shape of a language tag (RFC 5646 §2.1).
pub(super) fn is_locale(text: &str) -> bool {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    text.len() <= 35
        && (2..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

/// E.164 with the usual punctuation, perhaps with an extension (RFC 3966 §3).
pub(super) fn is_phone(text: &str) -> bool {
    let (number, extension) = text.split_once(";ext=").unwrap_or((text, "0"));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    number.starts_with('+')
        && (3..=15).contains(&digits)
        && number.bytes().skip(1).all(|b| b.is_ascii_digit() || b" ()-.".contains(&b))
        && !extension.is_empty()
        && extension.bytes().all(|b| b.is_ascii_digit())
}
