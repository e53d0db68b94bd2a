//! What a person is advised to do for their account, most pressing first: a pure function of what
//! is known about it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::identity::familiarity::Reason;
use crate::store::events::Event;
use crate::store::sessions::BrowserSession;

/// So few backup codes are a reason to make new ones.
pub const FEW_CODES: i64 = 3;

/// So many failures from elsewhere are worth a question; fewer are somebody's slip.
const STRANGE_FAILURES: usize = 3;

/// An unusual sign-in is asked about for so long.
const ASKED_FOR: Duration = Duration::from_hours(7 * 24);

/// What the person is told about the address of their mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Email {
    /// There is none.
    Missing,
    /// It is not known to be theirs.
    Unverified,
    /// It is.
    Verified,
}

/// Somebody's attempts to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strangers {
    /// How many failed or were blocked.
    pub count: usize,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Where it came from, if that is known.
    pub address: Option<String>,
}

/// A sign-in that was not as usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// When.
    pub at: Timestamp,
    /// What was unusual, in words.
    pub reasons: Vec<String>,
}

/// What is known about an account.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether a second factor is asked for.
    pub two_factor: bool,
    /// How many backup codes were made.
    pub codes_made: usize,
    /// How many are left.
    pub codes_left: i64,
    /// Whether the person said that they keep them.
    pub codes_saved: bool,
    /// The address of their mail.
    pub email: Email,
    /// When the account will be removed.
    pub removal_at: Option<Timestamp>,
    /// Who tried to get in.
    pub strangers: Option<Strangers>,
    /// A sign-in that was not as usual.
    pub unusual: Option<Unusual>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The account will be removed: was that meant?
    RemovalPlanned(Timestamp),
    /// Was this sign-in yours?
    UnusualSignIn(Unusual),
    /// Were these attempts yours?
    FailedAttempts(Strangers),
    /// A password alone opens the account.
    TurnOnTwoFactor,
    /// A lost phone would lock the person out.
    MakeBackupCodes,
    /// Few backup codes are left.
    FewBackupCodes(i64),
    /// The codes were shown, but never said to be kept.
    SaveBackupCodes,
    /// The address of mail is not known to be theirs.
    VerifyEmail,
}

/// What to do, most pressing first; empty when all is well.
#[must_use]
pub fn advise(facts: &Facts) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(facts.removal_at.map(Advice::RemovalPlanned));
    advice.extend(facts.unusual.clone().map(Advice::UnusualSignIn));
    advice.extend(facts.strangers.clone().map(Advice::FailedAttempts));
    if !facts.two_factor {
        advice.push(Advice::TurnOnTwoFactor);
    } else if facts.codes_made == 0 {
        advice.push(Advice::MakeBackupCodes);
    } else if facts.codes_left <= FEW_CODES {
        advice.push(Advice::FewBackupCodes(facts.codes_left));
    } else if !facts.codes_saved {
        advice.push(Advice::SaveBackupCodes);
    }
    if facts.email == Email::Unverified {
        advice.push(Advice::VerifyEmail);
    }
    advice
}

/// Who tried to get in before this session began, since the sign-in before it: attempts from
/// elsewhere than this session, and enough of them. `sign_ins` are the newest first.
#[must_use]
pub fn strangers(sign_ins: &[Event], session: &BrowserSession) -> Option<Strangers> {
    let earlier = |event: &Event| event.outcome == "successful" && event.at < session.created_at;
    let failed: Vec<&Event> = sign_ins
        .iter()
        .take_while(|event| !earlier(event))
        .filter(|event| matches!(event.outcome.as_str(), "failed" | "blocked"))
        .filter(|event| event.address.as_deref() != Some(session.address.as_str()))
        .collect();
    let last = failed.first().filter(|_| failed.len() >= STRANGE_FAILURES)?;
    Some(Strangers { count: failed.len(), last_at: last.at, address: last.address.clone() })
}

/// The newest sign-in that was not as usual and still is worth a question: not once the password
/// was changed after it.
#[must_use]
pub fn unusual(
    sign_ins: &[Event],
    password_set_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Unusual> {
    sign_ins
        .iter()
        .filter(|event| event.outcome == "successful" && now.since(event.at) < ASKED_FOR)
        .filter(|event| password_set_at.is_none_or(|set_at| set_at < event.at))
        .map(|event| Unusual { at: event.at, reasons: reasons(event) })
        .find(|unusual| !unusual.reasons.is_empty())
}

/// What was unusual about a sign-in, in words; empty when nothing was.
#[must_use]
pub fn reasons(event: &Event) -> Vec<String> {
    Reason::of(&event.details).into_iter().map(|reason| reason.words().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn well() -> Facts {
        Facts {
            two_factor: true,
            codes_made: 10,
            codes_left: 10,
            codes_saved: true,
            email: Email::Verified,
            removal_at: None,
            strangers: None,
            unusual: None,
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + 60 * minute)
    }

    fn event(minute: i64, outcome: &str, address: &str) -> Event {
        Event {
            id: String::new(),
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
        let leaving = Facts { removal_at: Some(at(9)), two_factor: false, ..well() };
        assert_eq!(advise(&leaving), [Advice::RemovalPlanned(at(9)), Advice::TurnOnTwoFactor]);
    }

    #[test]
    fn attempts_from_elsewhere_are_told_once_the_owner_is_back() {
        let here = "192.0.2.1";
        let mut trail = vec![event(50, "successful", here)];
        trail.extend((0..3).map(|n| event(40 - n, "failed", "198.51.100.7")));
        trail.push(event(20, "successful", here));
        trail.extend((0..9).map(|n| event(10 - n, "failed", "203.0.113.9")));
        let told = strangers(&trail, &session(50, here)).unwrap();
        assert_eq!((told.count, told.last_at), (3, at(40)), "none from before the last success");
        assert_eq!(told.address.as_deref(), Some("198.51.100.7"));
        // One's own slips, and a single one of somebody else, are none of them.
        assert_eq!(strangers(&trail, &session(50, "198.51.100.7")), None);
        trail.remove(2);
        assert_eq!(strangers(&trail, &session(50, here)), None);
    }

    #[test]
    fn an_unusual_sign_in_is_asked_about_until_the_password_is_new() {
        let mut strange = event(5, "successful", "198.51.100.7");
        strange.details = json!({ "method": "password", "unusual": ["new_country"] });
        let trail = [event(9, "successful", "192.0.2.1"), strange];
        let told = unusual(&trail, Some(at(0)), at(10)).unwrap();
        assert_eq!((told.at, told.reasons), (at(5), vec!["new country".to_owned()]));
        assert_eq!(unusual(&trail, Some(at(6)), at(10)), None);
        assert_eq!(unusual(&trail, None, at(5) + ASKED_FOR), None);
    }
}
