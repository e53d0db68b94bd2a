//! Whether a sign-in is like this person's others, or unusual for them.
//!
//! Judged against their successful sign-ins of the last 90 days, the last fifty at most; the
//! judgement is written down with the attempt and never changes afterwards. What fails is judged by
//! [`Habits`], and only when it is shown.

mod habits;

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Timestamp;
use crate::geoip::Place;
use crate::identity::browsers;
use crate::identity::sessions::Whereabouts;
use crate::store::sign_ins::{self, Search, Which};
use crate::store::{Db, StoreError, devices};

pub use habits::Habits;

/// How long attempts stay in the history.
pub const HISTORY: Duration = Duration::from_hours(24 * 90);

/// As many sign-ins are enough to know somebody by, and few enough to be read at each.
const VISITS: i64 = 50;
/// With fewer sign-ins no hour is unusual.
const ENOUGH_FOR_HOURS: usize = 10;
/// So far from all others, around the clock, a sign-in is at an unusual hour.
const HOURS_APART: i64 = 3;
/// As many failures are no slip of the finger.
const FAILURES: i64 = 5;
/// Failures that are older have nothing to do with this.
const FAILURES_WITHIN: Duration = Duration::from_hours(24);
/// Airliners are slower than this, in km/h.
const FASTEST: f64 = 1000.0;
/// Places are not known any better, in km.
const BLUR: f64 = 200.0;
/// The mean radius of the earth, in km.
const EARTH: f64 = 6371.0;

/// Why a sign-in is not like the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// From a country where the person never signed in.
    NewCountry,
    /// From another city.
    NewCity,
    /// In a browser where the person never signed in.
    NewDevice,
    /// At a time of day when the person never does.
    UnusualHour,
    /// After wrong passwords or codes.
    AfterFailures,
    /// Farther from the last one than anybody travels in that time.
    ImpossibleTravel,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NewCountry,
        Self::NewCity,
        Self::NewDevice,
        Self::UnusualHour,
        Self::AfterFailures,
        Self::ImpossibleTravel,
    ];

    /// How it is written down.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewCountry => "new_country",
            Self::NewCity => "new_city",
            Self::NewDevice => "new_device",
            Self::UnusualHour => "unusual_hour",
            Self::AfterFailures => "after_failures",
            Self::ImpossibleTravel => "impossible_travel",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NewCountry => "New country",
            Self::NewCity => "New city",
            Self::NewDevice => "New browser or device",
            Self::UnusualHour => "Unusual time of day",
            Self::AfterFailures => "After several failed attempts",
            Self::ImpossibleTravel => "Too far from your last sign-in",
        }
    }

    /// Whether the person is told by mail: what is in somebody else's hands, not what merely
    /// differs.
    #[must_use]
    pub fn is_told(self) -> bool {
        matches!(self, Self::NewCountry | Self::NewDevice | Self::ImpossibleTravel)
    }

    /// Whether it is about where the person is: a browser or a place that is not one of theirs.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        self.is_told() || self == Self::NewCity
    }

    /// The reasons that were written down with an attempt.
    #[must_use]
    pub fn of(details: &Value) -> Vec<Self> {
        let written = details.get("unusual").and_then(Value::as_array);
        let names = written.into_iter().flatten().filter_map(Value::as_str);
        names.filter_map(|name| Self::ALL.into_iter().find(|one| one.name() == name)).collect()
    }
}

/// One sign-in, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// When.
    pub at: Timestamp,
    /// The country's code.
    pub country: Option<String>,
    /// The city.
    pub city: Option<String>,
    /// Latitude and longitude in degrees.
    pub location: Option<(f64, f64)>,
}

impl Visit {
    /// From this place.
    #[must_use]
    pub fn from(at: Timestamp, place: Place) -> Self {
        Self { at, country: place.country, city: place.city, location: place.location }
    }

    /// As it was written down.
    fn read(at: Timestamp, details: &Value) -> Self {
        let text = |name| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let degrees = |at| details.get("location")?.get(at)?.as_f64();
        let location = degrees(0).zip(degrees(1));
        Self { at, country: text("country"), city: text("city"), location }
    }
}

/// What is known beside the places.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Whether the person has signed in with this browser before.
    pub known_device: bool,
    /// Whether they have with any browser that is remembered.
    pub has_devices: bool,
    /// How many attempts went wrong since the last success.
    pub failures: i64,
}

/// What a sign-in looks like beside the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it is unusual; empty when it is not.
    pub reasons: Vec<Reason>,
    /// Whether there is nothing to compare it with.
    pub first: bool,
}

/// Judges a sign-in against those `before`, the newest first. The very first of an account is
/// never unusual.
#[must_use]
pub fn judge(now: &Visit, before: &[Visit], signs: Signs) -> Judgement {
    let first = before.is_empty() && !signs.has_devices;
    if first {
        return Judgement { reasons: Vec::new(), first };
    }
    let found = [
        (Reason::NewCountry, is_new_country(now, before)),
        (Reason::NewCity, is_new_city(now, before)),
        (Reason::NewDevice, !signs.known_device),
        (Reason::UnusualHour, is_unusual_hour(now, before)),
        (Reason::AfterFailures, signs.failures >= FAILURES),
        (Reason::ImpossibleTravel, is_impossible(now, before)),
    ];
    let reasons = found.into_iter().filter_map(|(reason, holds)| holds.then_some(reason));
    Judgement { reasons: reasons.collect(), first }
}

fn is_new_country(now: &Visit, before: &[Visit]) -> bool {
    now.country.is_some()
        && !before.is_empty()
        && before.iter().all(|one| one.country != now.country)
}

/// A city counts only beside others of its country: without cities in the table there were none.
fn is_new_city(now: &Visit, before: &[Visit]) -> bool {
    let mut compared = before.iter().filter(|one| one.country == now.country && one.city.is_some());
    let known = compared.clone().any(|one| one.city == now.city);
    now.country.is_some() && now.city.is_some() && compared.next().is_some() && !known
}

fn is_unusual_hour(now: &Visit, before: &[Visit]) -> bool {
    let hour = |at: Timestamp| at.seconds().div_euclid(3600).rem_euclid(24);
    let apart = |one: &Visit| {
        let around = (hour(one.at) - hour(now.at)).rem_euclid(24);
        around.min(24 - around)
    };
    before.len() >= ENOUGH_FOR_HOURS && before.iter().all(|one| apart(one) >= HOURS_APART)
}

fn is_impossible(now: &Visit, before: &[Visit]) -> bool {
    let last = before.iter().find_map(|one| Some((one.at, one.location?)));
    let (Some((at, there)), Some(here)) = (last, now.location) else { return false };
    let distance = kilometers(there, here) - BLUR;
    distance > FASTEST * now.at.since(at).as_secs_f64() / 3600.0
}

/// Along the great circle (haversine).
fn kilometers(one: (f64, f64), other: (f64, f64)) -> f64 {
    let [(lat_a, lon_a), (lat_b, lon_b)] =
        [one, other].map(|(lat, lon)| (lat.to_radians(), lon.to_radians()));
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let part = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(lon_b - lon_a);
    2.0 * EARTH * part.clamp(0.0, 1.0).sqrt().asin()
}

/// Judges a sign-in of `user_id` that is about to succeed; the device must not be noted before.
pub async fn assess(
    app: &App,
    db: &mut Db,
    user_id: &str,
    whereabouts: &Whereabouts,
) -> Result<Judgement, StoreError> {
    let now = app.clock.now();
    let since = now - HISTORY;
    let (which, newest) = (Which::Successful, (Timestamp::from_millis(i64::MAX), ""));
    let search = Search { user_id, which, since, before: newest, limit: VISITS };
    let visits: Vec<_> = sign_ins::list(db, search)
        .await?
        .iter()
        .map(|event| Visit::read(event.at, &event.details))
        .collect();
    let known_device = browsers::find(db, user_id, whereabouts).await?.is_some();
    let last = visits.first().map_or(since, |visit| visit.at);
    let failures_since = last.max(now - FAILURES_WITHIN);
    let signs = Signs {
        known_device,
        has_devices: known_device || devices::has_any(db, user_id).await?,
        failures: sign_ins::count_failures(db, user_id, failures_since, FAILURES).await?,
    };
    let place = app.geoip.place(&whereabouts.address);
    Ok(judge(&Visit::from(now, place), &visits, signs))
}

/// What is written down of where an attempt came from: the table of places may be another when it
/// is read.
#[must_use]
pub fn place_details(place: &Place) -> Value {
    // Two decimals are about a kilometer; tables of places know no better.
    let rounded = |degrees: f64| (degrees * 100.0).round() / 100.0;
    json!({
        "place": place.words, "country": place.country, "city": place.city,
        "location": place.location.map(|(lat, lon)| [rounded(lat), rounded(lon)]),
    })
}

#[cfg(test)]
mod tests;
