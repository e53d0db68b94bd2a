//! One approval turned into tokens: codes, access tokens, refresh tokens.

use std::collections::BTreeSet;

use super::asking::Asked;
use super::scopes::Scopes;
use super::{DAY, MINUTE, World};

const CODE: i64 = MINUTE;
pub const ACCESS: i64 = 10 * MINUTE;
const UNUSED: i64 = 14 * DAY;
/// How long a predecessor gets the same successor again.
const GRACE: i64 = 10;

/// What a person allowed a client once: every token hangs on it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Grant {
    pub who: usize,
    pub client: usize,
    pub session: usize,
    pub scope: Scopes,
    /// Whether it may outlive the session.
    pub offline: bool,
    pub auth_time: i64,
    pub mfa: bool,
    pub until: i64,
    pub code_until: i64,
    pub code_used: bool,
    /// Used codes are remembered for a day.
    pub code_forgotten: bool,
    pub redeemed: bool,
    pub revoked: bool,
    pub unused_until: i64,
    /// Which refresh token is good.
    pub generation: i64,
    pub previous: Option<i64>,
    pub rotated_at: i64,
    /// The highest generation of which anything was seen.
    pub seen: i64,
    /// Generations whose answers were lost, and replaced.
    pub dead: BTreeSet<i64>,
}

/// An access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub grant: usize,
    pub generation: i64,
    pub scope: Scopes,
    pub issued_at: i64,
    pub until: i64,
    pub revoked: bool,
}

/// How a code is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    Right,
    /// With another verifier or another redirect URI.
    WrongProof,
    /// By another client.
    WrongClient,
}

/// What came of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The place of the access token; the refresh token is that of its generation.
    Tokens(usize),
    Invalid,
    WrongScope,
}

impl World {
    /// Whether tokens under this grant count at all.
    pub fn may_act(&self, grant: &Grant) -> bool {
        let (person, session) = (&self.people[grant.who], &self.sessions[grant.session]);
        let session_stands = !session.ended && self.now < session.until;
        !person.gone
            && !person.locked
            && !self.disabled[grant.client]
            && !grant.revoked
            && self.now < grant.until
            && (grant.offline || session_stands)
    }

    /// Whether an access token is good.
    pub fn is_good(&self, token: usize) -> bool {
        let token = &self.tokens[token];
        let grant = &self.grants[token.grant];
        let from_before_a_lock =
            self.people[grant.who].locked_at.is_some_and(|at| token.issued_at <= at);
        self.now < token.until
            && !token.revoked
            && !from_before_a_lock
            && !grant.dead.contains(&token.generation)
            && self.may_act(grant)
    }

    /// Somebody looks at an access token: whether it is good. The first look at a generation is
    /// remembered.
    pub fn look(&mut self, token: usize) -> bool {
        let good = self.is_good(token);
        if good {
            let Access { grant, generation, .. } = self.tokens[token];
            let grant = &mut self.grants[grant];
            grant.seen = grant.seen.max(generation);
        }
        good
    }

    /// Whether a refresh token would be taken.
    pub fn is_current(&self, grant: usize, generation: i64) -> bool {
        let grant = &self.grants[grant];
        grant.redeemed
            && grant.generation == generation
            && self.now < grant.unused_until
            && self.may_act(grant)
    }

    /// The request is answered with a code, for the person at this seat.
    pub fn answer(&mut self, seat: usize, asked: &Asked, decided: Option<bool>) -> usize {
        let at = self.present(seat).expect("somebody is signed in");
        let (who, client) = (self.sessions[at].who, asked.client);
        let (rules, scope, now) = (self.clients[client], self.grantable(asked), self.now);
        if decided == Some(true) || rules.first_party {
            let allowed = self.consents.entry((who, client)).or_default();
            *allowed = allowed.or(scope);
        }
        let session = &self.sessions[at];
        let offline = Scopes::OFFLINE.within(scope);
        let absolute = now + if rules.public { 30 * DAY } else { 90 * DAY };
        let until = match (offline, rules.refreshes) {
            (true, _) => absolute,
            (false, true) => session.until.min(absolute),
            (false, false) => now + CODE + ACCESS,
        };
        self.grants.push(Grant {
            who,
            client,
            session: at,
            scope,
            offline,
            auth_time: session.auth_time,
            mfa: session.mfa,
            until,
            code_until: now + CODE,
            code_used: false,
            code_forgotten: false,
            redeemed: false,
            revoked: false,
            unused_until: now + UNUSED,
            generation: 1,
            previous: None,
            rotated_at: 0,
            seen: 1,
            dead: BTreeSet::new(),
        });
        self.grants.len() - 1
    }

    /// A code is presented; the access token that came of it.
    pub fn exchange(&mut self, at: usize, how: Presented) -> Option<usize> {
        if how == Presented::WrongClient || self.grants[at].code_forgotten {
            return None;
        }
        if self.grants[at].code_used {
            // Twice: it was stolen on one of its ways.
            self.grants[at].revoked = true;
            return None;
        }
        if self.now >= self.grants[at].code_until {
            return None;
        }
        self.grants[at].code_used = true;
        if how != Presented::Right || !self.may_act(&self.grants[at]) {
            return None;
        }
        self.grants[at].redeemed = true;
        Some(self.issue(at, self.grants[at].scope))
    }

    fn issue(&mut self, grant: usize, scope: Scopes) -> usize {
        let Grant { generation, until, .. } = self.grants[grant];
        let until = (self.now + ACCESS).min(until);
        let issued_at = self.now;
        self.tokens.push(Access { grant, generation, scope, issued_at, until, revoked: false });
        self.tokens.len() - 1
    }

    /// A refresh token is presented by its client, or by another.
    pub fn refresh(
        &mut self,
        at: usize,
        presented: i64,
        scope: Option<Scopes>,
        by_its_client: bool,
    ) -> Refreshed {
        let now = self.now;
        let grant = &self.grants[at];
        if !by_its_client || !self.may_act(grant) || now >= grant.unused_until {
            return Refreshed::Invalid;
        }
        let is_current = presented == grant.generation;
        let is_previous = grant.previous == Some(presented);
        let at_once = now - grant.rotated_at <= GRACE;
        let unseen = grant.seen < grant.generation;
        if !is_current && !(is_previous && (at_once || unseen)) {
            // Two hold tokens of one grant.
            self.grants[at].revoked = true;
            return Refreshed::Invalid;
        }
        if scope.is_some_and(|scope| !scope.within(grant.scope)) {
            return Refreshed::WrongScope;
        }
        let scope = scope.unwrap_or(grant.scope);
        let grant = &mut self.grants[at];
        if is_current {
            (grant.previous, grant.seen) = (Some(presented), grant.seen.max(presented));
        } else if !at_once {
            grant.dead.insert(grant.generation);
        }
        if is_current || !at_once {
            grant.generation += 1;
            (grant.rotated_at, grant.unused_until) = (now, now + UNUSED);
        }
        Refreshed::Tokens(self.issue(at, scope))
    }
}
