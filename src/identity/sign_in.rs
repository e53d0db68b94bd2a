//! Checks what a person presents at sign-in, and what follows from it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::Instant;
use unicode_normalization::UnicodeNormalization;

use crate::app::App;
use crate::hashing::{HashingError, Verdict};
use crate::identity::attempts::{self, Owed};
use crate::identity::lockout::{self, Admission, Bucket};
use crate::identity::sessions::{Arrival, Whereabouts, still_stands};
use crate::identity::{blocked, familiarity, password, rehash, temporary_password, two_factor};
use crate::keys::Mac;
use crate::secret::sha256;
use crate::store::events::Event;
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::users::{self, User};
use crate::store::{Db, StoreError, credentials};

/// How long a person may take for the second factor.
pub const PENDING_TTL: Duration = Duration::from_mins(10);

/// A try that is not looked at is answered no sooner than this: finding somebody takes a little longer
/// than finding nobody, and no hash hides that (S-109).
const BLOCKED_TAKES: Duration = Duration::from_millis(20);

/// What somebody typed, and from where.
pub struct Attempt<'a> {
    /// A user name or an e-mail address, as typed.
    pub login: &'a str,
    /// The password, as typed.
    pub password: SecretString,
    /// Where it was typed.
    pub whereabouts: &'a Whereabouts,
    /// The application that the person is signing in to.
    pub client_id: Option<&'a str>,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum SignIn {
    /// The person is who they say.
    Proven {
        /// Who they are.
        user: User,
        /// The hash that the password was compared with.
        hash: String,
    },
    /// The password is right, and the account has a second factor or must set one up: nothing is
    /// open yet.
    SecondFactorNeeded {
        /// Whose password it is.
        user: User,
        /// The hash that it was compared with.
        hash: String,
    },
    /// The password is right, and the account is locked.
    Locked,
    /// Name or password is wrong; which of them is not told.
    Refused,
    /// Too many wrong passwords from such browsers: nothing was looked at.
    Blocked {
        /// When it makes sense to come back; `None`: time alone opens nothing.
        retry_after: Option<Duration>,
    },
    /// More sign-ins than the machine can check.
    Busy,
}

/// The one form of a user name or e-mail address that accounts are looked up by: NFKC, without
/// blanks at its ends, in lower case. `None` for what no account can be called.
#[must_use]
pub fn canonical_login(typed: &str) -> Option<String> {
    if typed.len() > 1024 {
        return None;
    }
    let folded = typed.nfkc().collect::<String>().trim().to_lowercase().nfkc().collect::<String>();
    let fits = !folded.is_empty()
        && folded.chars().count() <= 254
        && !folded.chars().any(|c| c.is_control() || c.is_whitespace());
    fits.then_some(folded)
}

/// Checks a name and a password. Every refusal costs one hash and says the same, and is recorded
/// here; what is right is recorded with what it opens.
pub async fn sign_in(app: &App, attempt: Attempt<'_>) -> anyhow::Result<SignIn> {
    let begun = Instant::now();
    let key = canonical_login(attempt.login);
    let Some(typed) = password::normalize(attempt.password.expose_secret()) else {
        return Ok(SignIn::Refused);
    };
    let Ok(place) = app.hasher.reserve() else { return Ok(SignIn::Busy) };
    let (user, credential) = match &key {
        Some(key) => {
            let mut db = app.store.read().await?;
            let user = users::find_by_login(&mut db, key).await?;
            // Asked for nobody as well: an unknown name costs as many questions as a known one.
            let id = user.as_ref().map(|user| user.id.as_str()).unwrap_or_default();
            let credential = credentials::find(&mut db, id).await?;
            let temporary = credentials::temporary_since(&mut db, id).await?;
            let over = temporary.is_some_and(|since| temporary_password::is_over(app, since));
            (user, credential.filter(|_| !over))
        }
        None => (None, None),
    };
    let bucket = match admit(app, &attempt, user.as_ref(), key.as_deref()).await? {
        Ok(bucket) => bucket,
        Err(blocked) => {
            drop(place);
            tokio::time::sleep_until(begun + BLOCKED_TAKES).await;
            return Ok(blocked);
        }
    };
    let stored = credential.as_ref().map(|credential| credential.hash.clone());
    let verdict = match app.hasher.verify(&place, typed.clone().into(), stored.clone()).await {
        Ok(verdict) => verdict,
        Err(HashingError::Busy) => {
            lockout::give_back(app, &bucket).await?;
            return Ok(SignIn::Busy);
        }
        Err(HashingError::Fault(fault)) => return Err(fault),
    };
    let (Some(user), Some(hash), Verdict::Right { outdated }) = (user, stored, verdict) else {
        return refuse(app, &attempt, key.as_deref()).await;
    };
    if outdated {
        rehash::afterwards(app, &user.id, &hash, typed.into());
    }
    let mut db = app.store.write().await?;
    lockout::succeeded(&mut db, &bucket).await?;
    let outcome = if user.locked_at.is_some() {
        record(app, &mut db, Some(&user.id), &attempt, "locked", None).await?;
        SignIn::Locked
    } else if two_factor::is_required(app, &user)
        || credentials::has_second_factor(&mut db, &user.id).await?
    {
        SignIn::SecondFactorNeeded { user, hash }
    } else {
        SignIn::Proven { user, hash }
    };
    db.commit().await?;
    Ok(outcome)
}

/// Takes a try at the password; what is blocked is told in the history, and the person once: later,
/// because writing to somebody would take longer than writing to nobody.
async fn admit(
    app: &App,
    attempt: &Attempt<'_>,
    user: Option<&User>,
    key: Option<&str>,
) -> Result<Result<Bucket, SignIn>, StoreError> {
    let name = key.unwrap_or(attempt.login);
    let (retry_after, first) = match lockout::admit(app, user, name, attempt.whereabouts).await? {
        Admission::Open(bucket) => return Ok(Ok(bucket)),
        Admission::Blocked { retry_after, first } => (retry_after, first),
    };
    let mut db = app.store.write().await?;
    record(app, &mut db, user.map(|user| user.id.as_str()), attempt, "blocked", key).await?;
    if first {
        blocked::note(app, &mut db, key.unwrap_or_default(), attempt.whereabouts).await?;
    }
    db.commit().await?;
    Ok(Err(SignIn::Blocked { retry_after }))
}

async fn refuse(app: &App, attempt: &Attempt<'_>, key: Option<&str>) -> anyhow::Result<SignIn> {
    let mut db = app.store.write().await?;
    let user = match key {
        Some(key) => users::find_by_login(&mut db, key).await?,
        None => None,
    };
    let user_id = user.as_ref().map(|user| user.id.as_str());
    record(app, &mut db, user_id, attempt, "failed", key).await?;
    db.commit().await?;
    Ok(SignIn::Refused)
}

async fn record(
    app: &App,
    db: &mut Db,
    user_id: Option<&str>,
    attempt: &Attempt<'_>,
    outcome: &str,
    unknown_name: Option<&str>,
) -> Result<(), StoreError> {
    // A name that is nobody's may be a password typed into the wrong field.
    let name_hash = match (user_id, unknown_name) {
        (None, Some(name)) => Some(app.lasting.mac_text(Mac::UnknownName, name.as_bytes())),
        _ => None,
    };
    let event = Event {
        user_id: user_id.map(str::to_owned),
        client_id: attempt.client_id.map(str::to_owned),
        actor: user_id.map(str::to_owned),
        address: Some(attempt.whereabouts.address.clone()),
        user_agent: Some(attempt.whereabouts.user_agent.clone()),
        outcome: outcome.into(),
        details: json!({ "method": "password", "name_hash": name_hash }),
        ..app.event("sign_in")
    };
    attempts::failed(app, db, event).await
}

/// What the events of one sign-in have in common: its password and its codes.
#[must_use]
pub fn attempt_of(pending: &PendingSignIn) -> String {
    pending.id_hash.chars().take(22).collect()
}

/// Remembers that this browser proved a password and owes the second factor. It is an
/// interaction: a cookie and a type of its own that no page but `/login/two-factor` reads. `None`
/// when a new password or a lock came in between.
pub async fn owe_second_factor(
    app: &App,
    arrival: &Arrival<'_>,
    client_id: Option<&str>,
) -> anyhow::Result<Option<String>> {
    let Arrival { user, whereabouts, remembered, .. } = *arrival;
    let judgement = {
        let mut db = app.store.read().await?;
        familiarity::assess(app, &mut db, &user.id, whereabouts).await?
    };
    let token = app.random.token("");
    let now = app.clock.now();
    let pending = PendingSignIn {
        id_hash: sha256(&token),
        user_id: user.id.clone(),
        password_at: now,
        created_at: now,
        expires_at: now + PENDING_TTL,
        remembered_at: remembered.then_some(now),
    };
    let mut db = app.store.write().await?;
    if !still_stands(&mut db, arrival).await? {
        return Ok(None);
    }
    pending_sign_ins::insert(&mut db, &pending).await?;
    let attempt = attempt_of(&pending);
    let (attempt, judgement, method) = (&attempt, &judgement, "password");
    let owed = Owed { user, whereabouts, client_id, attempt, judgement, method };
    attempts::half_way(app, &mut db, &owed).await?;
    db.commit().await?;
    Ok(Some(token))
}

/// Who owes the second factor in the browser that holds `token`.
pub async fn owing(app: &App, token: &str) -> Result<Option<PendingSignIn>, StoreError> {
    let mut db = app.store.read().await?;
    pending_sign_ins::find(&mut db, &sha256(token), app.clock.now()).await
}

#[cfg(test)]
mod tests {
    use super::canonical_login;

    #[test]
    fn one_account_has_one_name() {
        for twin in ["alice", "ALICE", " alice ", "\u{ff41}lice", "a\u{ff2c}ice"] {
            assert_eq!(canonical_login(twin).as_deref(), Some("alice"), "{twin:?}");
        }
        for nobody in ["", "  ", "alice\0", "al ice", "a\nb", &"x".repeat(255), &"y".repeat(9999)] {
            assert_eq!(canonical_login(nobody), None, "{nobody:?}");
        }
    }
}
