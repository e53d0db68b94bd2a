//! The way through for somebody who thinks that another got in: five steps, each done or not by
//! what is so, not by what was clicked. Where only looking helps, the person says that they looked.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::sessions::Whereabouts;
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
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

    /// Whether only the person can say that it is done.
    #[must_use]
    pub fn is_a_look(self) -> bool {
        matches!(self, Self::Applications | Self::Changes)
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

    fn kind(self) -> &'static str {
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
            Step::TwoFactor => self.two_factor,
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

/// When the way was begun last, and what was looked at since; `None` once it was finished.
fn begun(trail: &[Event]) -> Option<(Timestamp, BTreeSet<Step>)> {
    let of = |word: Word| trail.iter().filter(move |event| event.kind == word.kind());
    let begun_at = of(Word::Begin).map(|event| event.at).max()?;
    if of(Word::Finish).any(|event| event.at > begun_at) {
        return None;
    }
    let looks = of(Word::Looked(Step::Changes)).filter(|event| event.at >= begun_at);
    let names = looks.filter_map(|event| event.details.get("step")?.as_str());
    Some((begun_at, names.filter_map(Step::named).collect()))
}

/// The way that the person is on, if they are.
pub async fn find(app: &App, session: &BrowserSession) -> Result<Option<Way>, StoreError> {
    let now = app.clock.now();
    let user_id = &session.user_id;
    let mut db = app.store.read().await?;
    let trail = recent_events::of_kind(&mut db, user_id, "protect_", now - LASTS, 100).await?;
    let Some((begun_at, looked_at)) = begun(&trail) else { return Ok(None) };
    let open = sessions::list(&mut db, user_id).await?;
    let password = credentials::find(&mut db, user_id).await?;
    Ok(Some(Way {
        begun_at,
        other_sessions: open.iter().filter(|one| one.is_live(now) && one.id != session.id).count(),
        password_set_at: password.map(|password| password.set_at),
        two_factor: credentials::has_second_factor(&mut db, user_id).await?,
        applications: consents::list(&mut db, user_id).await?.len(),
        looked_at,
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
    fn only_looks_are_taken_at_their_word() {
        assert_eq!(Word::read("looked-changes"), Some(Word::Looked(Step::Changes)));
        for other in ["looked-password", "looked-", "password", "", "BEGIN"] {
            assert_eq!(Word::read(other), None, "{other:?}");
        }
    }
}
