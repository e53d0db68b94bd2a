//! What is looked at after each step: that what must be dead is dead, and the rest lives.
//!
//! Looking at a live access token is itself remembered by the server, because that is how a lost
//! answer is told from a theft; so those that nobody has looked at are mostly left alone.

use futures_util::future::join_all;
use latchkey::paths;

use super::Runner;
use crate::model::world::scopes::Scopes;
use crate::support::stage::Ask;

/// What lived before a step.
#[derive(Debug, Default)]
pub struct Living {
    tokens: Vec<usize>,
    /// The good refresh token of each grant.
    refresh: Vec<(usize, i64)>,
}

impl Runner {
    /// What lives now, by the model.
    pub fn living(&self) -> Living {
        let tokens = (0..self.access.len()).filter(|token| self.world.is_good(*token)).collect();
        let grants = 0..self.held.len();
        let refresh = grants.filter_map(|at| {
            let generation = self.world.grants[at].generation;
            let held = self.held[at].refresh.contains_key(&generation);
            (held && self.world.is_current(at, generation)).then_some((at, generation))
        });
        Living { tokens, refresh: refresh.collect() }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    /// Holds what can be seen from outside against the model: all that lived before a step that
    /// may end much, else a few.
    pub async fn sweep(&mut self, before: &Living, all: bool) {
        let mut tokens = before.tokens.clone();
        let mut refresh = before.refresh.clone();
        if !all {
            tokens.retain(|token| !self.world.is_good(*token));
            refresh.retain(|(at, generation)| !self.world.is_current(*at, *generation));
        }
        if !self.access.is_empty() {
            let any = self.roll(u64::try_from(self.access.len()).expect("few"));
            tokens.push(usize::try_from(any).expect("few"));
        }
        let shy = self.roll(4) > 0;
        tokens.retain(|token| !(shy && self.would_be_news(*token)));
        self.look_at_all(&tokens).await;
        self.look_at_refresh_tokens(&refresh).await;
        self.look_at_browsers().await;
        if !self.machine_access.is_empty() {
            let any = self.roll(u64::try_from(self.machine_access.len()).expect("few"));
            self.look_at_machine([usize::try_from(any).expect("few")]).await;
        }
        self.ledger.steps += 1;
    }

    /// At the end of a history everything is looked at.
    pub async fn look_at_everything(&mut self) {
        let of = |(at, held): (usize, &super::Held)| {
            held.refresh.keys().map(move |generation| (at, *generation)).collect::<Vec<_>>()
        };
        let refresh: Vec<_> = self.held.iter().enumerate().flat_map(of).collect();
        self.look_at_refresh_tokens(&refresh).await;
        let tokens: Vec<_> = (0..self.access.len()).collect();
        self.look_at_all(&tokens).await;
        self.look_at_browsers().await;
        self.look_at_machine(0..self.machine_access.len()).await;
    }

    /// Whether looking at this token would tell the server something.
    fn would_be_news(&self, token: usize) -> bool {
        let made = &self.world.tokens[token];
        self.world.is_good(token) && made.generation > self.world.grants[made.grant].seen
    }

    async fn look_at_all(&mut self, tokens: &[usize]) {
        let (latchkey, rs) = (&self.latchkey, &self.rs);
        let asked = tokens.iter().map(|token| latchkey.introspect(rs, &self.access[*token]));
        let seen = join_all(asked).await;
        for (token, seen) in tokens.iter().zip(seen) {
            self.judge_access(*token, &seen);
        }
    }

    /// Only its own client may ask what a refresh token is worth, and only one with a secret.
    async fn look_at_refresh_tokens(&mut self, refresh: &[(usize, i64)]) {
        for (at, generation) in refresh {
            let grant = &self.world.grants[*at];
            if self.world.clients[grant.client].public || self.world.disabled[grant.client] {
                continue;
            }
            let text = &self.held[*at].refresh[generation];
            let seen = self.latchkey.introspect(&self.clients[grant.client], text).await;
            let good = self.world.is_current(*at, *generation);
            assert_eq!(seen["active"], good, "refresh token {generation} of {grant:?}: {seen}");
            if good {
                let scope = Scopes::read(seen["scope"].as_str().unwrap_or_default());
                assert_eq!(scope, grant.scope, "{seen}");
            }
            self.ledger.looks += 1;
        }
    }

    /// An application that nobody let in asks each browser without a word: the answer tells whether
    /// somebody is signed in there and since when, and leaves no trace.
    pub async fn look_at_browsers(&mut self) {
        for seat in 0..self.browsers.len() {
            let expected = match (self.world.present(seat), self.world.owing(seat)) {
                (Some(_), _) => "consent_required",
                (None, Some(_)) => "interaction_required",
                (None, None) => "login_required",
            };
            self.probe(seat, None, expected).await;
            if let Some(at) = self.world.present(seat) {
                let age = self.world.now - self.world.sessions[at].auth_time;
                self.probe(seat, Some(age), "consent_required").await;
                if age > 0 {
                    self.probe(seat, Some(age - 1), "login_required").await;
                }
            }
        }
    }

    async fn probe(&mut self, seat: usize, max_age: Option<i64>, expected: &str) {
        let ask = Ask::of(&self.unknown).with("prompt", "none");
        let ask = match max_age {
            Some(age) => ask.with("max_age", &age.to_string()),
            None => ask,
        };
        debug_assert!(ask.address().starts_with(paths::AUTHORIZE));
        let told = self.browsers[seat].arrive(&ask.address()).await.departure();
        let error = told.parameter("error").unwrap_or_default();
        assert_eq!(error, expected, "browser {seat} with max_age {max_age:?}");
        self.ledger.looks += 1;
    }
}
