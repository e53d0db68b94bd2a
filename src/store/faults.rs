//! Faults on purpose: a test takes the part of a disk or a network that fails at the worst moment.
//! Nothing in the program makes any.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Store, StoreError};

/// Where a call to the store may be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before a connection for reading is handed out.
    Read,
    /// Before a transaction begins.
    Write,
    /// Before the COMMIT: nothing of the transaction will ever have been.
    BeforeCommit,
    /// After the COMMIT, before its caller hears of it: all of it counts.
    AfterCommit,
    /// Before the revision is read that caches are checked against.
    Revision,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Pass,
    /// The database is not available.
    Fail,
    /// It takes this long.
    Wait(Duration),
}

/// Decides at each point; it is called in the order in which the calls come.
pub type Plan = Arc<dyn Fn(Point) -> Fate + Send + Sync>;

/// The plan, if there is one.
#[derive(Clone, Default)]
pub(super) struct Faults(Arc<OnceLock<Plan>>);

impl Faults {
    /// Lets happen what is planned for this point.
    pub(super) async fn at(&self, point: Point) -> Result<(), StoreError> {
        let Some(plan) = self.0.get() else { return Ok(()) };
        match plan(point) {
            Fate::Pass => Ok(()),
            Fate::Fail => Err(StoreError::Unavailable("a fault on purpose".into())),
            Fate::Wait(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults({})", self.0.get().is_some())
    }
}

impl Store {
    /// Lets `plan` decide from now on which calls fail, for every clone of this handle; for tests.
    /// The first plan stays.
    pub fn break_by(&self, plan: Plan) {
        let _ = self.faults.0.set(plan);
    }
}
