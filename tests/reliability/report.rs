//! The figures of a run, each beside the bound that it must keep.

use std::fmt::Display;
use std::time::Duration;

use crate::wire::Exchange;

/// How much time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Seconds, on a machine that does other things: bounds of time are only told.
    Short,
    /// Minutes, on a machine of its own: all bounds must be kept.
    Long,
}

/// The figures so far.
pub struct Report {
    pub length: Length,
    rows: Vec<[String; 5]>,
    failures: usize,
}

impl Report {
    pub fn new(length: Length) -> Self {
        Self { length, rows: Vec::new(), failures: 0 }
    }

    pub fn pick<T>(&self, short: T, long: T) -> T {
        if self.length == Length::Long { long } else { short }
    }

    fn row(&mut self, id: &str, what: &str, figure: String, bound: String, verdict: &str) {
        eprintln!("  {id} {what}: {figure} (bound: {bound}) {verdict}");
        let row = [id.into(), what.into(), figure, bound, verdict.into()];
        self.rows.push(row);
    }

    /// What was done: no bound.
    pub fn fact(&mut self, id: &str, what: &str, figure: impl Display) {
        self.row(id, what, figure.to_string(), "–".into(), "");
    }

    /// What must hold on every machine.
    pub fn must(&mut self, id: &str, what: &str, figure: impl Display, bound: &str, holds: bool) {
        self.failures += usize::from(!holds);
        let verdict = if holds { "ok" } else { "FAILED" };
        self.row(id, what, figure.to_string(), bound.into(), verdict);
    }

    /// No violation may be found.
    pub fn none(&mut self, id: &str, what: &str, violations: &[String]) {
        for violation in violations.iter().take(20) {
            eprintln!("  {id} VIOLATION {violation}");
        }
        self.must(id, what, violations.len(), "0", violations.is_empty());
    }

    /// What must hold in a long run; in a short one it is only told.
    pub fn timed(&mut self, id: &str, what: &str, figure: impl Display, bound: &str, holds: bool) {
        if self.length == Length::Long {
            self.must(id, what, figure, bound, holds);
        } else {
            let verdict = if holds { "ok" } else { "(over)" };
            self.row(id, what, figure.to_string(), bound.into(), verdict);
        }
    }

    /// The same for a duration and the longest that it may be.
    pub fn within(&mut self, id: &str, what: &str, took: Duration, most: Duration) {
        self.timed(id, what, ms(took), &format!("≤ {}", ms(most)), took <= most);
    }

    /// Prints the table; whether nothing failed.
    pub fn print(&self) -> bool {
        println!("\n| test | figure | measured | bound | |\n| --- | --- | --- | --- | --- |");
        for [id, what, figure, bound, verdict] in &self.rows {
            println!("| {id} | {what} | {figure} | {bound} | {verdict} |");
        }
        println!("\n{} figures, {} failed", self.rows.len(), self.failures);
        self.failures == 0
    }
}

/// A duration for people.
pub fn ms(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// The slowest of the fastest `share` of some times.
pub fn quantile(times: impl Iterator<Item = Duration>, share: f64) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "never so many")]
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "an index")]
    let at = (times.len().saturating_sub(1) as f64 * share).round() as usize;
    times.get(at).copied().unwrap_or_default()
}

fn answered<'a>(
    exchanges: &'a [Exchange],
    kinds: &'a [&str],
) -> impl Iterator<Item = Duration> + 'a {
    let wanted = exchanges.iter().filter(|one| kinds.contains(&one.kind) && one.status != 0);
    wanted.map(|one| one.took)
}

/// The 99th percentile of the exchanges of some kinds.
pub fn p99(exchanges: &[Exchange], kinds: &[&str]) -> Duration {
    quantile(answered(exchanges, kinds), 0.99)
}

/// The percentiles below it, which a machine that stands still for some milliseconds each second does
/// not move.
pub fn below_p99(exchanges: &[Exchange], kinds: &[&str]) -> String {
    let of = |share| ms(quantile(answered(exchanges, kinds), share));
    format!("{}, {}, {}", of(0.5), of(0.9), of(0.98))
}
