//! Counts those who wait for their turn, also when they go away.

use std::sync::atomic::{AtomicUsize, Ordering};

/// One who waits, until dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    count: &'a AtomicUsize,
    /// How many waited before.
    pub ahead: usize,
}

impl<'a> Waiting<'a> {
    /// One more waits.
    #[must_use]
    pub fn new(count: &'a AtomicUsize) -> Self {
        Self { count, ahead: count.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}
