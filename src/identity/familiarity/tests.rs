//! What is unusual, with the time and the places given.

use std::time::Duration;

use super::{Judgement, Reason, Signs, Visit, judge, kilometers};
use crate::clock::Timestamp;

const DAY: Duration = Duration::from_hours(24);
/// 2026-03-02 09:00:00 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_772_442_000);
const USUAL: Signs = Signs { known_device: true, has_devices: true, failures: 0 };

const BERLIN: (f64, f64) = (52.52, 13.4);
const SYDNEY: (f64, f64) = (-33.87, 151.21);
const POTSDAM: (f64, f64) = (52.4, 13.06);

fn visit(at: Timestamp, country: &str, city: &str) -> Visit {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Visit { at, country: text(country), city: text(city), location: None }
}

fn reasons(now: &Visit, before: &[Visit], signs: Signs) -> Vec<Reason> {
    let judgement = judge(now, before, signs);
    assert!(!judgement.first);
    judgement.reasons
}

#[test]
fn the_first_sign_in_ever_is_not_unusual() {
    let signs = Signs { known_device: false, has_devices: false, failures: 9 };
    let judged = judge(&visit(NOW, "DE", "Berlin"), &[], signs);
    assert_eq!(judged, Judgement { reasons: Vec::new(), first: true });
}

#[test]
fn after_ninety_days_away_only_an_unknown_browser_is_unusual() {
    let now = visit(NOW, "DE", "Berlin");
    assert!(reasons(&now, &[], USUAL).is_empty());
    let signs = Signs { known_device: false, ..USUAL };
    assert_eq!(reasons(&now, &[], signs), [Reason::NewDevice]);
}

#[test]
fn a_country_is_new_once() {
    let before = [visit(NOW - DAY, "DE", ""), visit(NOW - 2 * DAY, "FR", "")];
    for known in ["DE", "FR"] {
        assert!(reasons(&visit(NOW, known, ""), &before, USUAL).is_empty());
    }
    assert_eq!(reasons(&visit(NOW, "CH", ""), &before, USUAL), [Reason::NewCountry]);
    assert!(reasons(&visit(NOW, "", ""), &before, USUAL).is_empty(), "unknown is no country");
    let from_home = [visit(NOW - DAY, "", "")];
    assert_eq!(reasons(&visit(NOW, "CH", ""), &from_home, USUAL), [Reason::NewCountry]);
}

#[test]
fn a_city_is_new_where_others_of_its_country_are_known() {
    let before = [visit(NOW - DAY, "DE", "Berlin"), visit(NOW - DAY, "FR", "")];
    assert!(reasons(&visit(NOW, "DE", "Berlin"), &before, USUAL).is_empty());
    assert_eq!(reasons(&visit(NOW, "DE", "Hamburg"), &before, USUAL), [Reason::NewCity]);
    assert!(reasons(&visit(NOW, "FR", "Paris"), &before, USUAL).is_empty(), "no city to compare");
    // Of a new country every city is new; that is said once.
    assert_eq!(reasons(&visit(NOW, "CH", "Bern"), &before, USUAL), [Reason::NewCountry]);
}

#[test]
fn an_hour_is_unusual_far_from_all_others_and_only_with_enough_of_them() {
    let at = |hour: u64| NOW - Duration::from_hours(9) + Duration::from_hours(hour);
    let mornings = |count: u32| -> Vec<Visit> {
        (1..=count).map(|day| visit(at(9) - day * DAY, "DE", "")).collect()
    };
    let judged = |hour, before: &[Visit]| reasons(&visit(at(hour), "DE", ""), before, USUAL);
    assert!(judged(3, &mornings(9)).is_empty(), "nine are too few to tell");
    for usual in [7, 9, 11] {
        assert!(judged(usual, &mornings(10)).is_empty(), "{usual}");
    }
    for unusual in [3, 6, 12, 21] {
        assert_eq!(judged(unusual, &mornings(10)), [Reason::UnusualHour], "{unusual}");
    }
    // Around midnight yesterday's late evening is near.
    let nights: Vec<_> = (1..=10).map(|day| visit(at(23) - day * DAY, "DE", "")).collect();
    assert!(judged(1, &nights).is_empty());
    assert_eq!(judged(12, &nights), [Reason::UnusualHour]);
}

#[test]
fn failures_count_from_the_fifth() {
    let (now, before) = (visit(NOW, "DE", ""), [visit(NOW - DAY, "DE", "")]);
    assert!(reasons(&now, &before, Signs { failures: 4, ..USUAL }).is_empty());
    let many = Signs { failures: 5, ..USUAL };
    assert_eq!(reasons(&now, &before, many), [Reason::AfterFailures]);
}

#[test]
fn nobody_travels_faster_than_an_airliner() {
    let seen = |at, location| Visit { location: Some(location), ..visit(at, "DE", "") };
    let hours = |hours: u64| NOW - Duration::from_hours(hours);
    let from_berlin = |at, to| reasons(&seen(NOW, to), &[seen(at, BERLIN)], USUAL);
    assert_eq!(from_berlin(hours(2), SYDNEY), [Reason::ImpossibleTravel]);
    assert!(from_berlin(hours(20), SYDNEY).is_empty(), "there are flights");
    assert!(from_berlin(NOW, POTSDAM).is_empty(), "places are not known that well");
    // Only the last known place counts, and without places nothing does.
    let before = [visit(hours(1), "DE", ""), seen(hours(2), BERLIN), seen(hours(30), SYDNEY)];
    assert_eq!(reasons(&seen(NOW, SYDNEY), &before, USUAL), [Reason::ImpossibleTravel]);
    assert!(reasons(&visit(NOW, "DE", ""), &before, USUAL).is_empty());
}

#[test]
fn distances_are_those_of_the_earth() {
    let distance = kilometers(BERLIN, SYDNEY);
    assert!((16_050.0..16_150.0).contains(&distance), "{distance}");
    assert!(kilometers(BERLIN, BERLIN) < 0.001);
    let halfway = kilometers((90.0, 0.0), (-90.0, 0.0));
    assert!((20_000.0..20_030.0).contains(&halfway), "{halfway}");
}

#[test]
fn what_is_written_down_is_read_again() {
    let all: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
    let details = serde_json::json!({ "unusual": all });
    assert_eq!(Reason::of(&details), Reason::ALL);
    for odd in [serde_json::json!(null), serde_json::json!({ "unusual": ["x", 1, null] })] {
        assert!(Reason::of(&odd).is_empty());
    }
}
