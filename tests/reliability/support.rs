//! Support at its command line, while the provider runs or lies dead: locks somebody out, makes
//! new signing keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use latchkey::paths;

use crate::ledger::{Actor, Cast, Life};
use crate::server::{GUEST, PASSWORD, Terminal};
use crate::wire::{Auth, Log};

/// Rotations of a run at most: each leaves keys that stay published for a day.
const ROTATIONS: usize = 5;
const REASON: &str = "lost a laptop";

/// Support, and the person who is locked out.
pub struct Support {
    pub guest: Actor,
    /// Where the commands are typed.
    pub terminal: Terminal,
    /// Whether the account is open: doubtful when locking it was not acknowledged.
    open: Life,
    /// The guest's tokens.
    tokens: Option<(String, String)>,
    /// Signing keys that were acknowledged, and ID tokens from all along.
    keys: BTreeSet<String>,
    id_tokens: Vec<String>,
    rotations: usize,
}

impl Support {
    pub fn new(terminal: Terminal, base: &str, cast: &Arc<Cast>, log: &Log) -> Self {
        Self {
            guest: Actor::new(GUEST, base, cast, log),
            terminal,
            open: Life::Alive,
            tokens: None,
            keys: BTreeSet::new(),
            id_tokens: Vec::new(),
            rotations: 0,
        }
    }

    /// Does one thing that is possible now.
    pub async fn act(&mut self) {
        match (self.open, &self.tokens) {
            (Life::Alive, None) => self.begin().await,
            (Life::Alive, Some(_)) => {
                if self.rotations < ROTATIONS {
                    self.rotate().await;
                }
                self.lock().await;
            }
            (Life::Dead, Some((access, _))) => {
                let access = access.clone();
                let told = self.guest.ask_introspection("introspect", &access).await;
                if let Some(told) = told
                    && told.active() != Some(false)
                {
                    self.guest.violate("a token of somebody who is locked out", Some(&told));
                }
            }
            _ => {}
        }
    }

    /// The guest signs in and gets tokens.
    async fn begin(&mut self) {
        self.guest.sign_in().await;
        if self.guest.session != Life::Alive {
            return;
        }
        let verifier = self.guest.random.token("");
        let Some(reply) = self.guest.ask_authorization(true, &verifier).await else { return };
        let Some(code) = reply.parameter("code") else { return };
        let Some(reply) = self.guest.present_code(&code, &verifier).await else { return };
        self.tokens = reply.member("access_token").zip(reply.member("refresh_token"));
        self.id_tokens.extend(reply.member("id_token"));
        self.id_tokens.drain(..self.id_tokens.len().saturating_sub(20));
    }

    async fn rotate(&mut self) {
        self.rotations += 1;
        if let Some(listed) = self.terminal.run(&["key", "rotate"]).await {
            self.guest.acknowledged("keys rotated");
            self.keys.extend(kids(&listed));
        }
    }

    async fn lock(&mut self) {
        self.open = match self.terminal.run(&["user", "lock", GUEST, "--reason", REASON]).await {
            Some(_) => {
                self.guest.acknowledged("locked out");
                Life::Dead
            }
            None => Life::Doubtful,
        };
    }

    /// Looks at all that was acknowledged. `published` is how long new keys may take to be seen:
    /// nothing means that nobody has had the time to look for them.
    pub async fn audit(&mut self, published: Option<Duration>) {
        self.guest.wire.persists = true;
        self.guest.wire.repeated = 0;
        self.audit_lock().await;
        self.audit_keys(published).await;
        self.guest.wire.persists = false;
    }

    async fn audit_lock(&mut self) {
        let session = self.guest.wire.cookies.get("latchkey_session").cloned();
        let opens = self.guest.try_password(PASSWORD).await;
        let opens = opens.is_some_and(|reply| reply.status == 303);
        match self.open {
            Life::Alive if !opens => self.guest.violate("nobody locked this account", None),
            Life::Dead if opens => self.guest.violate("a locked account opens", None),
            _ => {}
        }
        if let Some((access, refresh)) = self.tokens.clone() {
            let told = self.guest.ask_introspection("introspect", &access).await;
            if told.as_ref().and_then(crate::wire::Reply::active) != Some(opens) {
                self.guest.violate(&format!("a token where a password opens: {opens}"), None);
            }
            if !opens {
                self.nothing_lives(session, &access, &refresh).await;
            }
        }
        if !opens {
            if self.terminal.run(&["user", "unlock", GUEST]).await.is_none() {
                return self.guest.violate("support cannot unlock an account", None);
            }
            (self.open, self.tokens, self.guest.session) = (Life::Alive, None, Life::Dead);
            let reply = self.guest.try_password(PASSWORD).await;
            if reply.as_ref().is_none_or(|reply| reply.status != 303) {
                self.guest.violate("an account that was unlocked stays shut", reply.as_ref());
            }
        }
        self.guest.session = Life::Alive;
        self.open = Life::Alive;
    }

    /// Neither session nor token of somebody who is locked out opens anything.
    async fn nothing_lives(&mut self, session: Option<String>, access: &str, refresh: &str) {
        let told = self.guest.wire.get("userinfo", paths::USERINFO, Auth::Bearer(access)).await;
        if told.as_ref().is_none_or(|reply| reply.status != 401) {
            self.guest.violate("userinfo of somebody who is locked out", told.as_ref());
        }
        let told = self.guest.present(refresh).await;
        if told.as_ref().is_none_or(|reply| reply.status != 400) {
            self.guest.violate("a refresh token of somebody who is locked out", told.as_ref());
        }
        let Some(session) = session else { return };
        self.guest.wire.cookies.insert("latchkey_session".into(), session);
        let verifier = self.guest.random.token("");
        let told = self.guest.ask_authorization(false, &verifier).await;
        if told.as_ref().is_none_or(|reply| reply.parameter("code").is_some()) {
            self.guest.violate("a session of somebody who is locked out", told.as_ref());
        }
        self.guest.wire.cookies.remove("latchkey_session");
    }

    /// New keys are there and published, and what the old ones signed is still good.
    async fn audit_keys(&mut self, published: Option<Duration>) {
        let listed = self.terminal.run(&["key", "list"]).await.unwrap_or_default();
        let listed: BTreeSet<String> = kids(&listed).collect();
        for lost in self.keys.difference(&listed).cloned().collect::<Vec<_>>() {
            self.guest.violate(&format!("the signing key {lost} is lost"), None);
        }
        let begun = std::time::Instant::now();
        let set = loop {
            let reply = self.guest.wire.get("keys", paths::JWKS, Auth::None).await;
            let body = reply.map(|reply| reply.body).unwrap_or_default();
            let missing = self.keys.iter().any(|kid| !body.contains(kid.as_str()));
            match published {
                Some(within) if missing && begun.elapsed() < within => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Some(_) if missing => {
                    self.guest.violate("a new signing key is not published", None);
                    break body;
                }
                _ => break body,
            }
        };
        let Ok(set) = serde_json::from_str::<JwkSet>(&set) else {
            return self.guest.violate("there are no keys", None);
        };
        for token in self.id_tokens.clone() {
            if let Err(why) = verify(&token, &set) {
                self.guest.violate(&format!("an ID token is good no more: {why}"), None);
            }
        }
    }
}

/// The ids that a list of keys begins its lines with.
fn kids(listed: &str) -> impl Iterator<Item = String> {
    listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned)
}

/// Checks the signature of an ID token with the published keys.
fn verify(token: &str, set: &JwkSet) -> Result<(), String> {
    let told = |error: jsonwebtoken::errors::Error| error.to_string();
    let header = decode_header(token).map_err(told)?;
    let key = set.find(&header.kid.unwrap_or_default()).ok_or("its key is not published")?;
    let key = DecodingKey::from_jwk(key).map_err(told)?;
    let mut validation = Validation::new(header.alg);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    decode::<serde_json::Value>(token, &key, &validation).map(drop).map_err(told)
}
