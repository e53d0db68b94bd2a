//! The figures of all rounds, and the tables they are printed in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::Measured;

/// What is wanted of an operation: so much of a limit.
#[derive(Clone, Copy)]
pub struct Goal {
    /// The limit, by its name.
    pub limit: &'static str,
    /// The share of it that is wanted, if any is.
    pub share: Option<f64>,
}

/// The figures of one name, in the order of the rounds.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    micros: Vec<u32>,
    processor: Duration,
    answers: usize,
    failures: usize,
}

/// All figures so far.
#[derive(Default)]
pub struct Report {
    limits: BTreeMap<&'static str, Vec<f64>>,
    operations: Vec<(String, Goal, Rounds)>,
    facts: Vec<(&'static str, String, &'static str)>,
}

impl Report {
    /// Notes what a limit was in this round.
    pub fn limit(&mut self, name: &'static str, rate: f64) {
        self.limits.entry(name).or_default().push(rate);
    }

    /// Notes what was measured in this round, and the processor time the server used meanwhile.
    pub fn operation(&mut self, name: &str, goal: Goal, measured: Measured, processor: Duration) {
        let known = self.operations.iter().position(|(known, ..)| known == name);
        let index = known.unwrap_or_else(|| {
            self.operations.push((name.to_owned(), goal, Rounds::default()));
            self.operations.len() - 1
        });
        if let Some((_, _, rounds)) = self.operations.get_mut(index) {
            rounds.rates.push(measured.rate);
            rounds.answers += measured.answers;
            rounds.micros.extend(measured.micros);
            rounds.processor += processor;
            rounds.failures += measured.failures;
        }
    }

    /// Notes a figure that stands for itself.
    pub fn fact(&mut self, name: &'static str, value: String, goal: &'static str) {
        self.facts.push((name, value, goal));
    }

    /// Prints it all as Markdown.
    pub fn print(mut self) {
        println!("\n| limit of this machine | a second |\n|---|---:|");
        for (name, rates) in &self.limits {
            println!("| {name} | {:.0} |", median(rates));
        }
        println!(
            "\n| operation | a second | p50 ms | p99 ms | CPU µs | limit | share | goal |\n\
             |---|---:|---:|---:|---:|---|---:|---:|"
        );
        for (name, goal, rounds) in &mut self.operations {
            rounds.micros.sort_unstable();
            let limits = self.limits.get(goal.limit).map(Vec::as_slice).unwrap_or_default();
            let shares: Vec<f64> =
                rounds.rates.iter().zip(limits).map(|(rate, limit)| rate / limit).collect();
            let wanted = goal.share.map_or(String::new(), |share| format!("≥ {share}"));
            let failures = match rounds.failures {
                0 => String::new(),
                count => format!(" ({count} failed)"),
            };
            println!(
                "| {name}{failures} | {:.0} | {:.1} | {:.1} | {:.0} | {} | {:.2} | {wanted} |",
                median(&rounds.rates),
                percentile(&rounds.micros, 50),
                percentile(&rounds.micros, 99),
                rounds.processor.as_micros() as f64 / rounds.answers.max(1) as f64,
                goal.limit,
                median(&shares),
            );
        }
        println!("\n| | | goal |\n|---|---:|---:|");
        for (name, value, goal) in &self.facts {
            println!("| {name} | {value} | {goal} |");
        }
    }
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Of sorted microseconds, the one that so many of a hundred do not exceed, in milliseconds.
fn percentile(micros: &[u32], percent: usize) -> f64 {
    let index = (micros.len() * percent / 100).min(micros.len().saturating_sub(1));
    micros.get(index).map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
}
