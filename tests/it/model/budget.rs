//! How much is tried: little with every test run, much when somebody asks for it.

use std::time::{Duration, Instant};

/// How many histories: `LATCHKEY_MODEL_CASES`, or `usual`.
pub fn cases(usual: usize) -> usize {
    match std::env::var("LATCHKEY_MODEL_CASES") {
        Ok(text) if !text.is_empty() => text.parse().expect("LATCHKEY_MODEL_CASES is a number"),
        _ => usual,
    }
}

/// Whether somebody asked for more than a test run has time for.
pub fn is_long() -> bool {
    std::env::var("LATCHKEY_MODEL_CASES").is_ok_and(|text| !text.is_empty())
}

/// From where randomness comes: `LATCHKEY_MODEL_SEED`, or the same in every run.
pub fn seed() -> u64 {
    match std::env::var("LATCHKEY_MODEL_SEED") {
        Ok(text) if !text.is_empty() => text.parse().expect("LATCHKEY_MODEL_SEED is a number"),
        _ => 24,
    }
}

/// Time that a usual run may take. A slow machine tries less rather than hold everybody up; what
/// would prove too little fails.
pub struct Clock {
    begun: Instant,
    most: Option<Duration>,
}

impl Clock {
    pub fn start(most: Duration) -> Self {
        Self { begun: Instant::now(), most: (!is_long()).then_some(most) }
    }

    pub fn is_over(&self) -> bool {
        self.most.is_some_and(|most| self.begun.elapsed() > most)
    }

    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }
}
