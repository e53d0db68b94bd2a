//! The reference model: what the rules say, as plain data and plain functions. It shares no code
//! with the server, knows neither HTTP nor SQL, and its clock is a number.
//!
//! Everything is named by its place in a list: who, at which seat (browser), for which client.

pub mod asking;
pub mod codes;
pub mod endings;
pub mod entrance;
pub mod grants;
pub mod machine;
pub mod scopes;
pub mod tries;

use std::collections::BTreeMap;

use codes::CodeTries;
use grants::{Access, Grant};
use machine::MachineToken;
use scopes::Scopes;
use tries::Tries;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// How long a proof is fresh enough for what matters.
pub const FRESH: i64 = 5 * MINUTE;

/// All there is.
#[derive(Clone, Debug)]
pub struct World {
    /// The present, in seconds.
    pub now: i64,
    pub people: Vec<Person>,
    pub seats: Vec<Seat>,
    pub clients: Vec<Rules>,
    pub sessions: Vec<Session>,
    pub grants: Vec<Grant>,
    pub tokens: Vec<Access>,
    /// What a person allows a client.
    pub consents: BTreeMap<(usize, usize), Scopes>,
    /// Which clients are switched off; after the last of them the machine.
    pub disabled: Vec<bool>,
    /// Tokens that the machine has in its own name.
    pub machine: Vec<MachineToken>,
}

/// What a client may do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Rules {
    pub name: &'static str,
    pub scope: Scopes,
    pub public: bool,
    pub first_party: bool,
    /// Whether its redirects prove who it is; else a consent is asked for each time.
    pub proven: bool,
    /// Whether it gets refresh tokens.
    pub refreshes: bool,
}

/// Somebody who has an account.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Which of their passwords is the right one.
    pub password: u32,
    /// The account is removed.
    pub gone: bool,
    pub locked: bool,
    /// When it was last locked, though it may be open again.
    pub locked_at: Option<i64>,
    /// When it will be removed.
    pub removal_at: Option<i64>,
    /// The last step that a code of the authenticator app was taken for, if there is an app.
    pub app: Option<i64>,
    /// Which backup codes are good.
    pub backup: Vec<bool>,
    /// Wrong codes.
    pub code_tries: CodeTries,
    /// Wrong passwords from browsers that never signed in.
    pub strangers: Tries,
    /// The browsers that did, with the wrong passwords from each.
    pub known: BTreeMap<usize, Tries>,
    /// Browsers that are asked for no code, until when.
    pub trusted: BTreeMap<usize, i64>,
}

/// A browser.
#[derive(Clone, Debug, Default)]
pub struct Seat {
    /// The session that its cookie names, live or not.
    pub session: Option<usize>,
    /// A password that was proven, and owes the code.
    pub owed: Option<Owed>,
}

/// Half a sign-in: it opens nothing.
#[derive(Clone, Debug)]
pub struct Owed {
    pub who: usize,
    pub until: i64,
    pub remembered: bool,
    pub tries: u32,
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    pub who: usize,
    /// When its person last proved who they are.
    pub auth_time: i64,
    /// Whether with a second factor.
    pub mfa: bool,
    pub last_active: i64,
    pub idle: i64,
    pub until: i64,
    pub ended: bool,
    /// Wrong proofs within it, and when the last that mattered was.
    pub wrong_proofs: (u32, i64),
}

impl World {
    pub fn new(now: i64, people: usize, seats: usize, clients: &[Rules]) -> Self {
        Self {
            now,
            people: vec![Person::default(); people],
            seats: vec![Seat::default(); seats],
            clients: clients.to_vec(),
            sessions: Vec::new(),
            grants: Vec::new(),
            tokens: Vec::new(),
            consents: BTreeMap::new(),
            disabled: vec![false; clients.len() + 1],
            machine: Vec::new(),
        }
    }

    /// Whether a session opens anything to the browser that has its cookie.
    pub fn is_live(&self, session: usize) -> bool {
        let one = &self.sessions[session];
        let person = &self.people[one.who];
        !one.ended
            && self.now < one.until
            && self.now < one.last_active + one.idle
            && !person.locked
            && !person.gone
    }

    /// The live session at this seat.
    pub fn present(&self, seat: usize) -> Option<usize> {
        self.seats[seat].session.filter(|session| self.is_live(*session))
    }

    /// Who is signed in at this seat.
    pub fn who(&self, seat: usize) -> Option<usize> {
        self.present(seat).map(|session| self.sessions[session].who)
    }

    /// Who owes a code at this seat.
    pub fn owing(&self, seat: usize) -> Option<usize> {
        let owed = self.seats[seat].owed.as_ref().filter(|owed| self.now < owed.until);
        owed.map(|owed| owed.who)
    }

    /// The person did something: the session is not idle.
    pub fn touch(&mut self, seat: usize) {
        let now = self.now;
        if let Some(at) = self.present(seat) {
            let session = &mut self.sessions[at];
            if now - session.last_active >= MINUTE {
                session.last_active = now;
            }
        }
    }

    /// Whether the proof at this seat is fresh and made with every factor of the account.
    pub fn is_fresh(&self, seat: usize) -> bool {
        self.present(seat).is_some_and(|at| {
            let session = &self.sessions[at];
            self.now - session.auth_time < FRESH
                && (session.mfa || self.people[session.who].app.is_none())
        })
    }

    /// What must hold of any world, however it came about.
    pub fn check(&self) {
        for grant in &self.grants {
            let client = &self.clients[grant.client];
            assert!(grant.scope.within(client.scope), "a grant is wider than its client");
            assert!(grant.seen <= grant.generation);
            if self.may_act(grant) && !client.first_party && client.proven {
                let allowed = self.consents.get(&(grant.who, grant.client));
                let covered = allowed.is_some_and(|allowed| grant.scope.within(*allowed));
                assert!(covered, "a grant acts beyond its consent");
            }
        }
        for (at, token) in self.tokens.iter().enumerate() {
            let grant = &self.grants[token.grant];
            assert!(token.scope.within(grant.scope), "a token is wider than its grant");
            if self.is_good(at) {
                let person = &self.people[grant.who];
                assert!(!person.locked && !person.gone && !grant.revoked);
                let session = &self.sessions[grant.session];
                assert!(grant.offline || !session.ended, "a token outlives its session");
            }
        }
        for person in self.people.iter().filter(|person| person.gone || person.locked) {
            assert!(person.trusted.is_empty(), "a closed account trusts a browser");
        }
    }
}
