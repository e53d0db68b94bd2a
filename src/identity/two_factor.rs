//! The second factor at sign-in: a time-based code (RFC 6238), good once.

use serde_json::json;
use totp_rs::{Builder, Totp};

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::sessions::{Proof, Whereabouts};
use crate::keys::place;
use crate::protocol::next_step::ACR_MFA;
use crate::store::credentials::{self, TotpCredential};
use crate::store::events::{self, Event};
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::users::User;
use crate::store::{Db, StoreError, backup_codes, users};

/// Wrong codes after which a sign-in must begin anew.
pub const MAX_WRONG_CODES: i64 = 5;

/// The purpose under which seeds are sealed.
pub const SEED: &str = "totp-seeds";

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
    Proven(Box<User>, Proof),
    /// Wrong, used before, or not six digits: another try.
    Wrong,
    /// Too many wrong codes, or the sign-in took too long: begin anew.
    Over,
}

/// Where the seed of `user_id` lies: a sealed seed opens for its own person only.
#[must_use]
pub fn seed_place(user_id: &str) -> String {
    place("totp_credentials", "sealed_seed", user_id)
}

/// Six ASCII digits; blanks between them, as apps show them, do not count.
fn digits(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed.chars().filter(|c| *c != ' ').collect();
    (code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())).then_some(code)
}

/// Checks a code for the sign-in that owes it, and ends that sign-in when it is right.
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
    if tries.is_none_or(|tries| tries > MAX_WRONG_CODES) {
        pending_sign_ins::remove(&mut db, &pending.id_hash).await?;
        record(app, &mut db, pending, attempt, "blocked").await?;
        db.commit().await?;
        return Ok(SecondFactor::Over);
    }
    let factor = accept(app, &mut db, &pending.user_id, attempt.code).await?;
    let proven = factor.is_some();
    let user = users::find(&mut db, &pending.user_id).await?;
    let Some(user) = user.filter(|user| proven && user.locked_at.is_none()) else {
        record(app, &mut db, pending, attempt, "failed").await?;
        db.commit().await?;
        return Ok(SecondFactor::Wrong);
    };
    record(app, &mut db, pending, attempt, "successful").await?;
    pending_sign_ins::remove(&mut db, &pending.id_hash).await?;
    db.commit().await?;
    let proof = Proof { amr: "pwd otp mfa".into(), acr: ACR_MFA.into(), at: now };
    Ok(SecondFactor::Proven(Box::new(user), proof))
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

/// Takes a person's code, of an app or of the backup set, and uses it up; `None` when it is wrong
/// or was used before. It counts when `db` is committed.
pub async fn accept(
    app: &App,
    db: &mut Db,
    user_id: &str,
    typed: &str,
) -> anyhow::Result<Option<Factor>> {
    let now = app.clock.now();
    if let Some(code) = digits(typed) {
        let seeds = credentials::list_totp(db, user_id).await?;
        return Ok(match matching(app, &seeds, &code, now)? {
            Some((id, step)) if credentials::use_totp_step(db, id, step, now).await? => {
                Some(Factor::Totp)
            }
            _ => None,
        });
    }
    let Some(code) = backup_code(typed) else { return Ok(None) };
    // Without an app there is no second factor that the codes could stand in for.
    if !credentials::has_second_factor(db, user_id).await? {
        return Ok(None);
    }
    let hash = hash_backup_code(app, user_id, &code);
    if !backup_codes::spend(db, user_id, &hash, now).await? {
        return Ok(None);
    }
    Ok(Some(Factor::BackupCode { left: backup_codes::count_left(db, user_id).await? }))
}

/// The letters of a backup code (Crockford's base32), as they are hashed: sixteen, in upper case,
/// without dashes and blanks; letters that are easily misread count as what they look like.
fn backup_code(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let letter = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let code: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).map(letter).collect();
    let fits = code.len() == 16 && code.bytes().all(|b| b.is_ascii_alphanumeric() && b != b'U');
    fits.then_some(code)
}

/// The keyed hash under which a backup code is kept: useless without the master key.
fn hash_backup_code(app: &App, user_id: &str, code: &str) -> String {
    app.master.mac_text("backup-code", format!("{user_id}|{code}").as_bytes())
}

/// The history shows codes as it shows passwords: who guesses them must be seen.
async fn record(
    app: &App,
    db: &mut Db,
    pending: &PendingSignIn,
    attempt: Attempt<'_>,
    outcome: &str,
) -> Result<(), StoreError> {
    let event = Event {
        user_id: Some(pending.user_id.clone()),
        client_id: attempt.client_id.map(str::to_owned),
        actor: Some(pending.user_id.clone()),
        address: Some(attempt.whereabouts.address.clone()),
        user_agent: Some(attempt.whereabouts.user_agent.clone()),
        outcome: outcome.into(),
        details: json!({ "method": "totp" }),
        ..app.event("sign_in")
    };
    events::record(db, &event).await
}

/// The authenticator and the step that `code` belongs to, at most one step off.
fn matching<'a>(
    app: &App,
    seeds: &'a [TotpCredential],
    code: &str,
    now: Timestamp,
) -> anyhow::Result<Option<(&'a str, i64)>> {
    let at = u64::try_from(now.seconds()).unwrap_or(0);
    for seed in seeds.iter().filter(|seed| seed.confirmed_at.is_some()) {
        let totp = open(app, seed)?;
        if let Some(step) = totp.check(code, at) {
            return Ok(Some((&seed.id, i64::try_from(step).unwrap_or(i64::MAX))));
        }
    }
    Ok(None)
}

fn open(app: &App, credential: &TotpCredential) -> anyhow::Result<Totp> {
    let place = seed_place(&credential.user_id);
    let seed = app.master.open_sealed(SEED, &place, &credential.sealed_seed)?;
    Ok(Builder::new().with_secret(seed.as_slice()).with_skew(1).build()?)
}

/// The person who owes the second factor.
pub async fn person(app: &App, pending: &PendingSignIn) -> Result<Option<User>, StoreError> {
    let mut db = app.store.read().await?;
    users::find(&mut db, &pending.user_id).await
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn only_six_digits_are_a_code() {
        assert_eq!(digits("123 456").as_deref(), Some("123456"));
        for other in ["", "1", "12345", "1234567", "+12345", "\u{ff11}23456", "12345a"] {
            assert_eq!(digits(other), None, "{other:?}");
        }
        assert_eq!(digits(&"1".repeat(1_000_000)), None);
    }
}
