//! A `User-Agent` header as a person would name the device: "Chrome 156 on Linux".
//!
//! What a browser says of itself is a hint, never a proof; nothing is decided by it.

mod tables;

use serde::Serialize;
use woothee::parser::{Parser, WootheeResult};

use tables::{BROWSERS, PROGRAMS, SYSTEMS};

/// What kind of thing sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A browser on a computer.
    Desktop,
    /// A browser or an app on a phone.
    Phone,
    /// A browser or an app on a tablet.
    Tablet,
    /// A program without a person before it: a script, a library, a crawler.
    Program,
    /// It does not say, or is none of these.
    Unknown,
}

impl Kind {
    /// The icon of `components/icons.html` that shows it.
    #[must_use]
    pub fn icon(self) -> &'static str {
        match self {
            Self::Desktop => "screen",
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Program => "terminal",
            Self::Unknown => "globe",
        }
    }
}

/// What a header says of its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The browser or program with its major version: "Firefox 147", "curl".
    pub browser: Option<String>,
    /// The operating system or device: "macOS", "iPhone".
    pub system: Option<String>,
    /// What kind of thing it is.
    pub kind: Kind,
}

impl Device {
    /// Reads a header.
    #[must_use]
    pub fn of(header: &str) -> Self {
        program(header)
            .or_else(|| crawler(header))
            .or_else(|| browser(header))
            .or_else(|| rarity(header))
            .unwrap_or_else(|| unheard_of(header))
    }

    /// In words; `None` when nothing can be told.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        match (&self.browser, &self.system) {
            (Some(browser), Some(system)) => Some(format!("{browser} on {system}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        }
    }
}

/// The words for `header` without a version, which changes while the device stays the same; `None`
/// when nothing can be told.
#[must_use]
pub fn family(header: &str) -> Option<String> {
    let device = Device::of(header);
    let unversioned = |browser: String| {
        browser.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end().to_owned()
    };
    Device { browser: device.browser.map(unversioned), ..device }.words()
}

/// The words for `header`; `None` when nothing can be told.
#[must_use]
pub fn describe(header: &str) -> Option<String> {
    Device::of(header).words()
}

/// A program of the table, by the product that its header begins with, or names.
fn program(header: &str) -> Option<Device> {
    let first = header.split(['/', ' ', '(']).next().unwrap_or_default().to_lowercase();
    let found = PROGRAMS.iter().find(|(product, _)| {
        product.strip_prefix('*').map_or(*product == first, |part| header.contains(part))
    });
    found.map(|(_, name)| Device {
        browser: Some((*name).to_owned()),
        system: None,
        kind: Kind::Program,
    })
}

/// A crawler, by its own name.
fn crawler(header: &str) -> Option<Device> {
    let words = header.split(['/', ' ', ';', '(', ')', ',']);
    let mut names = words.filter(|word| word.len() <= 30 && word.bytes().all(is_plain));
    let name = names.find(|word| {
        let word = word.to_lowercase();
        // Cubot makes phones.
        word != "cubot" && ["bot", "crawler", "spider"].iter().any(|ending| word.ends_with(ending))
            || word.starts_with("facebookexternalhit")
    })?;
    Some(Device { browser: Some(name.to_owned()), system: None, kind: Kind::Program })
}

/// A browser of the table, on a system of the other.
fn browser(header: &str) -> Option<Device> {
    let (token, name) = BROWSERS.iter().find(|(token, _)| header.contains(token))?;
    // Safari keeps its version apart; all others beside their name.
    let token = if *name == "Safari" { "Version/" } else { token };
    let browser = match major(header, token) {
        Some(version) => format!("{name} {version}"),
        None => (*name).to_owned(),
    };
    let (system, kind) = system(header);
    Some(Device { browser: Some(browser), system: system.map(str::to_owned), kind })
}

/// The digits after `token`.
fn major<'a>(header: &'a str, token: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(token)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(digits).filter(|digits| (1..=5).contains(&digits.len()))
}

fn system(header: &str) -> (Option<&'static str>, Kind) {
    // A browser of iPadOS that asks for pages made for computers calls itself a Mac; only those
    // that Apple's rules keep from being there themselves give it away.
    let guest = ["FxiOS/", "CriOS/", "EdgiOS/"].iter().any(|token| header.contains(token));
    if guest && header.contains("Macintosh") {
        return (Some("iPad"), Kind::Tablet);
    }
    let Some((_, name, kind)) = SYSTEMS.iter().find(|(token, ..)| header.contains(token)) else {
        return (None, Kind::Unknown);
    };
    // Android says `Mobile` on phones alone.
    let tablet = *kind == Kind::Phone && *name == "Android" && !header.contains("Mobile");
    (Some(name), if tablet { Kind::Tablet } else { *kind })
}

/// Old phones, consoles, feed readers: what woothee knows beyond our tables.
fn rarity(header: &str) -> Option<Device> {
    let WootheeResult { name, os, version, category, .. } = Parser::new().parse(header)?;
    let known = |text: &str| Some(text.to_owned()).filter(|text| text != "UNKNOWN");
    let version = version.split('.').next().unwrap_or_default();
    let numbered = !version.is_empty() && version.bytes().all(|digit| digit.is_ascii_digit());
    let browser = known(name).map(|name| if numbered { format!("{name} {version}") } else { name });
    let (system, kind) = system(header);
    let system = system.map(str::to_owned).or_else(|| known(os));
    let kind = match (kind, category) {
        (Kind::Unknown, "pc") => Kind::Desktop,
        (Kind::Unknown, "smartphone" | "mobilephone") => Kind::Phone,
        (Kind::Unknown, "crawler" | "misc") => Kind::Program,
        (kind, _) => kind,
    };
    (browser.is_some() || system.is_some()).then_some(Device { browser, system, kind })
}

/// A program that nobody has heard of, by the `name/version` that its header begins with
/// (RFC 9110 §10.1.5); otherwise nothing.
fn unheard_of(header: &str) -> Device {
    let product = header.split_once('/').filter(|(name, rest)| {
        (2..=40).contains(&name.len())
            && name.bytes().all(is_plain)
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && *name != "Mozilla"
            && rest.starts_with(|c: char| c.is_ascii_digit() || c == 'v')
    });
    let (system, kind) = system(header);
    let browser = product.map(|(name, _)| name.to_owned());
    let kind = if browser.is_some() && kind == Kind::Unknown { Kind::Program } else { kind };
    Device { browser, system: system.map(str::to_owned), kind }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests;
