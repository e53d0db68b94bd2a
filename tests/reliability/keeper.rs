//! A person who guards their account: turns two-factor on and off, signs in with backup codes, and
//! lets an application in that must ask, and out again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey::paths;

use crate::ledger::{Actor, Cast, Life};
use crate::phone::Phone;
use crate::server::{KEEPER, PASSWORD};
use crate::wire::{Auth, Log, Reply, csrf};

/// Of three wrong codes within half a minute none is looked at any more.
const PAUSE: Duration = Duration::from_secs(31);

/// What is known of the second factor.
enum Factor {
    Off,
    On(Phone),
    /// It was being turned on or off, and no answer came.
    Doubtful(Phone),
}

/// The person.
pub struct Keeper {
    /// Their browser and what it was told.
    pub actor: Actor,
    factor: Factor,
    /// Whether the application may act for them, and its tokens.
    pub(crate) link: Life,
    pub(crate) tokens: Option<(String, String)>,
    /// When a wrong code was typed.
    wrong: Vec<Instant>,
    turns: usize,
}

impl Keeper {
    pub fn new(base: &str, cast: &Arc<Cast>, log: &Log) -> Self {
        let actor = Actor::new(KEEPER, base, cast, log);
        let (link, factor) = (Life::Dead, Factor::Off);
        Self { actor, factor, link, tokens: None, wrong: Vec::new(), turns: 0 }
    }

    /// Does one thing that is possible now; what is doubtful is left alone until the audit.
    pub async fn act(&mut self) {
        if matches!(self.factor, Factor::Doubtful(_)) || self.link == Life::Doubtful {
            self.actor.wire.get("metadata", paths::OPENID_CONFIGURATION, Auth::None).await;
            return;
        }
        if self.actor.session != Life::Alive {
            return self.sign_in().await;
        }
        self.turns += 1;
        match self.turns % 4 {
            1 if matches!(self.factor, Factor::Off) => self.turn_on().await,
            3 if matches!(self.factor, Factor::On(_)) => self.turn_off().await,
            2 => self.actor.session = Life::Dead,
            _ if self.link == Life::Dead => self.connect().await,
            _ => self.disconnect().await,
        }
    }

    /// Whether a password brought as far as the code (`true`) or in; neither if it was refused.
    fn owes(&self, reply: &Reply) -> Option<bool> {
        let is_in = self.actor.wire.cookies.contains_key("latchkey_session");
        match reply.status {
            303 if reply.location.contains(paths::LOGIN_TWO_FACTOR) => Some(true),
            303 if is_in => Some(false),
            _ => None,
        }
    }

    async fn sign_in(&mut self) {
        let Some(reply) = self.actor.try_password(PASSWORD).await else { return };
        match (self.owes(&reply), &self.factor) {
            (Some(false), Factor::Off) => self.entered(),
            (Some(true), Factor::On(_)) => self.show_factor().await,
            (Some(false), _) => {
                self.actor.violate("two-factor is on, and no code is asked for", Some(&reply));
            }
            (Some(true), _) => {
                self.actor.violate("two-factor is off, and a code is asked for", Some(&reply));
            }
            (None, _) => self.actor.violate("the right password was refused", Some(&reply)),
        }
    }

    fn entered(&mut self) {
        self.actor.acks += 1;
        self.actor.session = Life::Alive;
    }

    /// Shows a backup code, or a code of the app when none is left.
    async fn show_factor(&mut self) {
        let Factor::On(phone) = &mut self.factor else { return };
        let backup = phone.codes.pop();
        let Some(code) = backup.clone().or_else(|| phone.code()) else { return };
        let before = self.actor.wire.repeated;
        let Some(reply) = self.submit(&code, backup.is_some()).await else { return };
        if self.owes(&reply) == Some(false) {
            self.entered();
            if let (Factor::On(phone), Some(code)) = (&mut self.factor, backup) {
                self.actor.acknowledged("backup code used");
                phone.used.push(code);
            }
        } else if self.actor.wire.repeated == before {
            self.actor.violate("a good code was refused", Some(&reply));
        }
    }

    /// Types a code where one is owed.
    async fn submit(&mut self, code: &str, backup: bool) -> Option<Reply> {
        let (kind, query) = if backup { ("backup", "?kind=backup") } else { ("", "") };
        let path = format!("{}{query}", paths::LOGIN_TWO_FACTOR);
        let page = self.actor.wire.get("code page", &path, Auth::None).await;
        let page = self.actor.heard("code page", page)?;
        let token = csrf(&page.body);
        let form =
            [("csrf", token.as_str()), ("request", ""), ("to", ""), ("kind", kind), ("code", code)];
        let reply = self.actor.wire.post("code", paths::LOGIN_TWO_FACTOR, Auth::None, &form).await;
        self.actor.heard("code", reply)
    }

    /// A page of the account that wants a fresh proof; without one the person signs in anew.
    async fn page(&mut self, path: &str) -> Option<Reply> {
        let page = self.actor.wire.get("account page", path, Auth::None).await;
        let page = self.actor.heard("account page", page)?;
        if page.status != 200 {
            self.actor.session = Life::Dead;
            return None;
        }
        Some(page)
    }

    async fn turn_on(&mut self) {
        let path = paths::ACCOUNT_TWO_FACTOR_SET_UP;
        let Some(page) = self.page(path).await else { return };
        let enrolment = page.body.split("name=\"enrolment\" value=\"").nth(1).unwrap_or_default();
        let enrolment = enrolment.split('"').next().unwrap_or_default().to_owned();
        let Some(mut phone) = Phone::scan(&page.body) else {
            return self.actor.violate("there is nothing to scan", Some(&page));
        };
        let (token, code) = (csrf(&page.body), phone.code().unwrap_or_default());
        let form = [
            ("csrf", token.as_str()),
            ("enrolment", &enrolment),
            ("name", "Phone"),
            ("code", &code),
        ];
        let reply = self.actor.wire.post("turn on", path, Auth::None, &form).await;
        self.factor = match self.actor.heard("turn on", reply) {
            Some(reply) if reply.status == 200 => {
                self.actor.acknowledged("two-factor on");
                phone.keep_codes(&reply.body);
                Factor::On(phone)
            }
            Some(reply) => return self.actor.violate("two-factor was not turned on", Some(&reply)),
            None => Factor::Doubtful(phone),
        };
    }

    async fn turn_off(&mut self) {
        let path = paths::ACCOUNT_TWO_FACTOR_OFF;
        let Some(page) = self.page(path).await else { return };
        let token = csrf(&page.body);
        let form = [("csrf", token.as_str())];
        let reply = self.actor.wire.post("turn off", path, Auth::None, &form).await;
        let Factor::On(phone) = std::mem::replace(&mut self.factor, Factor::Off) else { return };
        match self.actor.heard("turn off", reply) {
            Some(reply) if reply.status == 303 => self.actor.acknowledged("two-factor off"),
            Some(reply) => self.actor.violate("two-factor was not turned off", Some(&reply)),
            None => self.factor = Factor::Doubtful(phone),
        }
    }
}

/// The audit.
impl Keeper {
    /// Looks at all that was acknowledged, and makes what was doubtful certain.
    pub async fn audit(&mut self) {
        self.actor.wire.persists = true;
        self.actor.wire.repeated = 0;
        self.audit_factor().await;
        self.audit_link().await;
        self.actor.wire.persists = false;
    }

    /// Whether a code is asked for is as it was acknowledged, and what is asked for is taken.
    async fn audit_factor(&mut self) {
        self.actor.session = Life::Dead;
        let Some(reply) = self.actor.try_password(PASSWORD).await else {
            return self.actor.violate("no answer to a password in calm weather", None);
        };
        let factor = std::mem::replace(&mut self.factor, Factor::Off);
        match (self.owes(&reply), factor) {
            (Some(false), Factor::Off | Factor::Doubtful(_)) => {
                self.actor.session = Life::Alive;
            }
            (Some(true), Factor::On(phone) | Factor::Doubtful(phone)) => {
                self.factor = Factor::On(phone);
                self.nothing_is_good_twice().await;
                self.show_app().await;
            }
            (asked, _) => {
                let what = format!("asked for a code: {asked:?}; acknowledged was the opposite");
                self.actor.violate(&what, Some(&reply));
            }
        }
    }

    /// A backup code whose use was acknowledged is refused.
    async fn nothing_is_good_twice(&mut self) {
        self.wrong.retain(|at| at.elapsed() < PAUSE);
        let Factor::On(phone) = &mut self.factor else { return };
        if self.wrong.len() > 1 {
            return;
        }
        let Some(code) = phone.used.pop() else { return };
        self.wrong.push(Instant::now());
        let reply = self.submit(&code, true).await;
        if reply.as_ref().is_none_or(|reply| reply.status != 422) {
            self.actor.violate("a backup code that was used", reply.as_ref());
        }
    }

    /// The app's own code opens the account.
    async fn show_app(&mut self) {
        let Factor::On(phone) = &mut self.factor else { return };
        let Some(code) = phone.code() else { return self.show_factor().await };
        let before = self.actor.wire.repeated;
        let reply = self.submit(&code, false).await;
        if reply.as_ref().is_some_and(|reply| self.owes(reply) == Some(false)) {
            self.actor.session = Life::Alive;
        } else if self.actor.wire.repeated == before {
            self.actor.violate("the app's code was refused", reply.as_ref());
        }
    }
}
