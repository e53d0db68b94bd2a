//! What is advised, and what of the trail is asked about.

use serde_json::{Value, json};

use super::*;
use crate::identity::familiarity::Habits;
use crate::store::events::Event;
use crate::store::sessions::BrowserSession;
use crate::store::sign_ins::Way;

fn well() -> Facts {
    Facts {
        two_factor: true,
        codes_blocked: false,
        securing_at: None,
        codes_made: 10,
        codes_left: 10,
        codes_saved: true,
        email: Email::Verified,
        removal_at: None,
        strangers: None,
        unusual: None,
        password_known: None,
        by_backup_code: false,
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + 60 * minute)
}

fn tried(minute: i64, outcome: &str, address: &str) -> Event {
    Event {
        id: format!("{outcome} {minute}"),
        at: at(minute),
        request_id: None,
        attempt: None,
        kind: "sign_in".into(),
        user_id: None,
        client_id: None,
        session_id: None,
        actor: None,
        address: Some(address.into()),
        user_agent: None,
        outcome: outcome.into(),
        details: json!({}),
    }
}

fn session(minute: i64, address: &str) -> BrowserSession {
    BrowserSession {
        id: String::new(),
        token_hash: String::new(),
        user_id: String::new(),
        created_at: at(minute),
        last_active_at: at(minute),
        auth_time: at(minute),
        amr: String::new(),
        acr: String::new(),
        address: address.into(),
        user_agent: String::new(),
        idle_ttl: 0,
        expires_at: at(minute),
        remembered_at: None,
        ended_at: None,
        end_reason: None,
        device_id: None,
    }
}

#[test]
fn an_account_in_good_shape_needs_nothing() {
    assert_eq!(advise(&well()), []);
    assert_eq!(advise(&Facts { email: Email::Missing, ..well() }), []);
}

#[test]
fn each_gap_has_its_advice() {
    let off = Facts { two_factor: false, codes_made: 0, codes_left: 0, ..well() };
    assert_eq!(advise(&off), [Advice::TurnOnTwoFactor], "codes matter only beside an app");
    let none = Facts { codes_made: 0, codes_left: 0, ..well() };
    assert_eq!(advise(&none), [Advice::MakeBackupCodes]);
    for (left, advice) in [(0, true), (3, true), (4, false)] {
        let few = advise(&Facts { codes_left: left, ..well() });
        assert_eq!(few.contains(&Advice::FewBackupCodes(left)), advice, "{left}");
    }
    assert_eq!(advise(&Facts { codes_saved: false, ..well() }), [Advice::SaveBackupCodes]);
    let unverified = Facts { email: Email::Unverified, ..well() };
    assert_eq!(advise(&unverified), [Advice::VerifyEmail]);
    let blocked = advise(&Facts { codes_blocked: true, ..well() });
    assert_eq!(blocked, [Advice::CodesBlocked]);
    let leaving = Facts { removal_at: Some(at(9)), two_factor: false, ..well() };
    assert_eq!(advise(&leaving), [Advice::RemovalPlanned(at(9)), Advice::TurnOnTwoFactor]);
}

#[test]
fn who_came_by_a_backup_code_is_led_to_a_new_device() {
    let came = Facts { by_backup_code: true, ..well() };
    assert_eq!(advise(&came), [Advice::ReplaceDevice]);
    let off = Facts { two_factor: false, codes_made: 0, codes_left: 0, ..came };
    assert_eq!(advise(&off), [Advice::TurnOnTwoFactor]);
}

const HERE: &str = "192.0.2.1";
const THERE: &str = "198.51.100.7";

fn asked(session: &BrowserSession, minute: i64) -> Asked<'_> {
    Asked { session, password_set_at: Some(at(0)), now: at(minute) }
}

fn failures(minutes: impl DoubleEndedIterator<Item = i64>) -> Vec<Event> {
    minutes.rev().map(|minute| tried(minute, "failed", THERE)).collect()
}

fn answer(details: Value) -> Event {
    Event { kind: "sign_in_recognized".into(), details, ..tried(60, "successful", HERE) }
}

#[test]
fn attempts_from_elsewhere_are_told_once_the_owner_is_back() {
    let mut trail = Trail {
        successes: vec![tried(50, "successful", HERE), tried(20, "successful", HERE)],
        failures: failures((2..11).chain(38..41)),
        ..Trail::default()
    };
    let (own, theirs) = (session(50, HERE), session(50, THERE));
    let told = trail.strangers(&asked(&own, 55)).unwrap();
    assert_eq!((told.count, told.last_at), (3, at(40)), "none from before the last success");
    assert_eq!(told.from.address.as_deref(), Some(THERE));
    assert_eq!((told.blocked, told.unfamiliar), (false, None));
    // One's own slips, what came before a new password, and a single one are none of them.
    assert_eq!(trail.strangers(&asked(&theirs, 55)), None);
    let set = Asked { password_set_at: Some(at(45)), ..asked(&own, 55) };
    assert_eq!(trail.strangers(&set), None);
    trail.failures.remove(2);
    assert_eq!(trail.strangers(&asked(&own, 55)), None);
}

#[test]
fn attempts_from_an_unfamiliar_place_are_told_by_its_name() {
    let brazil = |minute, outcome: &str| Event {
        details: json!({ "country": "BR", "place": "Brazil" }),
        ..tried(minute, outcome, THERE)
    };
    let austria = Way { at: at(1), user_agent: None, details: json!({ "country": "AT" }) };
    let mut trail = Trail {
        // The sign-in before this one came after them: they are told all the same.
        successes: vec![tried(50, "successful", HERE), tried(45, "successful", HERE)],
        failures: vec![brazil(42, "blocked"), brazil(41, "failed"), brazil(40, "failed")],
        habits: Habits::of(&[austria]),
        ..Trail::default()
    };
    let own = session(50, HERE);
    let told = trail.strangers(&asked(&own, 55)).unwrap();
    assert_eq!(told.unfamiliar, Some(Unfamiliar { place: "Brazil".into(), count: 3 }));
    assert!(!told.blocked);
    // They were hers, but not the one that comes afterwards.
    trail.answers.push(answer(json!({ "until": at(41).millis() })));
    assert_eq!(trail.strangers(&asked(&own, 55)), None);
    for minute in 46..49 {
        trail.failures.insert(0, tried(minute, "blocked", THERE));
    }
    let told = trail.strangers(&asked(&own, 55)).unwrap();
    assert_eq!(told.unfamiliar, Some(Unfamiliar { place: "Brazil".into(), count: 1 }));
    assert_eq!((told.count, told.blocked), (4, true));
    let week = Asked { now: at(42) + ASKED_FOR, ..asked(&own, 0) };
    assert_eq!(trail.strangers(&week).unwrap().unfamiliar, None, "that is long ago");
}

fn strange(minute: i64, outcome: &str) -> Event {
    Event {
        details: json!({ "method": "password", "unusual": ["new_country", "new_device"] }),
        ..tried(minute, outcome, THERE)
    }
}

#[test]
fn an_unusual_sign_in_is_asked_about_until_the_password_is_new() {
    let trail = Trail { unusual: vec![strange(5, "successful")], ..Trail::default() };
    let own = session(9, HERE);
    let told = trail.unusual(&asked(&own, 10)).unwrap();
    assert_eq!((told.at, told.reasons), (at(5), vec![Reason::NewCountry, Reason::NewDevice]));
    let set = Asked { password_set_at: Some(at(6)), ..asked(&own, 10) };
    assert_eq!(trail.unusual(&set), None);
    let week = Asked { password_set_at: None, now: at(5) + ASKED_FOR, ..asked(&own, 0) };
    assert_eq!(trail.unusual(&week), None);
}

#[test]
fn what_the_person_recognizes_is_asked_about_no_more() {
    let mut trail = Trail {
        unusual: vec![strange(7, "successful"), strange(5, "successful")],
        ..Trail::default()
    };
    let own = session(9, HERE);
    for (minute, open) in [(7, Some(at(5))), (5, None)] {
        trail.answers.push(answer(json!({ "sign_in": format!("successful {minute}") })));
        assert_eq!(trail.unusual(&asked(&own, 10)).map(|one| one.at), open);
    }
}

#[test]
fn a_right_password_elsewhere_without_a_code_is_told_until_it_is_another_one() {
    let attempt = Some("attempt".to_owned());
    let half = Event { attempt: attempt.clone(), ..strange(5, "second factor needed") };
    let mut trail = Trail { half_way: vec![half], ..Trail::default() };
    let own = session(1, HERE);
    assert_eq!(trail.password_known(&asked(&own, 10)), None, "the code may still come");
    let told = trail.password_known(&asked(&own, 15)).unwrap();
    assert_eq!((told.at, told.id.as_str()), (at(5), "second factor needed 5"));
    let set = Asked { password_set_at: Some(at(6)), ..asked(&own, 15) };
    assert_eq!(trail.password_known(&set), None);
    // A wrong code tells it at once.
    trail.failures.push(Event { attempt, ..tried(6, "failed", THERE) });
    assert!(trail.password_known(&asked(&own, 7)).is_some());
    // Who came in later in the same browser had begun twice.
    trail.successes.push(tried(14, "successful", THERE));
    assert_eq!(trail.password_known(&asked(&own, 15)), None);
    trail.successes.clear();
    trail.answers.push(answer(json!({ "sign_in": "second factor needed 5" })));
    assert_eq!(trail.password_known(&asked(&own, 15)), None);
    // The same browser at another hour is no reason.
    trail.answers.clear();
    trail.half_way[0].details = json!({ "unusual": ["unusual_hour"] });
    assert_eq!(trail.password_known(&asked(&own, 15)), None);
}
