//! The sample's own sessions: in memory, bounded, behind a random cookie.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::provider::{Attempt, SignedIn};
use super::wire::Exchange;
use crate::secret::{Random, equal, sha256};

/// How many browsers the sample remembers; the oldest goes first.
const MOST_SESSIONS: usize = 500;
/// How many sign-ins one browser may have under way, in as many tabs.
const MOST_ATTEMPTS: usize = 5;

/// What the last button did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Outcome {
    pub title: &'static str,
    /// Whether what happened is what the button promised.
    pub succeeded: bool,
    pub sentence: String,
    pub exchange: Option<Exchange>,
    pub changes: Vec<Change>,
}

/// A token before and after, shortened.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Change {
    pub token: &'static str,
    pub before: String,
    pub after: String,
}

/// What the sample knows of one browser.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Proves that a form came from one of our own pages.
    pub form_token: String,
    pub attempts: Vec<Attempt>,
    pub signed_in: Option<SignedIn>,
    pub outcome: Option<Outcome>,
    /// The `state` of a sign-out under way (RP-Initiated Logout §2).
    pub sign_out_state: Option<String>,
    pub notice: Option<&'static str>,
}

impl Session {
    /// Takes the sign-in that `state` belongs to: it is answered once.
    pub(super) fn take_attempt(&mut self, state: &str) -> Option<Attempt> {
        let at = self.attempts.iter().position(|attempt| equal(&attempt.state, state))?;
        Some(self.attempts.remove(at))
    }

    pub(super) fn begin(&mut self, attempt: Attempt) {
        if self.attempts.len() >= MOST_ATTEMPTS {
            self.attempts.remove(0);
        }
        self.attempts.push(attempt);
    }
}

#[derive(Debug, Default)]
struct Shelf {
    by_hash: HashMap<String, Session>,
    oldest_first: VecDeque<String>,
}

/// All sessions, by the hash of their cookie.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    shelf: Mutex<Shelf>,
}

impl Sessions {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // A session is replaced as a whole, so a panic elsewhere leaves none half written.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `session` under a new cookie and returns the cookie's value.
    pub(super) fn insert(&self, random: &Random, mut session: Session) -> String {
        session.form_token = random.token("");
        let cookie = random.token("");
        let hash = sha256(&cookie);
        let mut kept = self.shelf();
        while kept.oldest_first.len() >= MOST_SESSIONS {
            if let Some(oldest) = kept.oldest_first.pop_front() {
                kept.by_hash.remove(&oldest);
            }
        }
        kept.oldest_first.push_back(hash.clone());
        kept.by_hash.insert(hash, session);
        cookie
    }

    /// The session behind `cookie`, as it is now.
    pub(super) fn find(&self, cookie: &str) -> Option<Session> {
        self.shelf().by_hash.get(&sha256(cookie)).cloned()
    }

    /// Changes the session behind `cookie`, if it is still there.
    pub(super) fn update<T>(
        &self,
        cookie: &str,
        change: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        self.shelf().by_hash.get_mut(&sha256(cookie)).map(change)
    }

    /// Forgets the session behind `cookie` and returns what it was.
    pub(super) fn remove(&self, cookie: &str) -> Option<Session> {
        let hash = sha256(cookie);
        let mut kept = self.shelf();
        kept.oldest_first.retain(|other| *other != hash);
        kept.by_hash.remove(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(state: &str) -> Attempt {
        Attempt { state: state.to_owned(), nonce: "n".to_owned(), verifier: "v".to_owned() }
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let (random, sessions) = (Random::seeded(1), Sessions::default());
        let first = sessions.insert(&random, Session::default());
        let second = sessions.insert(&random, Session::default());
        for _ in 0..MOST_SESSIONS - 1 {
            sessions.insert(&random, Session::default());
        }
        assert!(sessions.find(&first).is_none());
        assert!(sessions.find(&second).is_some());
        assert_eq!(sessions.shelf().by_hash.len(), MOST_SESSIONS);
    }

    #[test]
    fn a_removed_session_leaves_no_place_behind() {
        let (random, sessions) = (Random::seeded(2), Sessions::default());
        let cookie = sessions.insert(&random, Session::default());
        assert!(sessions.remove(&cookie).is_some());
        assert!(sessions.remove(&cookie).is_none());
        assert!(sessions.shelf().oldest_first.is_empty());
    }

    #[test]
    fn a_sign_in_is_answered_once() {
        let mut session = Session::default();
        session.begin(attempt("one"));
        session.begin(attempt("two"));
        assert!(session.take_attempt("other").is_none());
        assert!(session.take_attempt("one").is_some());
        assert!(session.take_attempt("one").is_none());
        assert!(session.take_attempt("two").is_some());
    }

    #[test]
    fn a_browser_has_a_bounded_number_of_sign_ins_under_way() {
        let mut session = Session::default();
        for n in 0..=MOST_ATTEMPTS {
            session.begin(attempt(&n.to_string()));
        }
        assert_eq!(session.attempts.len(), MOST_ATTEMPTS);
        assert!(session.take_attempt("0").is_none());
    }
}
