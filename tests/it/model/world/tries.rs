//! Wrong passwords: at most ten are looked at within a quarter of an hour, and a hundred in a row.

use super::MINUTE;

pub const WINDOW: i64 = 15 * MINUTE;
pub const PAUSE: i64 = 15 * MINUTE;
pub const MOST: u32 = 10;
pub const MOST_IN_A_ROW: u32 = 100;

/// The tries of one kind of browser at one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// When the first of the present window was.
    since: Option<i64>,
    in_window: u32,
    pub in_a_row: u32,
    closed_until: Option<i64>,
}

impl Tries {
    /// Takes a try, which counts as wrong unless [`Tries::succeed`] follows; `false`: it is not
    /// looked at.
    pub fn take(&mut self, now: i64) -> bool {
        if self.closed_until.is_some_and(|until| now < until) || self.in_a_row >= MOST_IN_A_ROW {
            return false;
        }
        let over = self.closed_until.is_some() || self.since.is_none_or(|at| now - at >= WINDOW);
        if over {
            (self.since, self.in_window) = (Some(now), 0);
        }
        self.in_window += 1;
        self.in_a_row += 1;
        self.closed_until = (self.in_window >= MOST).then_some(now + PAUSE);
        true
    }

    pub fn succeed(&mut self) {
        *self = Self::default();
    }
}
