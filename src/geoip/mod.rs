//! A network address to the place where it most likely is: approximate, never more than a hint.
//!
//! Nothing leaves the machine for it: a table of countries is built in, and an operator's own file
//! with cities (`geoip.database`) takes its place.

mod countries;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context, ensure};
use ipnet::IpNet;
use maxminddb::{LookupResult, PathElement, Reader, WithinOptions, path};
use serde::{Deserialize, Serialize};

use crate::config::Geoip as Settings;

/// The built-in table; `assets/geoip/README.md` says where it is from.
static COUNTRIES: &[u8] = include_bytes!("../../assets/geoip/countries.mmdb");

/// Addresses that are of no public network: they say nothing but that somebody is near.
const LOCAL: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

/// The words for an address of which nothing can be told.
pub const UNKNOWN: &str = "Unknown";

/// The words for an address of no public network.
pub const NEARBY: &str = "Local network";

/// How many records of an operator's file are looked at to see whether it is one of places.
const TRIED: usize = 1000;

/// No name of a place is longer, in characters.
const LONGEST: usize = 80;

type Bytes = Cow<'static, [u8]>;

/// Where an address most likely is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// In words: "Zurich, Switzerland", "Switzerland", "Local network" or "Unknown".
    pub words: String,
    /// The country's code of ISO 3166-1.
    pub country: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// Latitude and longitude in degrees.
    pub location: Option<(f64, f64)>,
}

impl Place {
    fn called(words: &str) -> Self {
        Self { words: words.to_owned(), country: None, city: None, location: None }
    }

    /// Whether it says anything about where in the world the address is.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.words != UNKNOWN && self.words != NEARBY
    }
}

/// The table by which addresses are placed.
#[derive(Debug)]
pub struct Geoip {
    reader: Reader<Bytes>,
    /// The built-in table, for what the operator's does not hold, such as all of IPv6.
    spare: Option<Reader<Bytes>>,
    local: Vec<IpNet>,
}

impl Geoip {
    /// The operator's table, read into memory, or the built-in one.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let Some(file) = &settings.database else {
            return Self::over(Cow::Borrowed(COUNTRIES), None)
                .context("the built-in country table");
        };
        Self::read(file)
            .with_context(|| format!("geoip.database {} cannot be used", file.display()))
    }

    fn read(file: &Path) -> anyhow::Result<Self> {
        Self::of(std::fs::read(file)?)
    }

    /// The table that a file with this content is.
    pub fn of(content: Vec<u8>) -> anyhow::Result<Self> {
        let spare = Reader::from_source(Cow::Borrowed(COUNTRIES))?;
        let geoip = Self::over(Cow::Owned(content), Some(spare))?;
        let mut records = geoip.reader.networks(WithinOptions::default())?.take(TRIED);
        let places = records.any(|record| record.is_ok_and(|found| place_of(&found).is_known()));
        ensure!(places, "it holds neither countries nor cities");
        Ok(geoip)
    }

    fn over(bytes: Bytes, spare: Option<Reader<Bytes>>) -> anyhow::Result<Self> {
        let reader = Reader::from_source(bytes).context("it is no MMDB file")?;
        let local = LOCAL.iter().map(|network| network.parse()).collect::<Result<_, _>>()?;
        Ok(Self { reader, spare, local })
    }

    /// The place of `address`. What cannot be read, found or told is "Unknown": a page never
    /// fails for it.
    #[must_use]
    pub fn place(&self, address: &str) -> Place {
        let Ok(address) = address.parse::<IpAddr>() else { return Place::called(UNKNOWN) };
        let address = embedded(address.to_canonical());
        if self.local.iter().any(|network| network.contains(&address)) {
            return Place::called(NEARBY);
        }
        [Some(&self.reader), self.spare.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|table| Some(place_of(&table.lookup(address).ok()?)))
            .find(Place::is_known)
            .unwrap_or_else(|| Place::called(UNKNOWN))
    }
}

/// The IPv4 address within one that a NAT64 made of it (RFC 6052 §2.1).
fn embedded(address: IpAddr) -> IpAddr {
    const NAT64: u128 = 0x0064_ff9b << 96;
    match address {
        IpAddr::V6(six) if six.to_bits() & !u128::from(u32::MAX) == NAT64 => {
            Ipv6Addr::from_bits(six.to_bits() - NAT64 + (0xffff << 32)).to_canonical()
        }
        other => other,
    }
}

/// What a record tells, in either of the two layouts that are about: members side by side
/// (`country_code`, `city`), or nested ones with names in many languages (`country.iso_code`).
fn place_of(found: &LookupResult<'_, Bytes>) -> Place {
    let code = text(found, &path!["country", "iso_code"])
        .or_else(|| text(found, &path!["country_code"]))
        .or_else(|| text(found, &path!["country"]))
        .or_else(|| text(found, &path!["registered_country", "iso_code"]))
        .filter(|code| code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_alphabetic()))
        .map(|code| code.to_ascii_uppercase());
    let country = code.as_deref().and_then(countries::name).map(str::to_owned);
    let country = country.or_else(|| text(found, &path!["country", "names", "en"]));
    let city = text(found, &path!["city", "names", "en"]).or_else(|| text(found, &path!["city"]));
    let city = city.map(|city| without_district(&city).to_owned());
    let degrees = |nested: [PathElement<'_>; 2], flat| {
        number(found, &nested).or_else(|| number(found, &[PathElement::Key(flat)]))
    };
    let latitude = degrees(path!["location", "latitude"], "latitude");
    let longitude = degrees(path!["location", "longitude"], "longitude");
    let words = match (&city, &country) {
        // Singapore and Monaco are both.
        (Some(city), Some(country)) if city != country => format!("{city}, {country}"),
        (_, Some(country)) => country.clone(),
        (Some(city), None) => city.clone(),
        (None, None) => return Place::called(UNKNOWN),
    };
    let location = latitude.zip(longitude).filter(|(latitude, longitude)| {
        (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
    });
    Place { words, country: code, city, location }
}

/// "Zurich (Kreis 1)" is Zurich: some tables guess at the district as well, and each would look like
/// another city.
fn without_district(city: &str) -> &str {
    city.split_once(" (").map_or(city, |(name, _)| name)
}

/// A member that is a text, if it is there, is one, and says something.
fn text(found: &LookupResult<'_, Bytes>, path: &[PathElement<'_>]) -> Option<String> {
    let text = member::<String>(found, path)?;
    let clean: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    Some(clean.trim().to_owned()).filter(|text| !text.is_empty())
}

fn number(found: &LookupResult<'_, Bytes>, path: &[PathElement<'_>]) -> Option<f64> {
    member::<f64>(found, path).or_else(|| member::<f32>(found, path).map(f64::from))
}

fn member<'de, T: Deserialize<'de>>(
    found: &LookupResult<'de, Bytes>,
    path: &[PathElement<'_>],
) -> Option<T> {
    found.decode_path(path).ok().flatten()
}

#[cfg(test)]
mod tests;
