//! Proving once more who one is, in a browser that is signed in already: the password, and a code
//! where the account has a second factor.
//!
//! Every such proof goes through here, so that all of them are counted as one (S-116): a try is
//! counted before it is looked at, and after a few wrong ones the session must pause.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::hashing::{HashingError, Verdict};
use crate::identity::lockout::{self, Admission};
use crate::identity::password;
use crate::identity::sessions::{Proof, Whereabouts};
use crate::identity::two_factor::{self, By, Factor};
use crate::notices::{self, Notice, Source};
use crate::protocol::next_step::ACR_MFA;
use crate::store::events::{self, Event};
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::store::{Db, StoreError, credentials, proof_tries};

/// Wrong tries in a row after which the session must pause for `login.lockout`.
pub const MOST_TRIES: i64 = 5;

/// Who proves what, and where.
pub struct Attempt<'a> {
    /// The session in which it is proven.
    pub session: &'a BrowserSession,
    /// Whose.
    pub user: &'a User,
    /// The password, as typed.
    pub password: SecretString,
    /// The code, as typed.
    pub code: &'a str,
    /// Whether the session's own proof stands in for the code, because it is fresh and was made
    /// with one.
    pub code_is_known: bool,
    /// Where it was typed.
    pub whereabouts: &'a Whereabouts,
}

/// What came of it.
#[derive(Debug)]
pub enum Confirmation {
    /// They are who they say.
    Proven {
        /// What was proven; with `code_is_known` it is what the session has proven already.
        proof: Proof,
        /// The hash that the password was compared with.
        hash: String,
    },
    /// Password or code is wrong; which of them is not told.
    Wrong,
    /// Too many wrong ones.
    Closed {
        /// When the next one is looked at.
        until: Timestamp,
    },
    /// More passwords than the machine can check.
    Busy,
}

/// Whether a person must show a code besides the password.
pub async fn asks_for_code(app: &App, user_id: &str) -> Result<bool, StoreError> {
    let mut db = app.store.read().await?;
    credentials::has_second_factor(&mut db, user_id).await
}

/// Checks a password and a code. It counts, right or wrong, when this returns.
pub async fn confirm(app: &App, attempt: &Attempt<'_>) -> anyhow::Result<Confirmation> {
    let Ok(place) = app.hasher.reserve() else { return Ok(Confirmation::Busy) };
    if let Some(until) = count(app, attempt).await? {
        return Ok(Confirmation::Closed { until });
    }
    let name = &attempt.user.username_key;
    let bucket = match lockout::admit(app, Some(attempt.user), name, attempt.whereabouts).await? {
        Admission::Open(bucket) => bucket,
        Admission::Blocked { retry_after, .. } => {
            let wait = retry_after.unwrap_or(*app.config.login.lockout);
            return Ok(Confirmation::Closed { until: app.clock.now() + wait });
        }
    };
    let stored = {
        let mut db = app.store.read().await?;
        credentials::find(&mut db, &attempt.user.id).await?.map(|credential| credential.hash)
    };
    let right = match password::normalize(attempt.password.expose_secret()) {
        Some(typed) => match app.hasher.verify(&place, typed.into(), stored.clone()).await {
            Ok(verdict) => matches!(verdict, Verdict::Right { .. }),
            Err(HashingError::Busy) => {
                let mut db = app.store.write().await?;
                proof_tries::take_back(&mut db, &attempt.session.id).await?;
                db.commit().await?;
                lockout::give_back(app, &bucket).await?;
                return Ok(Confirmation::Busy);
            }
            Err(HashingError::Fault(fault)) => return Err(fault),
        },
        None => false,
    };
    let mut db = app.store.write().await?;
    if right {
        // Whether a code is right as well is counted by itself.
        lockout::succeeded(&mut db, &bucket).await?;
    }
    let proof = if right { factors(app, &mut db, attempt).await? } else { None };
    let confirmation = if let (Some(proof), Some(hash)) = (proof, stored) {
        proof_tries::forget(&mut db, &attempt.session.id).await?;
        record(app, &mut db, attempt, "successful").await?;
        Confirmation::Proven { proof, hash }
    } else {
        record(app, &mut db, attempt, "failed").await?;
        Confirmation::Wrong
    };
    db.commit().await?;
    Ok(confirmation)
}

/// Counts the try; gives the end of the pause if there were too many.
async fn count(app: &App, attempt: &Attempt<'_>) -> Result<Option<Timestamp>, StoreError> {
    let now = app.clock.now();
    let pause = *app.config.login.lockout;
    let mut db = app.store.write().await?;
    let (tries, last_at) =
        proof_tries::count(&mut db, &attempt.session.id, MOST_TRIES, now - pause, now).await?;
    if tries == MOST_TRIES + 1 {
        // Once for each pause: the trail shows that it began, not how often somebody knocked.
        record(app, &mut db, attempt, "blocked").await?;
    }
    db.commit().await?;
    Ok((tries > MOST_TRIES).then_some(last_at + pause))
}

/// What is proven once the password was right; `None` when a code is owed and is not right.
async fn factors(app: &App, db: &mut Db, attempt: &Attempt<'_>) -> anyhow::Result<Option<Proof>> {
    let now = app.clock.now();
    if !credentials::has_second_factor(db, &attempt.user.id).await? {
        return Ok(Some(Proof::password(now)));
    }
    let session = attempt.session;
    if attempt.code_is_known && session.acr == ACR_MFA {
        let (amr, acr) = (session.amr.clone(), session.acr.clone());
        return Ok(Some(Proof { amr, acr, at: session.auth_time, ..Proof::password(now) }));
    }
    let by = By { user: attempt.user, session: Some(session), whereabouts: attempt.whereabouts };
    let Some(factor) = two_factor::accept(app, db, &by, attempt.code).await? else {
        return Ok(None);
    };
    let amr = match factor {
        Factor::Totp => "pwd otp mfa",
        Factor::BackupCode { left } => {
            let used = event(app, attempt, "backup_code_used");
            let used = Event { details: json!({ "left": left }), ..used };
            events::record(db, &used).await?;
            let notice = Notice::BackupCodeUsed { left };
            notices::tell(app, db, attempt.user, source(attempt.whereabouts), notice).await?;
            "pwd mfa"
        }
    };
    Ok(Some(Proof { amr: amr.into(), acr: ACR_MFA.into(), ..Proof::password(now) }))
}

/// Where something happened, for the mail about it.
#[must_use]
pub fn source(whereabouts: &Whereabouts) -> Source<'_> {
    Source { address: &whereabouts.address, user_agent: &whereabouts.user_agent }
}

fn event(app: &App, attempt: &Attempt<'_>, kind: &str) -> Event {
    Event {
        user_id: Some(attempt.user.id.clone()),
        actor: Some(attempt.user.id.clone()),
        session_id: Some(attempt.session.id.clone()),
        address: Some(attempt.whereabouts.address.clone()),
        user_agent: Some(attempt.whereabouts.user_agent.clone()),
        ..app.event(kind)
    }
}

async fn record(
    app: &App,
    db: &mut Db,
    attempt: &Attempt<'_>,
    outcome: &str,
) -> Result<(), StoreError> {
    let event = Event { outcome: outcome.into(), ..event(app, attempt, "confirmed") };
    events::record(db, &event).await
}
