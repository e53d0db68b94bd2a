//! What people and applications do, each act written down when it is acknowledged.

use std::sync::Arc;
use std::time::Instant;

use latchkey::paths;
use latchkey::secret::sha256;

use crate::ledger::{Actor, CODE_LIFE, GRANTS, Grant, Life, Unused};
use crate::server::{CALLBACK, PASSWORD};
use crate::wire::{Auth, Reply, csrf};

impl Actor {
    /// Signs in and gets a few tokens.
    pub async fn settle_in(&mut self) {
        self.sign_in().await;
        for _ in 0..3 {
            self.authorize().await;
            self.redeem().await;
        }
    }

    pub async fn introspect(&mut self) {
        let Some(at) = self.pick(|grant| grant.life != Life::Doubtful) else { return };
        let (token, life) = (self.grants[at].access.clone(), self.grants[at].life);
        let Some(reply) = self.ask_introspection("introspect", &token).await else { return };
        if reply.active() != Some(life == Life::Alive) {
            self.violate(&format!("introspected {life:?}"), Some(&reply));
        }
    }

    pub async fn ask_introspection(&mut self, kind: &'static str, token: &str) -> Option<Reply> {
        let cast = Arc::clone(&self.cast);
        let form = [("token", token)];
        let by = if token.starts_with("lk_rt_") { &cast.shop } else { &cast.store };
        let reply = self.wire.post(kind, paths::INTROSPECT, Auth::Basic(by), &form).await;
        self.heard(kind, reply)
    }

    pub async fn userinfo(&mut self) {
        let Some(at) = self.pick(|grant| grant.life != Life::Doubtful) else { return };
        let (token, life) = (self.grants[at].access.clone(), self.grants[at].life);
        let reply = self.wire.get("userinfo", paths::USERINFO, Auth::Bearer(&token)).await;
        let Some(reply) = self.heard("userinfo", reply) else { return };
        if reply.status != if life == Life::Alive { 200 } else { 401 } {
            self.violate(&format!("userinfo of {life:?}"), Some(&reply));
        }
    }

    pub async fn refresh(&mut self) {
        if let Some(at) = self.pick(|grant| grant.life == Life::Alive && !grant.rotating) {
            self.rotate(at).await;
        }
    }

    /// Presents the refresh token of a living grant: it must do.
    pub async fn rotate(&mut self, at: usize) {
        let token = self.grants[at].refresh.clone();
        let reply = self.present(&token).await;
        let Some(reply) = reply else {
            self.grants[at].rotating = true;
            return;
        };
        let (access, refresh) = (reply.member("access_token"), reply.member("refresh_token"));
        let (200, Some(access), Some(refresh)) = (reply.status, access, refresh) else {
            self.violate("a good refresh token was refused", Some(&reply));
            self.grants[at].life = Life::Doubtful;
            return;
        };
        self.acks += 1;
        let grant = &mut self.grants[at];
        grant.rotating = false;
        if grant.refresh != refresh {
            grant.spent.push(std::mem::replace(&mut grant.refresh, refresh));
        }
        grant.access = access;
    }

    /// What the token endpoint says to a refresh token.
    pub async fn present(&mut self, token: &str) -> Option<Reply> {
        let cast = Arc::clone(&self.cast);
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let reply = self.wire.post("refresh", paths::TOKEN, Auth::Basic(&cast.shop), &form).await;
        self.heard("refresh", reply)
    }

    /// Gets a code, and keeps it.
    pub async fn authorize(&mut self) {
        if self.codes.len() > 3 {
            return self.redeem().await;
        }
        let offline = self.dice(2) == 0;
        let verifier = self.random.token("");
        let Some(reply) = self.ask_authorization(offline, &verifier).await else { return };
        match reply.parameter("code") {
            Some(code) => {
                self.acks += 1;
                let (session, at) = (self.session_number, Instant::now());
                self.codes.push(Unused { code, verifier, offline, session, at });
            }
            None => self.violate("signed in, and no code", Some(&reply)),
        }
    }

    pub async fn ask_authorization(&mut self, offline: bool, verifier: &str) -> Option<Reply> {
        let scope = if offline { "openid offline_access" } else { "openid" };
        let challenge = sha256(verifier);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", self.cast.shop.0.as_str()),
                ("redirect_uri", CALLBACK),
                ("response_type", "code"),
                ("scope", scope),
                ("state", "s"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let path = format!("{}?{query}", paths::AUTHORIZE);
        let reply = self.wire.get("authorize", &path, Auth::None).await;
        self.heard("authorize", reply)
    }

    /// Redeems the oldest code.
    pub async fn redeem(&mut self) {
        self.codes.retain(|code| code.at.elapsed() < CODE_LIFE);
        if self.codes.is_empty() {
            return;
        }
        let unused = self.codes.remove(0);
        let Some(reply) = self.present_code(&unused.code, &unused.verifier).await else { return };
        let (access, refresh) = (reply.member("access_token"), reply.member("refresh_token"));
        let (200, Some(access), Some(refresh)) = (reply.status, access, refresh) else {
            return self.violate("a good code was refused", Some(&reply));
        };
        self.acks += 1;
        self.grants.push_back(Grant {
            code: unused.code,
            verifier: unused.verifier,
            access,
            refresh,
            spent: Vec::new(),
            life: Life::Alive,
            rotating: false,
            revoked: Vec::new(),
            offline: unused.offline,
            session: unused.session,
        });
        if self.grants.len() > GRANTS {
            self.grants.pop_front();
        }
    }

    pub async fn present_code(&mut self, code: &str, verifier: &str) -> Option<Reply> {
        let cast = Arc::clone(&self.cast);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ];
        let reply = self.wire.post("redeem", paths::TOKEN, Auth::Basic(&cast.shop), &form).await;
        self.heard("redeem", reply)
    }

    async fn ask_revocation(&mut self, kind: &'static str, token: &str) -> Option<bool> {
        let cast = Arc::clone(&self.cast);
        let form = [("token", token)];
        let reply = self.wire.post(kind, paths::REVOKE, Auth::Basic(&cast.shop), &form).await;
        let reply = self.heard(kind, reply)?;
        if reply.status == 200 {
            self.acks += 1;
        } else {
            self.violate("a revocation was refused", Some(&reply));
        }
        Some(reply.status == 200)
    }

    pub async fn revoke_refresh(&mut self) {
        let Some(at) = self.pick(|grant| grant.life == Life::Alive && !grant.rotating) else {
            return;
        };
        let token = self.grants[at].refresh.clone();
        let done = self.ask_revocation("revoke", &token).await;
        self.grants[at].life = if done == Some(true) { Life::Dead } else { Life::Doubtful };
    }

    /// Revokes an access token alone and goes on with the next.
    pub async fn revoke_access(&mut self) {
        let Some(at) = self.pick(|grant| grant.life == Life::Alive && !grant.rotating) else {
            return;
        };
        let token = self.grants[at].access.clone();
        match self.ask_revocation("revoke", &token).await {
            Some(true) => {
                self.grants[at].revoked.push(token);
                self.rotate(at).await;
                if self.grants[at].rotating {
                    // The access token at hand is the dead one.
                    self.grants[at].life = Life::Doubtful;
                }
            }
            _ => self.grants[at].life = Life::Doubtful,
        }
    }

    pub async fn sign_in(&mut self) {
        let Some(password) = self.passwords.last().cloned() else { return };
        if self.passwords.len() > 1 {
            return self.introspect().await;
        }
        let Some(reply) = self.try_password(&password).await else { return };
        if reply.status == 303 && self.wire.cookies.contains_key("latchkey_session") {
            self.acks += 1;
            self.session = Life::Alive;
            self.session_number += 1;
        } else if reply.status != 0 {
            self.violate("the right password was refused", Some(&reply));
        }
    }

    /// Sends the form of the sign-in page; what follows is up to the caller.
    pub async fn try_password(&mut self, password: &str) -> Option<Reply> {
        self.wire.cookies.remove("latchkey_session");
        let page = self.wire.get("login page", paths::LOGIN, Auth::None).await;
        let page = self.heard("login page", page)?;
        let token = csrf(&page.body);
        let name = self.name.clone();
        let form = [("username", name.as_str()), ("password", password), ("csrf", &token)];
        let reply = self.wire.post("login", paths::LOGIN, Auth::None, &form).await;
        self.heard("login", reply)
    }

    pub async fn sign_out(&mut self) {
        let Some(page) = self.wire.get("logout page", paths::LOGOUT, Auth::None).await else {
            return;
        };
        if page.is_busy() {
            return;
        }
        let token = csrf(&page.body);
        let kept = self.wire.cookies.clone();
        let form = [("csrf", token.as_str())];
        let reply = self.wire.post("logout", paths::LOGOUT, Auth::None, &form).await;
        let done = self.heard("logout", reply);
        // The cookie is kept to see whether it still opens anything.
        self.wire.cookies = kept;
        let life = match done {
            Some(reply) if reply.status == 303 => {
                self.acks += 1;
                Life::Dead
            }
            Some(reply) => return self.violate("not signed out", Some(&reply)),
            None => Life::Doubtful,
        };
        self.session_ended(life);
    }

    fn session_ended(&mut self, life: Life) {
        self.session = life;
        let number = self.session_number;
        self.sessions_ended(|session| session == number, life);
    }

    /// A new password ends every other session with what was born in it, such as one whose cookie
    /// was lost with an answer.
    fn other_sessions_ended(&mut self, life: Life) {
        let number = self.session_number;
        self.sessions_ended(|session| session != number, life);
    }

    fn sessions_ended(&mut self, ended: impl Fn(u64) -> bool, life: Life) {
        self.codes.retain(|code| !ended(code.session));
        for grant in &mut self.grants {
            if ended(grant.session) && !grant.offline && grant.life == Life::Alive {
                grant.life = life;
            }
        }
    }

    pub async fn change_password(&mut self) {
        let Some(page) = self.wire.get("password page", paths::ACCOUNT_PASSWORD, Auth::None).await
        else {
            return;
        };
        if page.status != 200 || self.passwords.len() != 1 {
            return;
        }
        let (old, new) =
            (self.passwords[0].clone(), format!("{PASSWORD}{}", self.random.token("")));
        let token = csrf(&page.body);
        let form = [
            ("csrf", token.as_str()),
            ("password", &old),
            ("new_password", &new),
            ("new_password_again", &new),
            ("guide", ""),
        ];
        let reply = self.wire.post("password", paths::ACCOUNT_PASSWORD, Auth::None, &form).await;
        match self.heard("password", reply) {
            Some(reply) if reply.status == 303 => {
                self.acks += 1;
                self.passwords = vec![new];
                self.old_password = Some(old);
                self.other_sessions_ended(Life::Dead);
            }
            Some(reply) => self.violate("the password was not changed", Some(&reply)),
            None => {
                // The session may have got a new cookie that never came.
                self.passwords.push(new);
                self.other_sessions_ended(Life::Doubtful);
                self.session = Life::Doubtful;
                let number = self.session_number;
                self.codes.retain(|code| code.session != number);
            }
        }
    }
}
