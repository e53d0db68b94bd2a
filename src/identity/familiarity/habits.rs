//! Where a person signs in from and with what, by which the attempts that fail are judged.
//!
//! That is done when somebody looks at them and never while they happen: being refused must take the
//! same work whatever name was typed (S-109).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{HISTORY, Reason};
use crate::clock::Timestamp;
use crate::store::events::Event;
use crate::store::sign_ins::{self, Way};
use crate::store::{Db, StoreError};
use crate::user_agent;

/// As many sign-ins are looked at; what failed before the oldest of them is not judged.
const COMPARED: i64 = 5_000;

/// Since when a person signs in from each place and with each kind of browser.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    first: Option<Timestamp>,
    countries: BTreeMap<String, Timestamp>,
    /// Since when cities of a country are known: a table without cities is no reason to doubt.
    told_cities: BTreeMap<String, Timestamp>,
    cities: BTreeMap<(String, String), Timestamp>,
    browsers: BTreeMap<String, Timestamp>,
}

impl Habits {
    /// Those of `user_id` in what the history holds.
    pub async fn read(db: &mut Db, user_id: &str, now: Timestamp) -> Result<Self, StoreError> {
        let ways = sign_ins::ways(db, user_id, now - HISTORY, COMPARED).await?;
        Ok(Self::of(&ways))
    }

    /// Those that show in these sign-ins.
    #[must_use]
    pub fn of(ways: &[Way]) -> Self {
        let mut habits = Self { first: ways.iter().map(|way| way.at).min(), ..Self::default() };
        for Way { at, user_agent, details } in ways {
            let text = |name| details.get(name).and_then(Value::as_str).map(str::to_owned);
            if let Some(country) = text("country") {
                if let Some(city) = text("city") {
                    earlier(&mut habits.told_cities, country.clone(), *at);
                    earlier(&mut habits.cities, (country.clone(), city), *at);
                }
                earlier(&mut habits.countries, country, *at);
            }
            if let Some(browser) = user_agent.as_deref().and_then(user_agent::family) {
                earlier(&mut habits.browsers, browser, *at);
            }
        }
        habits
    }

    /// What is unusual about an attempt: what was written down with it, or else what sets it apart
    /// from the sign-ins before it.
    #[must_use]
    pub fn judge(&self, event: &Event) -> Vec<Reason> {
        if event.details.get("unusual").is_some() {
            return Reason::of(&event.details);
        }
        let before = |since: Option<&Timestamp>| since.is_some_and(|since| *since < event.at);
        if !before(self.first.as_ref()) {
            return Vec::new();
        }
        let text = |name| event.details.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut reasons = Vec::new();
        if let Some(country) = text("country") {
            if !before(self.countries.get(&country)) {
                reasons.push(Reason::NewCountry);
            } else if before(self.told_cities.get(&country))
                && text("city").is_some_and(|city| !before(self.cities.get(&(country, city))))
            {
                reasons.push(Reason::NewCity);
            }
        }
        let browser = event.user_agent.as_deref().and_then(user_agent::family);
        if browser.is_some_and(|browser| !before(self.browsers.get(&browser))) {
            reasons.push(Reason::NewDevice);
        }
        reasons
    }
}

fn earlier<K: Ord>(since: &mut BTreeMap<K, Timestamp>, key: K, at: Timestamp) {
    let first = since.entry(key).or_insert(at);
    *first = at.min(*first);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0";
    const NEWER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0";

    fn at(day: i64) -> Timestamp {
        Timestamp::from_seconds(86_400 * day)
    }

    fn way(day: i64, country: &str, city: Option<&str>) -> Way {
        let details = json!({ "country": country, "city": city });
        Way { at: at(day), user_agent: Some(LINUX.into()), details }
    }

    fn attempt(day: i64, user_agent: &str, details: Value) -> Event {
        Event {
            id: String::new(),
            at: at(day),
            request_id: None,
            attempt: None,
            kind: "sign_in".into(),
            user_id: None,
            client_id: None,
            session_id: None,
            actor: None,
            address: None,
            user_agent: Some(user_agent.into()),
            outcome: "failed".into(),
            details,
        }
    }

    #[test]
    fn a_failure_is_held_against_the_sign_ins_before_it() {
        let habits =
            Habits::of(&[way(5, "AT", Some("Vienna")), way(2, "AT", None), way(9, "BR", None)]);
        let judged = |day, details| habits.judge(&attempt(day, LINUX, details));
        assert!(judged(6, json!({ "country": "AT", "city": "Vienna" })).is_empty());
        assert_eq!(judged(6, json!({ "country": "AT", "city": "Graz" })), [Reason::NewCity]);
        // On that day no city of the country was known.
        assert!(judged(3, json!({ "country": "AT", "city": "Graz" })).is_empty());
        // Who signed in from Brazil later may be the one who failed there.
        assert_eq!(judged(6, json!({ "country": "BR" })), [Reason::NewCountry]);
        assert!(judged(10, json!({ "country": "BR" })).is_empty());
        assert!(judged(6, json!({ "country": null })).is_empty(), "unknown is no country");
    }

    #[test]
    fn a_newer_version_is_no_other_browser() {
        let habits = Habits::of(&[way(2, "AT", None)]);
        let judged = |user_agent| habits.judge(&attempt(6, user_agent, json!({})));
        assert!(judged(NEWER).is_empty());
        assert_eq!(judged("curl/8.5.0"), [Reason::NewDevice]);
        assert!(judged("").is_empty(), "who says nothing is not compared");
    }

    #[test]
    fn without_a_sign_in_before_nothing_is_unusual() {
        let brazil = || json!({ "country": "BR" });
        assert!(Habits::default().judge(&attempt(6, "curl/8.5.0", brazil())).is_empty());
        let later = Habits::of(&[way(7, "AT", None)]);
        assert!(later.judge(&attempt(6, "curl/8.5.0", brazil())).is_empty());
    }

    #[test]
    fn what_was_written_down_is_not_judged_again() {
        let habits = Habits::of(&[way(2, "AT", None)]);
        let judged = |unusual| {
            habits.judge(&attempt(6, LINUX, json!({ "country": "BR", "unusual": unusual })))
        };
        assert!(judged(json!([])).is_empty());
        assert_eq!(judged(json!(["unusual_hour"])), [Reason::UnusualHour]);
    }
}
