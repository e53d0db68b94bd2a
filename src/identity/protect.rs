//! The way through for somebody who thinks that another got in: five steps, each done or not by
//! what is so, not by what was clicked. Where only looking helps, the person says that they looked.
//! That somebody is on the way stands in their record: every page of theirs leads back to it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::sessions::Whereabouts;
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
use crate::store::users::{self, User};
use crate::store::{StoreError, acting, consents, credentials, recent_events, sessions};

/// A way that was begun longer ago is begun anew.
const LASTS: Duration = Duration::from_hours(24);

/// What is done on the way, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Ending every other session.
    Sessions,
    /// A new password.
    Password,
    /// A second factor.
    TwoFactor,
    /// A look at the connected applications.
    Applications,
    /// A look at what was changed.
    Changes,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Sessions, Self::Password, Self::TwoFactor, Self::Applications, Self::Changes];

    /// The word for it in forms and in the audit trail.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Password => "password",
            Self::TwoFactor => "two-factor",
            Self::Applications => "applications",
            Self::Changes => "changes",
        }
    }

    /// Which of the five it is, for people: they count from one.
    #[must_use]
    pub fn number(self) -> usize {
        Self::ALL.into_iter().take_while(|step| *step != self).count() + 1
    }

    /// Whether the person may say that it is done by a look. A second factor that is off is turned
    /// on; of one that was on before, only they know whether all of it is theirs.
    #[must_use]
    pub fn is_a_look(self) -> bool {
        matches!(self, Self::TwoFactor | Self::Applications | Self::Changes)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}

/// What the person says on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// "Begin."
    Begin,
    /// "I have looked at it."
    Looked(Step),
    /// "That is all."
    Finish,
}

impl Word {
    /// Reads a button's value.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "begin" => Some(Self::Begin),
            "finish" => Some(Self::Finish),
            other => {
                let step = Step::named(other.strip_prefix("looked-")?)?;
                step.is_a_look().then_some(Self::Looked(step))
            }
        }
    }

    /// The kind of the event that notes it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Begin => "protect_begun",
            Self::Looked(_) => "protect_reviewed",
            Self::Finish => "protect_finished",
        }
    }
}

/// What is so now, on a way that was begun.
#[derive(Clone, Debug)]
pub struct Way {
    /// When it was begun.
    pub begun_at: Timestamp,
    /// Other browsers that are signed in.
    pub other_sessions: usize,
    /// When the password was set.
    pub password_set_at: Option<Timestamp>,
    /// Whether a second factor is asked for.
    pub two_factor: bool,
    /// Whether there is an authenticator app from before the way: whoever got in may have added it.
    pub older_authenticators: bool,
    /// How many applications are connected.
    pub applications: usize,
    /// What the person has looked at.
    pub looked_at: BTreeSet<Step>,
}

impl Way {
    /// Whether a step is done.
    #[must_use]
    pub fn is_done(&self, step: Step) -> bool {
        match step {
            Step::Sessions => self.other_sessions == 0,
            Step::Password => self.password_set_at.is_some_and(|set_at| set_at >= self.begun_at),
            Step::TwoFactor => {
                self.two_factor && (!self.older_authenticators || self.looked_at.contains(&step))
            }
            Step::Applications => self.applications == 0 || self.looked_at.contains(&step),
            Step::Changes => self.looked_at.contains(&step),
        }
    }

    /// What to do next; `None` when all is done.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.is_done(*step))
    }
}

/// Since when a person is on the way, if they are.
#[must_use]
pub fn begun_at(user: &User, now: Timestamp) -> Option<Timestamp> {
    user.securing_at.filter(|at| now.since(*at) < LASTS)
}

/// The way that the person is on, if they are; `here` is the hash of the cookie of the session that
/// they sit in. For everybody else this asks the database nothing.
pub async fn find(app: &App, user: &User, here: &str) -> Result<Option<Way>, StoreError> {
    let now = app.clock.now();
    let Some(begun_at) = begun_at(user, now) else { return Ok(None) };
    let mut db = app.store.read().await?;
    let kind = Word::Looked(Step::Changes).kind();
    let looks = recent_events::of_kind(&mut db, &user.id, kind, begun_at, 100).await?;
    let names = looks.iter().filter_map(|event| event.details.get("step")?.as_str());
    let open = sessions::list(&mut db, &user.id).await?;
    let others = open.iter().filter(|one| one.is_live(now) && one.token_hash != here);
    let password = credentials::find(&mut db, &user.id).await?;
    let apps = credentials::list_totp(&mut db, &user.id).await?;
    let confirmed: Vec<_> = apps.iter().filter_map(|one| one.confirmed_at).collect();
    Ok(Some(Way {
        begun_at,
        other_sessions: others.count(),
        password_set_at: password.map(|password| password.set_at),
        two_factor: !confirmed.is_empty(),
        older_authenticators: confirmed.iter().any(|at| *at < begun_at),
        applications: consents::list(&mut db, &user.id).await?.len(),
        looked_at: names.filter_map(Step::named).collect(),
    }))
}

/// Notes what the person says.
pub async fn say(
    app: &App,
    session: &BrowserSession,
    word: Word,
    whereabouts: &Whereabouts,
) -> Result<(), StoreError> {
    let details = match word {
        Word::Looked(step) => json!({ "step": step.name() }),
        Word::Begin | Word::Finish => json!({}),
    };
    let event = Event {
        user_id: Some(session.user_id.clone()),
        actor: Some(session.user_id.clone()),
        session_id: Some(session.id.clone()),
        address: Some(whereabouts.address.clone()),
        user_agent: Some(whereabouts.user_agent.clone()),
        details,
        ..app.event(word.kind())
    };
    let mut db = app.store.write().await?;
    acting::begin(&mut db, session, app.clock.now()).await?;
    match word {
        Word::Begin => users::set_securing(&mut db, &session.user_id, Some(event.at)).await?,
        Word::Finish => users::set_securing(&mut db, &session.user_id, None).await?,
        Word::Looked(_) => true,
    };
    events::record(&mut db, &event).await?;
    db.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way {
        Way {
            begun_at: Timestamp::from_seconds(100),
            other_sessions: 1,
            password_set_at: Some(Timestamp::from_seconds(99)),
            two_factor: false,
            older_authenticators: false,
            applications: 2,
            looked_at: BTreeSet::new(),
        }
    }

    #[test]
    fn each_step_is_done_by_what_is_so() {
        let mut way = way();
        assert_eq!(way.next(), Some(Step::Sessions));
        way.other_sessions = 0;
        assert_eq!(
            way.next(),
            Some(Step::Password),
            "a password from before the way is the old one"
        );
        way.password_set_at = Some(way.begun_at);
        assert_eq!(way.next(), Some(Step::TwoFactor));
        way.two_factor = true;
        assert_eq!(way.next(), Some(Step::Applications));
        way.looked_at.insert(Step::Applications);
        assert_eq!(way.next(), Some(Step::Changes));
        way.looked_at.insert(Step::Changes);
        assert_eq!(way.next(), None);
        // Whoever signs in meanwhile is a step to do again.
        way.other_sessions = 1;
        assert_eq!(way.next(), Some(Step::Sessions));
    }

    #[test]
    fn a_second_factor_from_before_is_looked_at() {
        let mut way = Way { two_factor: true, older_authenticators: true, ..way() };
        assert!(!way.is_done(Step::TwoFactor));
        way.looked_at.insert(Step::TwoFactor);
        assert!(way.is_done(Step::TwoFactor));
        way.two_factor = false;
        assert!(!way.is_done(Step::TwoFactor), "a look turns nothing on");
    }

    #[test]
    fn the_steps_are_counted_from_one() {
        assert_eq!(Step::ALL.map(Step::number), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn only_looks_are_taken_at_their_word() {
        assert_eq!(Word::read("looked-changes"), Some(Word::Looked(Step::Changes)));
        for other in ["looked-password", "looked-", "password", "", "BEGIN"] {
            assert_eq!(Word::read(other), None, "{other:?}");
        }
    }
}
