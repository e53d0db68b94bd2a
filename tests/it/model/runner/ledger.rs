//! What was seen, counted without asking the model: its invariants hold whatever the model thinks.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::world::tries::{MOST, WINDOW};

/// Strangers at an account, or one of its own browsers.
type Bucket = (usize, Option<usize>);

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Steps taken.
    pub steps: usize,
    /// Requests whose answers were held against the model after a step.
    pub looks: usize,
    /// How often each kind of outcome was reached.
    pub outcomes: BTreeMap<String, usize>,
    codes_redeemed: BTreeSet<usize>,
    /// When wrong passwords were looked at since the last right one.
    wrong: BTreeMap<Bucket, Vec<i64>>,
    /// When each person proved who they are.
    proofs: BTreeMap<usize, BTreeSet<i64>>,
}

impl Ledger {
    /// Counts an outcome: a run in which nothing ever succeeds proves nothing.
    pub fn reached(&mut self, outcome: impl std::fmt::Debug) {
        *self.outcomes.entry(format!("{outcome:?}")).or_default() += 1;
    }

    /// A code brought tokens.
    pub fn redeemed(&mut self, grant: usize) {
        assert!(self.codes_redeemed.insert(grant), "a code brought tokens twice");
    }

    /// A wrong password was looked at.
    pub fn was_wrong(&mut self, bucket: Bucket, now: i64) {
        let wrong = self.wrong.entry(bucket).or_default();
        wrong.retain(|at| now - at < WINDOW);
        wrong.push(now);
        let most = usize::try_from(MOST).expect("ten");
        assert!(wrong.len() <= most, "{} wrong passwords were looked at", wrong.len());
    }

    /// A right one was: it begins anew.
    pub fn was_right(&mut self, bucket: Bucket, now: i64) {
        self.wrong.remove(&bucket);
        self.proved(bucket.0, now);
    }

    /// The count of an account begins anew.
    pub fn reopened(&mut self, who: usize) {
        self.wrong.retain(|bucket, _| bucket.0 != who);
    }

    /// Somebody proved who they are.
    pub fn proved(&mut self, who: usize, now: i64) {
        self.proofs.entry(who).or_default().insert(now);
    }

    /// A token tells when its person last proved who they are: they did, then.
    pub fn told_auth_time(&self, who: usize, auth_time: i64) {
        let proven = self.proofs.get(&who).is_some_and(|proofs| proofs.contains(&auth_time));
        assert!(proven, "auth_time {auth_time} is no time at which anybody proved anything");
    }
}
