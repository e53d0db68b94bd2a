//! Takes a code, at sign-in or to confirm, and uses it up.

use serde_json::json;

use super::By;
use super::backup_codes::{self, Typed};
use super::seed::{digits, step_of};
use super::tries::{Closed, Tries};
use crate::app::App;
use crate::identity::attempts;
use crate::identity::browsers;
use crate::identity::sessions::{Method, Proof, Whereabouts};
use crate::identity::sign_in::attempt_of;
use crate::notices::{self, Notice};
use crate::protocol::next_step::ACR_MFA;
use crate::store::credentials;
use crate::store::events::Event;
use crate::store::factor_failures;
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::users::{self, User};
use crate::store::{Db, StoreError};

/// Wrong codes after which a sign-in must begin anew.
const MAX_WRONG_CODES: i64 = 5;

/// A code, and from where it came.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// As typed.
    pub code: &'a str,
    /// Where it was typed.
    pub whereabouts: &'a Whereabouts,
    /// The application that the person is signing in to.
    pub client_id: Option<&'a str>,
}

/// What came of a code.
#[derive(Debug)]
pub enum SecondFactor {
    /// The person is who they say.
    Proven(Box<User>, Proof, Factor),
    /// Wrong, used before, or no code at all: another try.
    Wrong {
        /// How many tries this sign-in has used up.
        tries: i64,
    },
    /// Too many wrong codes within half a minute: not looked at.
    TooFast,
    /// Too many wrong codes within an hour from browsers that the account does not know: not looked
    /// at.
    Later,
    /// So many wrong codes in a row that apps' codes do not count: not looked at.
    Blocked,
    /// Too many wrong codes, or the sign-in took too long: begin anew.
    Over,
}

/// What a code was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// A time-based code of an authenticator app.
    Totp,
    /// One of the backup codes.
    BackupCode {
        /// How many are left.
        left: i64,
    },
}

enum Verdict {
    Right(Factor),
    Wrong,
    TooFast,
    Later,
    Blocked,
}

/// Checks a code for the sign-in that owes it; whoever is proven by it is let in by
/// [`still_stands`](crate::identity::sessions::still_stands), which uses the sign-in up.
///
/// Each step counts once: of racing requests with one code a single one wins. A try is counted
/// before the code is looked at, so that no race gets more of them.
pub async fn check_code(
    app: &App,
    pending: &PendingSignIn,
    attempt: Attempt<'_>,
) -> anyhow::Result<SecondFactor> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    let tries = pending_sign_ins::count_try(&mut db, &pending.id_hash, now).await?;
    let Some(tries) = tries.filter(|tries| *tries <= MAX_WRONG_CODES) else {
        pending_sign_ins::remove(&mut db, &pending.id_hash).await?;
        record(app, &mut db, pending, attempt, "blocked").await?;
        db.commit().await?;
        return Ok(SecondFactor::Over);
    };
    let Some(user) = users::find(&mut db, &pending.user_id).await? else {
        return Ok(SecondFactor::Over);
    };
    let by = By { user: &user, session: None, whereabouts: attempt.whereabouts };
    let refused = match look_at(app, &mut db, &by, attempt.code).await? {
        Verdict::Right(factor) if user.locked_at.is_none() => {
            welcome(app, &mut db, &by, factor).await?;
            db.commit().await?;
            let proof = proof(factor, attempt_of(pending), now);
            return Ok(SecondFactor::Proven(Box::new(user), proof, factor));
        }
        // Nobody signs in to a locked account, and nothing tells that the code was right.
        Verdict::Right(_) | Verdict::Wrong => SecondFactor::Wrong { tries },
        Verdict::TooFast => SecondFactor::TooFast,
        Verdict::Later => SecondFactor::Later,
        Verdict::Blocked => SecondFactor::Blocked,
    };
    let blocked =
        matches!(refused, SecondFactor::TooFast | SecondFactor::Later | SecondFactor::Blocked);
    record(app, &mut db, pending, attempt, if blocked { "blocked" } else { "failed" }).await?;
    db.commit().await?;
    Ok(refused)
}

/// How somebody is proven who showed a password and this (RFC 8176 §2).
fn proof(factor: Factor, attempt: String, at: crate::clock::Timestamp) -> Proof {
    let (method, amr) = match factor {
        Factor::Totp => (Method::Totp, "pwd otp mfa"),
        Factor::BackupCode { .. } => (Method::BackupCode, "pwd mfa"),
    };
    Proof { method, attempt: Some(attempt), amr: amr.into(), acr: ACR_MFA.into(), at }
}

/// Whether a session began with a backup code, by its authentication methods.
#[must_use]
pub fn is_by_backup_code(amr: &str) -> bool {
    let has = |method| amr.split(' ').any(|one| one == method);
    has("mfa") && !has("otp")
}

/// Tells the person if it was a backup code. That the sign-in succeeded is recorded with the
/// session that it opens.
async fn welcome(app: &App, db: &mut Db, by: &By<'_>, factor: Factor) -> Result<(), StoreError> {
    if let Factor::BackupCode { left } = factor {
        by.record(app, db, "backup_code_used", json!({ "left": left })).await?;
        notices::tell(app, db, by.user, by.source(), Notice::BackupCodeUsed { left }).await?;
    }
    Ok(())
}

/// Takes a person's code, of an app or of the backup set, and uses it up; `None` when it is wrong
/// or was used before, and when too many wrong ones came (S-124). Commit `db` in any case: a right
/// code counts as used from then on, a wrong one as tried.
pub async fn accept(
    app: &App,
    db: &mut Db,
    by: &By<'_>,
    typed: &str,
) -> anyhow::Result<Option<Factor>> {
    Ok(match look_at(app, db, by, typed).await? {
        Verdict::Right(factor) => Some(factor),
        Verdict::Wrong | Verdict::TooFast | Verdict::Later | Verdict::Blocked => None,
    })
}

async fn look_at(app: &App, db: &mut Db, by: &By<'_>, typed: &str) -> anyhow::Result<Verdict> {
    let user_id = &by.user.id;
    let app_code = digits(typed);
    let backup_code = Typed::read(typed);
    // What is no code at all is not a guess either.
    if app_code.is_none() && backup_code.is_none() {
        return Ok(Verdict::Wrong);
    }
    factor_failures::hold(db, user_id).await?;
    let known = browsers::find(db, user_id, by.whereabouts).await?;
    let tries = Tries::of(user_id, known.as_ref(), app_code.is_none());
    match tries.closed(app, db).await? {
        Some(Closed::TooFast) => return Ok(Verdict::TooFast),
        Some(Closed::Later) => return Ok(Verdict::Later),
        Some(Closed::InARow) => return Ok(Verdict::Blocked),
        None => {}
    }
    let found = match (app_code, backup_code) {
        (Some(code), _) => use_step(app, db, user_id, &code).await?,
        (None, Some(code)) => backup_codes::spend(app, db, user_id, &code).await?,
        (None, None) => None,
    };
    if let Some(factor) = found {
        tries.succeeded(db).await?;
        return Ok(Verdict::Right(factor));
    }
    if tries.failed(app, db).await? {
        by.record(app, db, "authenticator_disabled", json!({})).await?;
        notices::tell(app, db, by.user, by.source(), Notice::CodesBlocked).await?;
    }
    Ok(Verdict::Wrong)
}

/// Finds the authenticator that `code` belongs to, at most one step off, and uses that step up.
async fn use_step(
    app: &App,
    db: &mut Db,
    user_id: &str,
    code: &str,
) -> anyhow::Result<Option<Factor>> {
    let authenticators = credentials::list_confirmed_totp(db, user_id).await?;
    for one in &authenticators {
        if let Some(step) = step_of(app, one, code, 1)? {
            let used = credentials::use_totp_step(db, &one.id, step, app.clock.now()).await?;
            return Ok(used.then_some(Factor::Totp));
        }
    }
    Ok(None)
}

/// The history shows codes as it shows passwords: who guesses them must be seen.
async fn record(
    app: &App,
    db: &mut Db,
    pending: &PendingSignIn,
    attempt: Attempt<'_>,
    outcome: &str,
) -> Result<(), StoreError> {
    let method = if Typed::read(attempt.code).is_some() { "backup_code" } else { "totp" };
    let event = Event {
        user_id: Some(pending.user_id.clone()),
        client_id: attempt.client_id.map(str::to_owned),
        actor: Some(pending.user_id.clone()),
        address: Some(attempt.whereabouts.address.clone()),
        user_agent: Some(attempt.whereabouts.user_agent.clone()),
        outcome: outcome.into(),
        details: json!({ "method": method }),
        attempt: Some(attempt_of(pending)),
        ..app.event("sign_in")
    };
    attempts::failed(app, db, event).await
}

/// The person who owes the second factor.
pub async fn person(app: &App, pending: &PendingSignIn) -> Result<Option<User>, StoreError> {
    let mut db = app.store.read().await?;
    users::find(&mut db, &pending.user_id).await
}
