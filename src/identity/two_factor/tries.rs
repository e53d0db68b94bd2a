//! How many wrong codes are looked at, and from where.

use std::time::Duration;

use super::seed::step_at;
use crate::app::App;
use crate::store::devices::Device;
use crate::store::factor_failures::{self, BACKUP};
use crate::store::{Db, StoreError};

/// Wrong codes that are looked at within one step of 30 seconds, from strangers' browsers together
/// and from each browser that the account knows.
const MAX_WRONG_IN_STEP: i64 = 3;
/// Wrong codes from strangers' browsers that are looked at within [`HOUR`]: whoever knows the password
/// and guesses needs ten hours to close the way below, in which its owner can see it.
const MAX_WRONG_IN_HOUR: i64 = 10;
const HOUR: Duration = Duration::from_hours(1);
/// Wrong codes in a row after which no app's code counts any more (NIST SP 800-63B-4 §3.2.2), from
/// strangers' browsers after theirs, from any after a known browser's own: a backup code or support
/// sets it right.
const MAX_WRONG_IN_A_ROW: i64 = 100;

/// Why no code is looked at.
pub(super) enum Closed {
    /// Too many wrong ones within half a minute.
    TooFast,
    /// Too many wrong ones within an hour, from strangers' browsers.
    Later,
    /// Too many wrong ones in a row.
    InARow,
}

/// Whose wrong codes are counted together: as with passwords, all strangers' and each known
/// browser's, so that nobody who knows the password closes the second factor to its owner; and
/// apart from those of the app, backup codes, which nobody can guess.
pub(super) struct Tries<'a> {
    user_id: &'a str,
    bucket: String,
    is_known: bool,
    is_backup: bool,
}

/// Whether so many wrong codes came from a browser which the account knows that no app's code counts
/// anywhere.
pub async fn are_codes_blocked(db: &mut Db, user_id: &str) -> Result<bool, StoreError> {
    factor_failures::is_spent(db, user_id, MAX_WRONG_IN_A_ROW).await
}

impl<'a> Tries<'a> {
    /// The tries of who types a code for this account, in a browser that it knows or another.
    pub(super) fn of(user_id: &'a str, known: Option<&Device>, is_backup: bool) -> Self {
        let device = known.map(|device| device.id.as_str()).unwrap_or_default();
        let bucket = if is_backup { format!("{BACKUP}{device}") } else { device.to_owned() };
        Self { user_id, bucket, is_known: known.is_some(), is_backup }
    }

    /// Why no code is looked at now, if none is.
    pub(super) async fn closed(
        &self,
        app: &App,
        db: &mut Db,
    ) -> Result<Option<Closed>, StoreError> {
        let now = app.clock.now();
        let before = factor_failures::find(db, self.user_id, &self.bucket).await?;
        if before.step == step_at(now) && before.in_step >= MAX_WRONG_IN_STEP {
            return Ok(Some(Closed::TooFast));
        }
        if self.is_backup {
            return Ok(None);
        }
        if before.in_a_row >= MAX_WRONG_IN_A_ROW || are_codes_blocked(db, self.user_id).await? {
            return Ok(Some(Closed::InARow));
        }
        let is_same_hour = before.hour_began_at > (now - HOUR).millis();
        let later = !self.is_known && is_same_hour && before.in_hour >= MAX_WRONG_IN_HOUR;
        Ok(later.then_some(Closed::Later))
    }

    /// Counts a wrong code; whether it was the one after which apps' codes do not count, which one
    /// caller is told.
    pub(super) async fn failed(&self, app: &App, db: &mut Db) -> Result<bool, StoreError> {
        let now = app.clock.now();
        let (bucket, hour) = (&self.bucket, (now - HOUR, now));
        let row = factor_failures::count(db, self.user_id, bucket, step_at(now), hour).await?;
        Ok(!self.is_backup && row == MAX_WRONG_IN_A_ROW)
    }

    /// A right code: its bucket begins anew, a known browser's breaks the strangers' row, and a
    /// backup code sets everything right.
    pub(super) async fn succeeded(&self, db: &mut Db) -> Result<(), StoreError> {
        if self.is_backup {
            return factor_failures::clear(db, self.user_id).await;
        }
        factor_failures::succeed(db, self.user_id, &self.bucket).await?;
        if self.is_known {
            factor_failures::break_row(db, self.user_id).await?;
        }
        Ok(())
    }
}
