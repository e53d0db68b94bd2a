//! Makes a failing history small: what can be left out is, until nothing can.

use std::time::{Duration, Instant};

use super::command::Command;

/// Whoever waits for a failure waits no longer than this for it to get smaller.
const PATIENCE: Duration = Duration::from_mins(4);

/// A smaller history that fails as well, and how. Steps are left out in halves, quarters and so
/// on, and at last one by one until none can be missed.
pub fn shrink(
    history: Vec<Command>,
    why: String,
    fails: impl Fn(&[Command]) -> Option<Failure>,
) -> (Vec<Command>, String) {
    let (mut smallest, mut why) = (history, why);
    let begun = Instant::now();
    let mut size = smallest.len().div_ceil(2);
    while size > 0 && begun.elapsed() < PATIENCE {
        let (mut from, mut smaller) = (0, false);
        while from < smallest.len() && begun.elapsed() < PATIENCE {
            let mut without = smallest.clone();
            without.drain(from..(from + size).min(smallest.len()));
            if let Some(failure) = fails(&without) {
                without.truncate(failure.step + 1);
                (smallest, why, smaller) = (without, failure.why, true);
            } else {
                from += size;
            }
        }
        size = match (size, smaller) {
            (1, true) => 1,
            (1, false) => 0,
            _ => size / 2,
        };
    }
    (smallest, why)
}

/// How a history failed.
#[derive(Debug)]
pub struct Failure {
    /// At which of its steps; the number of steps if only the look at everything after it did.
    pub step: usize,
    pub why: String,
}
