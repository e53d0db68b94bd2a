//! What a signed-in person does with their own account, as the audit trail and the mails about it
//! keep it.

use crate::app::App;
use crate::identity::sessions::Whereabouts;
use crate::notices::Source;
use crate::store::events::Event;
use crate::store::sessions::BrowserSession;
use crate::store::users::User;

/// Who acts, in which session, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Who.
    pub user: &'a User,
    /// In which session.
    pub session: &'a BrowserSession,
    /// From where.
    pub whereabouts: &'a Whereabouts,
}

impl<'a> Act<'a> {
    /// The event of this kind, now.
    #[must_use]
    pub fn event(&self, app: &App, kind: &str, details: serde_json::Value) -> Event {
        Event {
            user_id: Some(self.user.id.clone()),
            actor: Some(self.user.id.clone()),
            session_id: Some(self.session.id.clone()),
            address: Some(self.whereabouts.address.clone()),
            user_agent: Some(self.whereabouts.user_agent.clone()),
            details,
            ..app.event(kind)
        }
    }

    /// Where it happened, for the mail about it.
    #[must_use]
    pub fn source(&self) -> Source<'a> {
        Source { address: &self.whereabouts.address, user_agent: &self.whereabouts.user_agent }
    }
}
