//! How long each of many took, and how two such heaps lie to each other.

use std::time::Duration;

/// Times, in milliseconds.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1000.0);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn at(&self, part: usize, of: usize) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() * part / of).copied().unwrap_or_default()
    }

    pub fn median(&self) -> f64 {
        self.at(1, 2)
    }

    /// The first and the third.
    pub fn quartiles(&self) -> (f64, f64) {
        (self.at(1, 4), self.at(3, 4))
    }

    /// How probably one of these takes longer than one of the `others` (the statistic of Mann and
    /// Whitney), and its standard error (Hanley and `McNeil` 1982).
    pub fn auc(&self, others: &Self) -> (f64, f64) {
        let sorted = others.sorted();
        let below = |value: &f64| {
            let less = sorted.partition_point(|other| other < value);
            let not_more = sorted.partition_point(|other| other <= value);
            (less + not_more) as f64 / 2.0
        };
        let (n, m) = (self.0.len() as f64, sorted.len() as f64);
        let auc = self.0.iter().map(below).sum::<f64>() / (n * m);
        let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
        let variance =
            auc * (1.0 - auc) + (n - 1.0) * (q1 - auc * auc) + (m - 1.0) * (q2 - auc * auc);
        (auc, (variance / (n * m)).max(0.0).sqrt())
    }
}
