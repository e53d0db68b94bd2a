//! The second factor: time-based codes of authenticator apps (RFC 6238), backup codes, browsers
//! that are trusted for a while, and who must have one.

mod backup_codes;
mod check;
mod claim;
mod enrolment;
mod policy;
mod removal;
mod seed;
mod tries;
mod trust;

use serde_json::Value;

pub use backup_codes::{Typed, mark_saved, renew};
pub use check::{Attempt, Factor, SecondFactor, accept, check_code, is_by_backup_code, person};
pub use claim::{Claim, Confirmed, Done, NAME_LENGTH, Replaces};
pub use enrolment::{ENROLMENT_TTL, Enrolment, MAX_AUTHENTICATORS, Within, begin, confirm};
pub use policy::is_required;
pub use removal::{Removed, remove_one, reset, turn_off};
pub use seed::{SEED, digits, seed_place};
pub use tries::are_codes_blocked;
pub use trust::{distrust_all, distrust_one, is_offered, may_be_trusted, skips_code, trust};

use crate::app::App;
use crate::identity::sessions::Whereabouts;
use crate::notices::Source;
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::store::{Db, StoreError, acting};

/// A person who does something to their own factors, and from where.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// Who.
    pub user: &'a User,
    /// In which session; none while they are signing in.
    pub session: Option<&'a BrowserSession>,
    /// From where.
    pub whereabouts: &'a Whereabouts,
}

impl By<'_> {
    /// Begins what is done in the session, if it is done in one.
    async fn begin(&self, app: &App, db: &mut Db) -> Result<(), StoreError> {
        match self.session {
            Some(session) => acting::begin(db, session, app.clock.now()).await,
            None => Ok(()),
        }
    }

    fn source(&self) -> Source<'_> {
        Source { address: &self.whereabouts.address, user_agent: &self.whereabouts.user_agent }
    }

    /// The trail and the person's own list of changes show it.
    async fn record(
        &self,
        app: &App,
        db: &mut Db,
        kind: &str,
        details: Value,
    ) -> Result<(), StoreError> {
        let event = Event {
            user_id: Some(self.user.id.clone()),
            actor: Some(self.user.id.clone()),
            session_id: self.session.map(|session| session.id.clone()),
            address: Some(self.whereabouts.address.clone()),
            user_agent: Some(self.whereabouts.user_agent.clone()),
            outcome: "successful".into(),
            details,
            ..app.event(kind)
        };
        events::record(db, &event).await
    }
}
