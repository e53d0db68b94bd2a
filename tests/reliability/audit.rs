//! The audit: after the fault, is everything so that was acknowledged, and nothing by half?

use crate::ledger::{Actor, Life};
use crate::wire::{Auth, Reply};
use latchkey::paths;

impl Actor {
    /// Looks at all that this actor knows, and makes what was doubtful certain. The server must
    /// be able to answer.
    pub async fn audit(&mut self) {
        self.wire.persists = true;
        self.wire.repeated = 0;
        self.look_at_all().await;
        self.wire.persists = false;
    }

    async fn look_at_all(&mut self) {
        self.audit_codes().await;
        self.audit_session().await;
        for at in 0..self.grants.len() {
            match self.grants[at].life {
                Life::Alive if self.is_rotating(at) => {
                    // The answer was lost: the client tries again, and must not be shut out.
                    self.rotate(at).await;
                }
                Life::Alive => {}
                Life::Dead => self.is_dead(at).await,
                Life::Doubtful => self.find_out(at).await,
            }
            if self.grants[at].life == Life::Alive && !self.is_rotating(at) {
                self.is_alive(at).await;
            }
        }
        self.replay().await;
        self.audit_password().await;
        self.grants.retain(|grant| grant.life == Life::Alive);
    }

    fn must(&mut self, what: &str, reply: Option<Reply>) -> Option<Reply> {
        if reply.is_none() {
            self.violate(&format!("{what}: no answer in calm weather"), None);
        }
        reply
    }

    /// A code that was handed out and not presented is good still.
    async fn audit_codes(&mut self) {
        for (code, verifier) in self.take_codes() {
            let before = self.wire.repeated;
            let reply = self.present_code(&code, &verifier).await;
            // Told to come back, nobody knows whether it was spent.
            if let Some(reply) = self.must("code", reply)
                && reply.status != 200
                && self.wire.repeated == before
            {
                self.violate("an issued code was lost", Some(&reply));
            }
        }
    }

    async fn audit_session(&mut self) {
        let before = self.session;
        if !self.wire.cookies.contains_key("latchkey_session") {
            self.session = Life::Dead;
            return;
        }
        let mut found = Vec::new();
        for _ in 0..2 {
            let reply = self.ask_authorization(false, "verifier-verifier-verifier-verifier-verif");
            let reply = reply.await;
            let Some(reply) = self.must("session", reply) else { return };
            found.push(reply.parameter("code").is_some());
            if before == Life::Alive && !found[0] {
                self.violate("a session was lost", Some(&reply));
            }
            if before == Life::Dead && found[0] {
                self.violate("a session that was ended lives", Some(&reply));
            }
        }
        // What was under way may end it late; nothing brings it back.
        if !found[0] && found[1] {
            self.violate("a session is half there", None);
        }
        self.session = if found[1] { Life::Alive } else { Life::Dead };
        if !found[1] {
            self.wire.cookies.remove("latchkey_session");
        }
    }

    async fn alive(&mut self, token: &str) -> Option<bool> {
        let reply = self.ask_introspection("introspect", token).await;
        let reply = self.must("introspection", reply)?;
        let active = reply.active();
        if active.is_none() {
            self.violate("introspection says nothing", Some(&reply));
        }
        active
    }

    async fn is_alive(&mut self, at: usize) {
        let grant = self.grants[at].clone();
        for token in [&grant.access, &grant.refresh] {
            if self.alive(token).await == Some(false) {
                self.violate("a token that nobody revoked is dead", None);
            }
        }
        for token in &grant.revoked {
            if self.alive(token).await == Some(true) {
                self.violate("a revoked access token lives", None);
            }
        }
    }

    async fn is_dead(&mut self, at: usize) {
        let grant = self.grants[at].clone();
        if self.alive(&grant.access).await == Some(true) {
            self.violate("a dead grant's access token lives", None);
        }
        let reply = self.wire.get("userinfo", paths::USERINFO, Auth::Bearer(&grant.access)).await;
        if reply.as_ref().is_none_or(|reply| reply.status != 401) {
            self.violate("userinfo for a dead grant", reply.as_ref());
        }
        let reply = self.present(&grant.refresh).await;
        if reply.as_ref().is_none_or(|reply| reply.status != 400) {
            self.violate("a dead grant's refresh token", reply.as_ref());
        }
    }

    /// What was asked for and not answered happened or did not, and every door says the same. If
    /// the access token alone was to end, that may be.
    async fn find_out(&mut self, at: usize) {
        let grant = self.grants[at].clone();
        let access = self.alive(&grant.access).await;
        let refresh = self.alive(&grant.refresh).await;
        let reply = self.wire.get("userinfo", paths::USERINFO, Auth::Bearer(&grant.access)).await;
        if reply.map(|reply| reply.status == 200) != access {
            self.violate("userinfo and introspection do not agree", None);
        }
        if access == Some(true) && refresh == Some(false) && !self.is_rotating(at) {
            self.violate("an access token outlived its grant", None);
        }
        // Whatever it is: from here on it is dead or left alone.
        if refresh == Some(false) && !self.is_rotating(at) {
            self.settle(at, Life::Dead);
            self.is_dead(at).await;
        }
        self.settle(at, Life::Doubtful);
    }

    /// Nothing is good twice: a code and a refresh token of long ago end what they gave.
    async fn replay(&mut self) {
        let living = |actor: &Self, at: &usize| actor.grants[*at].life == Life::Alive;
        let all: Vec<usize> = (0..self.grants.len()).filter(|at| living(self, at)).collect();
        if let Some(at) = all.first().copied() {
            let (code, verifier) = (self.grants[at].code.clone(), self.verifier(at));
            let reply = self.present_code(&code, &verifier).await;
            if reply.as_ref().is_none_or(|reply| reply.status != 400) {
                self.violate("a code was good twice", reply.as_ref());
            }
            self.settle(at, Life::Dead);
            self.is_dead(at).await;
        }
        let old = |at: &&usize| self.grants[**at].spent.len() > 1;
        if let Some(at) = all.iter().skip(1).find(old).copied() {
            let token = self.grants[at].spent[0].clone();
            let reply = self.present(&token).await;
            if reply.as_ref().is_none_or(|reply| reply.status != 400) {
                self.violate("a spent refresh token was good", reply.as_ref());
            }
            self.settle(at, Life::Dead);
            self.is_dead(at).await;
        }
    }

    /// One password is right and the one before it is not.
    async fn audit_password(&mut self) {
        let old = self.take_old_password();
        if old.is_none() && self.passwords.len() == 1 {
            return;
        }
        let mut right = Vec::new();
        for password in self.passwords.clone() {
            if self.opens(&password).await {
                right.push(password);
            }
        }
        if right.len() != 1 {
            self.violate(&format!("{} of the passwords are right", right.len()), None);
        }
        if let Some(old) = old
            && right.first() != Some(&old)
            && self.opens(&old).await
        {
            self.violate("a password that was changed is still good", None);
        }
        self.passwords = right;
        self.wire.cookies.remove("latchkey_session");
        self.session = Life::Dead;
    }

    async fn opens(&mut self, password: &str) -> bool {
        self.wire.cookies.remove("latchkey_session");
        for _ in 0..20 {
            let Some(reply) = self.try_password(password).await else {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            };
            return reply.status == 303 && self.wire.cookies.contains_key("latchkey_session");
        }
        self.violate("no answer to a password", None);
        false
    }
}
