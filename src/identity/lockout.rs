//! When guessing passwords ends, without shutting out the owner.
//!
//! Tries are counted for each account apart: all strangers together, and each browser that has
//! signed in to it before by itself. So nobody can close an account to the browsers its owner
//! uses. Names that nobody has are counted the same way, so that a block tells nothing.

use std::time::Duration;

use crate::app::App;
use crate::identity::browsers;
use crate::identity::sessions::Whereabouts;
use crate::keys::Mac;
use crate::store::throttle::{self, Bounds, UNKNOWN};
use crate::store::users::User;
use crate::store::{Db, StoreError};

/// Failures in a row after which strangers stay shut out until the owner comes in some other way,
/// and after which a browser's own failures end the password (NIST SP 800-63B-4 §3.2.2).
pub const IN_A_ROW: i64 = 100;

/// Whose tries are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    subject: String,
    device: String,
}

impl Bucket {
    /// Whether it is that of a browser which the account knows.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.device.is_empty()
    }
}

/// Whether a password may be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may; the try counts as failed unless [`succeeded`] follows.
    Open(Bucket),
    /// It may not, and this try counts for nothing.
    Blocked {
        /// When it makes sense to come back; `None`: time alone opens nothing.
        retry_after: Option<Duration>,
        /// Whether this is the first try that the present block turned away.
        first: bool,
    },
}

/// Takes a try at the password of `user`, or of the name `key` that nobody has, from the browser
/// there.
pub async fn admit(
    app: &App,
    user: Option<&User>,
    key: &str,
    whereabouts: &Whereabouts,
) -> Result<Admission, StoreError> {
    let now = app.clock.now();
    let rules = &app.config.login;
    let bounds = Bounds {
        failures: i64::from(rules.max_failures),
        window_from: now - *rules.failure_window,
        blocked_until: now + *rules.lockout,
        in_a_row: IN_A_ROW,
    };
    let mut db = app.store.write().await?;
    let bucket = bucket(app, &mut db, user, key, whereabouts).await?;
    let spent = throttle::is_password_spent(&mut db, &bucket.subject, IN_A_ROW).await?;
    let taken = if spent {
        None
    } else {
        throttle::take(&mut db, &bucket.subject, &bucket.device, bounds, now).await?
    };
    if taken.is_some() {
        db.commit().await?;
        return Ok(Admission::Open(bucket));
    }
    let tries = throttle::find(&mut db, &bucket.subject, &bucket.device).await?;
    let first = throttle::tell_once(&mut db, &bucket.subject, &bucket.device, now).await?;
    db.commit().await?;
    let closed = spent || tries.as_ref().is_none_or(|tries| tries.in_a_row >= IN_A_ROW);
    let until = tries.and_then(|tries| tries.blocked_until).filter(|_| !closed);
    Ok(Admission::Blocked { retry_after: until.map(|until| until.since(now)), first })
}

async fn bucket(
    app: &App,
    db: &mut Db,
    user: Option<&User>,
    key: &str,
    whereabouts: &Whereabouts,
) -> Result<Bucket, StoreError> {
    // Nobody's name is asked for as often as anybody's.
    let user_id = user.map(|user| user.id.as_str()).unwrap_or_default();
    let known = browsers::find(db, user_id, whereabouts).await?;
    let device = known.map(|device| device.id).unwrap_or_default();
    let subject = match user {
        Some(user) => user.id.clone(),
        None => format!("{UNKNOWN}{}", app.lasting.mac_text(Mac::UnknownName, key.as_bytes())),
    };
    Ok(Bucket { subject, device })
}

/// The try was never looked at: it counts for nothing.
pub async fn give_back(app: &App, bucket: &Bucket) -> Result<(), StoreError> {
    let mut db = app.store.write().await?;
    throttle::give_back(&mut db, &bucket.subject, &bucket.device).await?;
    db.commit().await
}

/// The try was right: its bucket begins anew, and the owner's own sign-in breaks the row of
/// strangers' failures.
pub async fn succeeded(db: &mut Db, bucket: &Bucket) -> Result<(), StoreError> {
    throttle::succeed(db, &bucket.subject, &bucket.device).await?;
    if bucket.is_known() {
        throttle::break_row(db, &bucket.subject).await?;
    }
    Ok(())
}

/// The password was reset, or support unlocked the account: all begins anew.
pub async fn reopened(db: &mut Db, user_id: &str) -> Result<(), StoreError> {
    throttle::forget(db, user_id).await
}
