//! What ends, and what ends with it: user ⊃ session ⊃ grant ⊃ family ⊃ token.

use super::{DAY, World};

impl World {
    /// A session ends, with what was not to outlive it.
    pub fn end_session(&mut self, at: usize) {
        if self.sessions[at].ended {
            return;
        }
        self.sessions[at].ended = true;
        for grant in self.grants.iter_mut().filter(|grant| grant.session == at && !grant.offline) {
            grant.revoked = true;
        }
    }

    /// All sessions of a person end, but one.
    pub fn end_sessions(&mut self, who: usize, except: Option<usize>) {
        for at in 0..self.sessions.len() {
            if self.sessions[at].who == who && Some(at) != except {
                self.end_session(at);
            }
        }
    }

    /// The browser is signed out by its person.
    pub fn sign_out(&mut self, seat: usize) {
        if let Some(at) = self.present(seat) {
            self.end_session(at);
        }
        (self.seats[seat].session, self.seats[seat].owed) = (None, None);
    }

    /// Half sign-ins of this person are worth nothing.
    pub fn forget_owed(&mut self, who: usize) {
        for seat in &mut self.seats {
            seat.owed.take_if(|owed| owed.who == who);
        }
    }

    fn forget_tries(&mut self, who: usize) {
        let person = &mut self.people[who];
        person.strangers.succeed();
        person.known.values_mut().for_each(super::tries::Tries::succeed);
    }

    /// All that a person allowed one client, or any, dies.
    pub fn revoke_grants(&mut self, who: usize, client: Option<usize>) {
        let theirs = self.grants.iter_mut().filter(|grant| grant.who == who);
        for grant in theirs.filter(|grant| client.is_none_or(|client| client == grant.client)) {
            grant.revoked = true;
            grant.code_used = true;
        }
    }

    /// A person disconnects one application, or all.
    pub fn disconnect(&mut self, who: usize, client: Option<usize>) {
        self.consents
            .retain(|(of, to), _| *of != who || client.is_some_and(|client| client != *to));
        self.revoke_grants(who, client);
    }

    /// A person has a new password, chosen at this seat.
    pub fn change_password(
        &mut self,
        seat: usize,
        new: u32,
        end_applications: bool,
        proof: (i64, bool),
    ) {
        let at = self.present(seat).expect("somebody is signed in");
        let who = self.sessions[at].who;
        self.end_sessions(who, Some(at));
        if end_applications {
            self.disconnect(who, None);
        }
        self.people[who].password = new;
        self.people[who].trusted.clear();
        self.forget_tries(who);
        self.forget_owed(who);
        self.renew(seat, proof);
    }

    pub fn lock(&mut self, who: usize) {
        let now = self.now;
        let person = &mut self.people[who];
        if !person.locked {
            (person.locked, person.locked_at) = (true, Some(now));
        }
        person.trusted.clear();
        self.end_sessions(who, None);
        self.forget_owed(who);
    }

    pub fn unlock(&mut self, who: usize) {
        self.people[who].locked = false;
        self.forget_tries(who);
    }

    /// Support sets a password: everything of the person is signed out.
    pub fn set_password(&mut self, who: usize, new: u32) {
        self.end_everything(who);
        self.people[who].password = new;
        self.forget_tries(who);
    }

    /// A new password was chosen by a mailed link: whoever knew the old one is out, and the second
    /// factor stays.
    pub fn recover(&mut self, who: usize, new: u32) {
        self.set_password(who, new);
    }

    /// Support takes the second factor away: everything of the person is signed out.
    pub fn reset_two_factor(&mut self, who: usize) {
        self.end_sessions(who, None);
        self.revoke_grants(who, None);
        self.strip(who);
    }

    fn end_everything(&mut self, who: usize) {
        self.end_sessions(who, None);
        self.revoke_grants(who, None);
        self.consents.retain(|(of, _), _| *of != who);
        self.forget_owed(who);
        self.people[who].trusted.clear();
    }

    /// The account is removed, with all that is its.
    pub fn remove(&mut self, who: usize) {
        self.end_everything(who);
        self.people[who] = super::Person { gone: true, ..super::Person::default() };
    }

    /// A person plans the removal of their account.
    pub fn plan_removal(&mut self, seat: usize) {
        let at = self.present(seat).expect("somebody is signed in");
        let who = self.sessions[at].who;
        if self.people[who].removal_at.is_some() {
            return;
        }
        self.end_sessions(who, Some(at));
        self.disconnect(who, None);
        self.people[who].removal_at = Some(self.now + 14 * DAY);
    }

    /// What the clockwork does: removes accounts whose time has come, forgets what is long over.
    pub fn housekeeping(&mut self) {
        let now = self.now;
        for who in 0..self.people.len() {
            if self.people[who].removal_at.is_some_and(|at| at <= now) {
                self.remove(who);
            }
        }
        for grant in &mut self.grants {
            grant.code_forgotten |= grant.code_until < now - DAY;
        }
    }
}
