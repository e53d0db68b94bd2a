//! The ledger: what one person and the applications on their behalf were told is done, and what
//! must therefore hold whatever happened to the server since.
//!
//! Each actor does one thing after the other and writes down an answer when it has it. What was
//! asked and not answered, or answered by 503, may have happened or not, but not by half: it is
//! left alone until the audit looks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use latchkey::secret::Random;

use crate::server::PASSWORD;
use crate::wire::{Log, Reply, Wire};

/// How long an unused code may still be expected to be good; codes live for a minute.
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(45);
/// Grants an actor keeps an eye on.
pub(crate) const GRANTS: usize = 12;

/// The applications: one that people sign in to, one that must ask them, one that introspects.
#[derive(Clone, Debug)]
pub struct Cast {
    pub shop: (String, String),
    pub diary: (String, String),
    pub store: (String, String),
}

/// What is known of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Alive,
    /// Its end was acknowledged.
    Dead,
    /// Its end was asked for, and no answer came.
    Doubtful,
}

/// Tokens that came of one code.
#[derive(Clone, Debug)]
pub struct Grant {
    pub code: String,
    pub(crate) verifier: String,
    pub access: String,
    pub refresh: String,
    /// Refresh tokens before that one, the oldest first.
    pub spent: Vec<String>,
    pub life: Life,
    /// A rotation was asked for, and no answer came: the same token must do again.
    pub(crate) rotating: bool,
    /// Access tokens that were revoked alone.
    pub revoked: Vec<String>,
    pub(crate) offline: bool,
    pub(crate) session: u64,
}

/// A code that nobody has used yet.
#[derive(Clone, Debug)]
pub(crate) struct Unused {
    pub(crate) code: String,
    pub(crate) verifier: String,
    pub(crate) offline: bool,
    pub(crate) session: u64,
    pub(crate) at: Instant,
}

/// A person with a browser, and the applications on their behalf.
#[derive(Clone)]
pub struct Actor {
    pub name: String,
    pub cast: Arc<Cast>,
    pub wire: Wire,
    /// The passwords that may be right: two when a change was not answered.
    pub passwords: Vec<String>,
    /// The one before the last that was acknowledged.
    pub(crate) old_password: Option<String>,
    pub session: Life,
    pub(crate) session_number: u64,
    pub grants: VecDeque<Grant>,
    pub(crate) codes: Vec<Unused>,
    pub(crate) random: Random,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// Acknowledgements so far.
    pub acks: u64,
    /// Those of the rarer kinds, by what they were for.
    pub rare: BTreeMap<&'static str, u64>,
    told: VecDeque<String>,
}

impl Actor {
    pub fn new(name: &str, base: &str, cast: &Arc<Cast>, log: &Log) -> Self {
        Self {
            name: name.to_owned(),
            cast: Arc::clone(cast),
            wire: Wire::new(base, Arc::clone(log)),
            passwords: vec![PASSWORD.into()],
            old_password: None,
            session: Life::Dead,
            session_number: 0,
            grants: VecDeque::new(),
            codes: Vec::new(),
            random: Random::System,
            violations: Vec::new(),
            acks: 0,
            rare: BTreeMap::new(),
            told: VecDeque::new(),
        }
    }

    /// Notes that an act of a rarer kind was acknowledged.
    pub(crate) fn acknowledged(&mut self, what: &'static str) {
        self.acks += 1;
        *self.rare.entry(what).or_default() += 1;
    }

    /// A number below `below`.
    pub fn dice(&self, below: usize) -> usize {
        usize::from(u16::from_be_bytes(self.random.bytes())) % below.max(1)
    }

    fn tell(&mut self, what: String) {
        self.told.push_back(what);
        if self.told.len() > 30 {
            self.told.pop_front();
        }
    }

    pub fn violate(&mut self, what: &str, reply: Option<&Reply>) {
        let seen = reply.map(|reply| {
            let body: String = reply.body.chars().take(160).collect();
            format!("{} {} {body}", reply.status, reply.location)
        });
        let told: Vec<_> = self.told.iter().rev().take(8).cloned().collect();
        self.violations.push(format!("{}: {what}: {seen:?}; before: {told:?}", self.name));
    }

    /// What an answer was for: `Some` if it is an answer that must mean what it says.
    pub(crate) fn heard(&mut self, what: &str, reply: Option<Reply>) -> Option<Reply> {
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        self.tell(format!("{what} {status}"));
        reply.filter(|reply| !reply.is_busy())
    }

    /// Does one thing that is possible now, some more often than others.
    pub async fn act(&mut self) {
        if self.session == Life::Doubtful {
            return self.introspect().await;
        }
        if self.session == Life::Dead {
            return self.sign_in().await;
        }
        match self.dice(100) {
            0..40 => self.introspect().await,
            40..48 => self.userinfo().await,
            48..70 => self.refresh().await,
            70..80 => self.authorize().await,
            80..90 => self.redeem().await,
            90..94 => self.revoke_refresh().await,
            94..97 => self.revoke_access().await,
            97..99 => self.sign_out().await,
            _ => self.change_password().await,
        }
    }

    pub(crate) fn pick(&self, fits: impl Fn(&Grant) -> bool) -> Option<usize> {
        let fitting: Vec<usize> =
            (0..self.grants.len()).filter(|at| fits(&self.grants[*at])).collect();
        fitting.get(self.dice(fitting.len())).copied()
    }
}

/// What is left to look at afterwards.
impl Actor {
    pub(crate) fn take_codes(&mut self) -> Vec<(String, String)> {
        let good = |code: &Unused| code.at.elapsed() < CODE_LIFE;
        let codes = std::mem::take(&mut self.codes);
        codes.into_iter().filter(good).map(|code| (code.code, code.verifier)).collect()
    }

    pub(crate) fn take_old_password(&mut self) -> Option<String> {
        self.old_password.take()
    }

    pub(crate) fn settle(&mut self, at: usize, life: Life) {
        self.grants[at].life = life;
    }

    pub(crate) fn is_rotating(&self, at: usize) -> bool {
        self.grants[at].rotating
    }

    pub(crate) fn verifier(&self, at: usize) -> String {
        self.grants[at].verifier.clone()
    }
}
