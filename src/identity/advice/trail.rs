//! What the history holds of attempts on an account, and what of it is worth a question.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{Origin, Strangers, Unfamiliar, Unusual};
use crate::clock::Timestamp;
use crate::geoip::UNKNOWN;
use crate::identity::familiarity::{HISTORY, Habits, Reason};
use crate::identity::sign_in::PENDING_TTL;
use crate::store::events::Event;
use crate::store::sessions::BrowserSession;
use crate::store::sign_ins::{self, Search, Which};
use crate::store::{Db, StoreError, recent_events};
use crate::user_agent;

/// An attempt is asked about for so long; a password that is known, until it is another one.
pub const ASKED_FOR: Duration = Duration::from_hours(7 * 24);

/// So many failures from elsewhere are worth a question; fewer are somebody's slip.
const STRANGE_FAILURES: usize = 3;

/// As many failures are read, and as many that were blocked.
pub const READ_FAILURES: usize = 100;
/// As many sign-ins are read.
const READ_SUCCESSES: usize = 50;
/// As many attempts are read that may have to be asked about; one after the other is.
const READ_QUESTIONS: usize = 50;
/// As many of the person's answers are read.
const READ_ANSWERS: i64 = 500;

/// Attempts on one account, each list the newest first. Each is read by itself, so that no number
/// of one kind hides another.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The last sign-ins.
    pub successes: Vec<Event>,
    /// What failed or was blocked lately.
    pub failures: Vec<Event>,
    /// Sign-ins that were not as usual.
    pub unusual: Vec<Event>,
    /// Right passwords, typed where it was not as usual, that no code followed.
    pub half_way: Vec<Event>,
    /// What the person said to be their own.
    pub answers: Vec<Event>,
    /// Where the person signs in from, and with what.
    pub habits: Habits,
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// In which session. Whether the sign-in that somebody sits in was theirs, they need not be
    /// asked.
    pub session: &'a BrowserSession,
    /// When the password was set: what was tried before is over.
    pub password_set_at: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
}

impl Trail {
    /// What the history holds now.
    pub async fn read(db: &mut Db, asked: &Asked<'_>) -> Result<Self, StoreError> {
        let Asked { session, password_set_at, now } = *asked;
        let user_id = session.user_id.as_str();
        let all = now - HISTORY;
        let set_at = password_set_at.unwrap_or(all).max(all);
        let lately = now - ASKED_FOR;
        let search = |which, since, limit: usize| Search {
            user_id,
            which,
            since,
            before: (Timestamp::from_millis(i64::MAX), ""),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let failed = search(Which::Failed, lately, READ_FAILURES);
        let blocked = search(Which::Blocked, lately, READ_FAILURES);
        let mut failures = sign_ins::list(db, failed).await?;
        failures.extend(sign_ins::list(db, blocked).await?);
        failures.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
        let unusual = search(Which::Unusual, set_at.max(lately), READ_QUESTIONS);
        Ok(Self {
            successes: sign_ins::list(db, search(Which::Successful, all, READ_SUCCESSES)).await?,
            unusual: sign_ins::list(db, unusual).await?,
            half_way: sign_ins::list(db, search(Which::HalfWay, set_at, READ_QUESTIONS)).await?,
            answers: recent_events::answers(db, user_id, all, READ_ANSWERS).await?,
            habits: if failures.len() < STRANGE_FAILURES {
                Habits::default()
            } else {
                Habits::read(db, user_id, now).await?
            },
            failures,
        })
    }

    /// The newest sign-in that was not as usual and still is worth a question: not once the
    /// password was changed after it, or the person said that it was theirs.
    #[must_use]
    pub fn unusual(&self, asked: &Asked<'_>) -> Option<Unusual> {
        let here = Some(asked.session.id.as_str());
        let mut open = self.unanswered(&self.unusual, asked);
        let lately = |event: &&Event| asked.now.since(event.at) < ASKED_FOR;
        open.find(|event| lately(event) && event.session_id.as_deref() != here).map(unusual)
    }

    /// The newest right password that somebody typed in an unfamiliar browser or place, without a
    /// code that followed. One who came in later from the very same place and browser is asked
    /// about by that, if it was not as usual.
    #[must_use]
    pub fn password_known(&self, asked: &Asked<'_>) -> Option<Unusual> {
        let elsewhere =
            |event: &&Event| Reason::of(&event.details).iter().any(|reason| reason.is_elsewhere());
        let over = |event: &&Event| {
            asked.now.since(event.at) >= PENDING_TTL
                || self.failures.iter().any(|one| {
                    one.attempt == event.attempt && one.outcome != "second factor needed"
                })
        };
        let finished = |event: &&Event| {
            self.successes.iter().any(|one| {
                one.at > event.at
                    && one.address == event.address
                    && one.user_agent == event.user_agent
            })
        };
        self.unanswered(&self.half_way, asked)
            .find(|event| elsewhere(event) && over(event) && !finished(event))
            .map(unusual)
    }

    /// Those of `events` that are still open.
    fn unanswered<'e>(
        &self,
        events: &'e [Event],
        asked: &Asked<'_>,
    ) -> impl Iterator<Item = &'e Event> + use<'e> {
        let answered: BTreeSet<String> = self
            .answers
            .iter()
            .filter_map(|answer| answer.details.get("sign_in")?.as_str().map(str::to_owned))
            .collect();
        let set_at = asked.password_set_at;
        events
            .iter()
            .filter(move |event| set_at.is_none_or(|set_at| set_at < event.at))
            .filter(move |event| !answered.contains(&event.id))
    }

    /// Who tried to get in, from elsewhere than this session: since the sign-in before it, and from
    /// an unfamiliar place whenever it was lately. Enough of them, and not those that the person
    /// said to be theirs.
    #[must_use]
    pub fn strangers(&self, asked: &Asked<'_>) -> Option<Strangers> {
        let Asked { session, password_set_at, now } = *asked;
        let said = self.answers.iter().filter_map(|one| one.details.get("until")?.as_i64());
        let said = said.map(Timestamp::from_millis).max();
        let came_before =
            self.successes.iter().map(|one| one.at).find(|at| *at < session.created_at);
        let strange: Vec<(&Event, bool)> = self
            .failures
            .iter()
            .filter(|event| matches!(event.outcome.as_str(), "failed" | "blocked"))
            .filter(|event| event.address.as_deref() != Some(session.address.as_str()))
            .filter(|event| now.since(event.at) < ASKED_FOR)
            .filter(|event| [said, password_set_at].iter().flatten().all(|at| *at < event.at))
            .map(|event| (event, self.is_elsewhere(event)))
            .filter(|(event, elsewhere)| *elsewhere || came_before.is_none_or(|at| at < event.at))
            .collect();
        let (last, _) = strange.first().filter(|_| strange.len() >= STRANGE_FAILURES)?;
        let mut places =
            strange.iter().filter(|(_, elsewhere)| *elsewhere).filter_map(|(one, _)| place(one));
        Some(Strangers {
            count: strange.len(),
            blocked: strange.iter().all(|(event, _)| event.outcome == "blocked"),
            last_at: last.at,
            from: origin(last),
            unfamiliar: places.next().map(|newest| Unfamiliar {
                count: 1 + places.filter(|place| *place == newest).count(),
                place: newest,
            }),
        })
    }

    /// Whether the person had not signed in at that place before.
    fn is_elsewhere(&self, event: &Event) -> bool {
        let reasons = self.habits.judge(event);
        reasons.iter().any(|reason| matches!(reason, Reason::NewCountry | Reason::NewCity))
    }
}

fn unusual(event: &Event) -> Unusual {
    let reasons = Reason::of(&event.details);
    Unusual { id: event.id.clone(), at: event.at, from: origin(event), reasons }
}

fn place(event: &Event) -> Option<String> {
    let words = event.details.get("place").and_then(Value::as_str);
    words.filter(|words| *words != UNKNOWN).map(str::to_owned)
}

fn origin(event: &Event) -> Origin {
    Origin {
        device: event.user_agent.as_deref().and_then(user_agent::describe),
        place: place(event),
        address: event.address.clone().filter(|address| !address.is_empty()),
    }
}
