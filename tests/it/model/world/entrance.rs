//! Signing in, and proving once more who one is.

use super::codes::Code;
use super::tries::{MOST_IN_A_ROW, PAUSE};
use super::{DAY, HOUR, MINUTE, Owed, Session, World};

/// What came of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// It was not looked at.
    Blocked,
    Refused,
    Locked,
    In,
    /// It is right, and a code is owed.
    Owes,
}

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coded {
    /// Nobody owes one here any more: from the beginning.
    Anew,
    Refused,
    In,
}

/// What came of proving once more who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// They are who they say; since when, and whether with a second factor.
    Yes(i64, bool),
    No,
    /// Too many wrong ones: not looked at.
    Closed,
}

/// How somebody types a password.
#[derive(Clone, Copy, Debug)]
pub struct Typing {
    pub who: usize,
    /// Which of their passwords.
    pub password: u32,
    pub remember: bool,
    /// Whether an application asks for more than a trusted browser can give.
    pub strict: bool,
}

impl World {
    /// Takes a try at a password; `false`: it is not looked at.
    fn admit(&mut self, seat: usize, who: usize) -> bool {
        let (now, person) = (self.now, &mut self.people[who]);
        if person.known.values().any(|tries| tries.in_a_row >= MOST_IN_A_ROW) {
            return false;
        }
        person.known.get_mut(&seat).unwrap_or(&mut person.strangers).take(now)
    }

    fn was_right(&mut self, seat: usize, who: usize) {
        let person = &mut self.people[who];
        if let Some(tries) = person.known.get_mut(&seat) {
            tries.succeed();
            person.strangers.in_a_row = 0;
        } else {
            person.strangers.succeed();
        }
    }

    /// Somebody types a name and a password.
    pub fn type_password(&mut self, seat: usize, typing: Typing) -> Typed {
        self.touch(seat);
        let Typing { who, password, remember, strict } = typing;
        if !self.admit(seat, who) {
            return Typed::Blocked;
        }
        if self.people[who].gone || self.people[who].password != password {
            return Typed::Refused;
        }
        self.was_right(seat, who);
        let person = &self.people[who];
        if person.locked {
            return Typed::Locked;
        }
        let trusted = person.trusted.get(&seat).is_some_and(|until| self.now < *until);
        if person.app.is_some() && (strict || !trusted) {
            let until = self.now + 10 * MINUTE;
            self.seats[seat].owed = Some(Owed { who, until, remembered: remember, tries: 0 });
            return Typed::Owes;
        }
        self.enter(seat, who, false, remember);
        Typed::In
    }

    /// Somebody types a code where half a sign-in waits for it.
    pub fn type_code(&mut self, seat: usize, code: Code, trust: bool) -> Coded {
        self.touch(seat);
        let Some(who) = self.owing(seat) else {
            self.seats[seat].owed = None;
            return Coded::Anew;
        };
        let owed = self.seats[seat].owed.as_mut().expect("it is owed");
        owed.tries += 1;
        let remembered = owed.remembered;
        if owed.tries > 5 {
            self.seats[seat].owed = None;
            return Coded::Anew;
        }
        if !self.take_code(who, code) || self.people[who].locked {
            return Coded::Refused;
        }
        self.enter(seat, who, true, remembered);
        if trust && matches!(code, Code::App(_)) {
            self.people[who].trusted.insert(seat, self.now + 30 * DAY);
        }
        Coded::In
    }

    /// Signs the browser in: a session of the same person goes on, another's ends.
    fn enter(&mut self, seat: usize, who: usize, mfa: bool, remembered: bool) {
        let now = self.now;
        self.seats[seat].owed = None;
        self.people[who].known.entry(seat).or_default();
        if let Some(before) = self.present(seat) {
            let session = &mut self.sessions[before];
            if session.who == who {
                (session.auth_time, session.mfa, session.last_active) = (now, mfa, now);
                return;
            }
            self.end_session(before);
        }
        let (idle, absolute) = if remembered { (14 * DAY, 30 * DAY) } else { (HOUR, DAY) };
        self.seats[seat].session = Some(self.sessions.len());
        self.sessions.push(Session {
            who,
            auth_time: now,
            mfa,
            last_active: now,
            idle,
            until: now + absolute,
            ended: false,
            wrong_proofs: (0, i64::MIN / 2),
        });
    }

    /// Somebody who is signed in shows password and code once more. With `known` the session's own
    /// proof stands in for the code.
    pub fn prove(&mut self, seat: usize, right: bool, code: Code, known: bool) -> Proven {
        self.touch(seat);
        let at = self.present(seat).expect("somebody is signed in");
        let (now, who) = (self.now, self.sessions[at].who);
        let (tries, last) = self.sessions[at].wrong_proofs;
        let recent = last > now - PAUSE;
        let counted = if recent { tries + 1 } else { 1 };
        let last = if recent && tries >= 5 { last } else { now };
        self.sessions[at].wrong_proofs = (counted, last);
        if counted > 5 || !self.admit(seat, who) {
            return Proven::Closed;
        }
        if !right {
            return Proven::No;
        }
        self.was_right(seat, who);
        let proof = match (self.people[who].app, known && self.sessions[at].mfa) {
            (None, _) => (now, false),
            (Some(_), true) => (self.sessions[at].auth_time, true),
            (Some(_), false) if self.take_code(who, code) => (now, true),
            (Some(_), false) => return Proven::No,
        };
        self.sessions[at].wrong_proofs = (0, i64::MIN / 2);
        Proven::Yes(proof.0, proof.1)
    }

    /// The session goes on under a new cookie, with what was just proven.
    pub fn renew(&mut self, seat: usize, (auth_time, mfa): (i64, bool)) {
        let at = self.present(seat).expect("somebody is signed in");
        let session = &mut self.sessions[at];
        (session.auth_time, session.mfa, session.last_active) = (auth_time, mfa, self.now);
        self.seats[seat].owed = None;
    }
}
