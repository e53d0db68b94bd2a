//! Codes, access tokens and refresh tokens in the hands of their clients, and of others.

use latchkey::paths;
use serde_json::Value;

use super::Runner;
use crate::model::command::Wish;
use crate::model::world::grants::{Presented, Refreshed};
use crate::model::world::scopes::Scopes;
use crate::support::endpoint::{Answer, Credentials};
use crate::support::flow::claims_of;

impl Runner {
    /// The place of the grant that is so many before the last.
    pub fn grant(&self, back: usize) -> Option<usize> {
        self.held.len().checked_sub(1).map(|last| last - back.min(last))
    }

    fn token(&self, back: usize) -> Option<usize> {
        self.access.len().checked_sub(1).map(|last| last - back.min(last))
    }

    /// A client that a grant is none of the business of.
    fn stranger(&self, client: usize) -> usize {
        (client + 1) % self.clients.len()
    }

    /// How a client proves who it is.
    fn proof(&self, client: usize) -> Credentials {
        self.clients[client].credentials()
    }

    pub async fn exchange(&mut self, back: usize, how: Presented) {
        let Some(at) = self.grant(back) else { return };
        let client = self.world.grants[at].client;
        let held = &self.held[at];
        let mut form = held.ask.redemption(&held.code);
        if how == Presented::WrongProof {
            form.retain(|(name, _)| *name != "code_verifier");
            form.push(("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        }
        let by = match how {
            Presented::WrongClient => self.stranger(client),
            _ => client,
        };
        let answer = self.latchkey.endpoints.post(paths::TOKEN, &self.proof(by), &form).await;
        if self.world.disabled[by] {
            return answer.refuses(401, "invalid_client");
        }
        let replay = self.world.grants[at].code_used && !self.world.grants[at].revoked;
        let brought = self.world.exchange(at, how);
        self.ledger.reached(("exchange", replay, brought.is_some()));
        match brought {
            Some(token) => {
                self.ledger.redeemed(at);
                self.keep(token, &answer);
            }
            None => answer.refuses(400, "invalid_grant"),
        }
    }

    pub async fn refresh(&mut self, back: usize, older: i64, wish: Wish, stranger: bool) {
        // Of those that live, if any do: what is dead stays so, whoever asks.
        let refreshed: Vec<_> =
            (0..self.held.len()).filter(|at| !self.held[*at].refresh.is_empty()).collect();
        let lives = |at: &&usize| self.world.may_act(&self.world.grants[**at]);
        let living: Vec<_> = refreshed.iter().filter(lives).copied().collect();
        let among = if living.is_empty() || back > 6 { &refreshed } else { &living };
        let Some(last) = among.len().checked_sub(1) else { return };
        let at = among[last - back.min(last)];
        let (client, granted) = (self.world.grants[at].client, self.world.grants[at].scope);
        let held = &self.held[at].refresh;
        let Some((newest, _)) = held.last_key_value() else { return };
        let generation = (newest - older).max(1);
        let text = held[&generation].clone();
        let scope = match wish {
            Wish::Same => None,
            Wish::Narrow => Some(granted.and(Scopes(1 + 4 + 16))).filter(|one| !one.is_empty()),
            Wish::Wide => Some(granted.or(Scopes::ALL)),
        };
        let words = scope.map(Scopes::text);
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", text.as_str())];
        form.extend(words.as_deref().map(|words| ("scope", words)));
        let by = if stranger { self.stranger(client) } else { client };
        let answer = self.latchkey.endpoints.post(paths::TOKEN, &self.proof(by), &form).await;
        if self.world.disabled[by] {
            return answer.refuses(401, "invalid_client");
        }
        if stranger && !self.world.clients[by].refreshes {
            return answer.refuses(400, "unauthorized_client");
        }
        let old = self.world.grants[at].generation;
        let (stood, before) = (self.world.may_act(&self.world.grants[at]), generation < old);
        let outcome = self.world.refresh(at, generation, scope, !stranger);
        let grant = &self.world.grants[at];
        let kind = match (outcome, before) {
            (Refreshed::Tokens(_), false) => "next",
            (Refreshed::Tokens(_), true) if grant.generation == old => "the same again",
            (Refreshed::Tokens(_), true) => "in place of a lost one",
            (Refreshed::Invalid, _) if stood && grant.revoked => "theft",
            (Refreshed::Invalid, _) => "invalid",
            (Refreshed::WrongScope, _) => "too much",
        };
        self.ledger.reached(("refresh", kind));
        match outcome {
            Refreshed::Tokens(token) => self.keep(token, &answer),
            Refreshed::Invalid => answer.refuses(400, "invalid_grant"),
            Refreshed::WrongScope => answer.refuses(400, "invalid_scope"),
        }
    }

    /// Keeps what a good answer brought, and holds it against the model's token.
    fn keep(&mut self, token: usize, answer: &Answer) {
        let body = answer.good();
        let made = &self.world.tokens[token];
        let grant = &self.world.grants[made.grant];
        assert_eq!(Scopes::read(body["scope"].as_str().unwrap_or_default()), made.scope);
        assert_eq!(body["expires_in"], made.until - self.world.now, "{answer}");
        assert_eq!(token, self.access.len());
        self.access.push(body["access_token"].as_str().expect("an access token").to_owned());
        let rules = &self.world.clients[grant.client];
        assert_eq!(body["refresh_token"].is_string(), rules.refreshes, "{answer}");
        if let Some(refresh) = body["refresh_token"].as_str() {
            let held = &mut self.held[made.grant].refresh;
            let same = held.entry(made.generation).or_insert_with(|| refresh.to_owned());
            assert_eq!(same, refresh, "two refresh tokens of one generation");
            let others = held.iter().filter(|(generation, _)| **generation != made.generation);
            assert!(others.into_iter().all(|(_, other)| other != refresh), "it was there before");
        }
        assert_eq!(body["id_token"].is_string(), Scopes::OPENID.within(made.scope), "{answer}");
        if let Some(id) = body["id_token"].as_str() {
            let claims = claims_of(id);
            let who = grant.who;
            assert_eq!(claims["sub"], self.users[who].id.as_str());
            assert_eq!(claims["auth_time"], grant.auth_time, "{claims}");
            self.ledger.told_auth_time(who, claims["auth_time"].as_i64().unwrap_or_default());
            check_acr(&claims, grant.mfa);
        }
    }

    /// Looks at an access token at both endpoints that do.
    pub async fn look(&mut self, back: usize) {
        let Some(token) = self.token(back) else { return };
        self.introspect(token).await;
        let bearer = Credentials::Bearer(self.access[token].clone());
        let told = self.latchkey.endpoints.get(paths::USERINFO, &bearer).await;
        let made = &self.world.tokens[token];
        match (self.world.is_good(token), Scopes::OPENID.within(made.scope)) {
            (false, _) => told.refuses(401, "invalid_token"),
            (true, false) => told.refuses(403, "insufficient_scope"),
            (true, true) => {
                let who = self.world.grants[made.grant].who;
                assert_eq!(told.good()["sub"], self.users[who].id.as_str());
            }
        }
    }

    /// What introspection tells of an access token.
    pub async fn introspect(&mut self, token: usize) {
        let seen = self.latchkey.introspect(&self.rs, &self.access[token]).await;
        self.judge_access(token, &seen);
    }

    /// Holds what introspection told of an access token against the model.
    pub fn judge_access(&mut self, token: usize, seen: &Value) {
        self.ledger.looks += 1;
        let good = self.world.look(token);
        let made = &self.world.tokens[token];
        let grant = &self.world.grants[made.grant];
        assert_eq!(seen["active"], good, "token {token} of {grant:?}: {seen}");
        if good {
            assert_eq!(Scopes::read(seen["scope"].as_str().unwrap_or_default()), made.scope);
            assert_eq!(seen["sub"], self.users[grant.who].id.as_str());
            assert_eq!(seen["exp"], made.until);
            assert_eq!(seen["auth_time"], grant.auth_time);
            self.ledger.told_auth_time(grant.who, grant.auth_time);
            check_acr(seen, grant.mfa);
        }
    }

    pub async fn revoke_access(&mut self, back: usize, stranger: bool) {
        let Some(token) = self.token(back) else { return };
        let client = self.world.grants[self.world.tokens[token].grant].client;
        let text = self.access[token].clone();
        if self.revoke(client, &text, stranger).await {
            self.world.tokens[token].revoked = true;
        }
    }

    pub async fn revoke_refresh(&mut self, back: usize, stranger: bool) {
        let Some(at) = self.grant(back) else { return };
        let client = self.world.grants[at].client;
        let Some(text) = self.held[at].refresh.values().next_back().cloned() else { return };
        if self.revoke(client, &text, stranger).await {
            self.world.grants[at].revoked = true;
        }
    }

    /// Whether the token was taken as the client's.
    async fn revoke(&self, client: usize, token: &str, stranger: bool) -> bool {
        let by = if stranger { self.stranger(client) } else { client };
        let form = [("token", token)];
        let answer = self.latchkey.endpoints.post(paths::REVOKE, &self.proof(by), &form).await;
        if self.world.disabled[by] {
            answer.refuses(401, "invalid_client");
            return false;
        }
        if stranger {
            answer.refuses(400, "invalid_request");
        } else {
            assert_eq!(answer.status.as_u16(), 200, "{answer}");
        }
        !stranger
    }
}

fn check_acr(claims: &Value, mfa: bool) {
    let acr = claims["acr"].as_str().unwrap_or_default();
    assert_eq!(acr.ends_with("mfa"), mfa, "{claims}");
}
