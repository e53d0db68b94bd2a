//! What a person must do before an application's request can be answered.

use super::World;
use super::scopes::Scopes;

/// `prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    Unsaid,
    None,
    Login,
    Consent,
}

/// What an application asks for, and when it did.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub client: usize,
    /// As it stands in the request.
    pub scope: Scopes,
    pub prompt: Prompt,
    pub max_age: Option<i64>,
    pub at: i64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    SignIn,
    SecondFactor,
    Consent,
    Answer,
    Refuse(&'static str),
}

impl World {
    /// What of the request the client may have at all.
    pub fn grantable(&self, asked: &Asked) -> Scopes {
        let client = &self.clients[asked.client];
        let scope = asked.scope.and(client.scope);
        if client.refreshes { scope } else { scope.minus(Scopes::OFFLINE) }
    }

    /// What comes next at this seat; `decided` is what the person there answered.
    pub fn next(&self, seat: usize, asked: &Asked, decided: Option<bool>) -> Next {
        if self.grantable(asked).is_empty() {
            return Next::Refuse("invalid_scope");
        }
        if decided == Some(false) {
            return Next::Refuse("access_denied");
        }
        let (silent, owes) = (asked.prompt == Prompt::None, self.owing(seat).is_some());
        let Some(at) = self.present(seat) else {
            return match (silent, owes) {
                (true, true) => Next::Refuse("interaction_required"),
                (true, false) => Next::Refuse("login_required"),
                (false, true) => Next::SecondFactor,
                (false, false) => Next::SignIn,
            };
        };
        let session = &self.sessions[at];
        let afresh = asked.prompt == Prompt::Login && session.auth_time < asked.at;
        let too_old = asked.max_age.is_some_and(|age| session.auth_time < asked.at - age);
        if afresh || too_old {
            return match (silent, owes) {
                (true, _) => Next::Refuse("login_required"),
                (false, true) => Next::SecondFactor,
                (false, false) => Next::SignIn,
            };
        }
        self.consent(session.who, asked, decided)
    }

    fn consent(&self, who: usize, asked: &Asked, decided: Option<bool>) -> Next {
        let client = &self.clients[asked.client];
        let allowed = self.consents.get(&(who, asked.client)).copied().unwrap_or_default();
        let stands = client.proven && self.grantable(asked).within(allowed);
        let forced = asked.prompt == Prompt::Consent;
        match () {
            () if decided == Some(true) => Next::Answer,
            () if !forced && (client.first_party || stands) => Next::Answer,
            () if asked.prompt == Prompt::None => Next::Refuse("consent_required"),
            () => Next::Consent,
        }
    }
}
