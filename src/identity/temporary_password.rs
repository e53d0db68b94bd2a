//! A password that somebody else chose: it opens nothing but the page that asks for another one.

use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::hashing::{HashingError, Verdict};
use crate::identity::attempts::{self, Owed, TEMPORARY_PASSWORD};
use crate::identity::familiarity::Judgement;
use crate::identity::lockout;
use crate::identity::password::{self, Rules, Weakness, names_of};
use crate::identity::sessions::{Arrival, Proof, Whereabouts};
use crate::identity::sign_in::{PENDING_TTL, attempt_of};
use crate::notices::{self, Notice, Source};
use crate::secret::sha256;
use crate::store::credentials::{self, PasswordCredential};
use crate::store::events::{self, Event};
use crate::store::links::{self, Purpose};
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::users::{self, User};
use crate::store::{Db, StoreError};

/// How long it can be used at all (OWASP ASVS 5.0 §6.4.1).
pub const GOOD_FOR: Duration = Duration::from_hours(24 * 7);

/// Whether a temporary password that was set at that time is worth nothing any more.
#[must_use]
pub fn is_over(app: &App, since: Timestamp) -> bool {
    app.clock.now() >= since + GOOD_FOR
}

/// Whether who arrives must choose another password first.
pub async fn must_change(db: &mut Db, user_id: &str) -> Result<bool, StoreError> {
    Ok(credentials::temporary_since(db, user_id).await?.is_some())
}

/// Remembers what this browser has proven, until its person has chosen a password; gives the token
/// for its cookie. It is an interaction, no session; the history tells of it, for it may end here.
pub async fn owe(
    app: &App,
    db: &mut Db,
    arrival: &Arrival<'_>,
    (client_id, judgement): (Option<&str>, &Judgement),
) -> anyhow::Result<String> {
    let token = app.random.token("");
    let now = app.clock.now();
    let pending = PendingSignIn {
        id_hash: sha256(&token),
        user_id: arrival.user.id.clone(),
        password_at: arrival.proof.at,
        created_at: now,
        expires_at: now + PENDING_TTL,
        remembered_at: arrival.remembered.then_some(now),
    };
    // The sign-in that this becomes names the same attempt.
    let attempt = arrival.proof.attempt.clone().unwrap_or_else(|| attempt_of(&pending));
    let proof = Proof { attempt: Some(attempt.clone()), ..arrival.proof.clone() };
    pending_sign_ins::insert_proven(db, &pending, &serde_json::to_string(&proof)?).await?;
    let Arrival { user, whereabouts, .. } = *arrival;
    let (attempt, method) = (attempt.as_str(), TEMPORARY_PASSWORD);
    let owed = Owed { user, whereabouts, client_id, attempt, judgement, method };
    attempts::half_way(app, db, &owed).await?;
    Ok(token)
}

/// Somebody who owes another password.
pub struct Owing {
    /// The interaction.
    pub pending: PendingSignIn,
    /// Who.
    pub user: User,
    /// What they have proven.
    pub proof: Proof,
}

/// Who owes another password in the browser that holds `token`.
pub async fn owing(app: &App, token: &str) -> anyhow::Result<Option<Owing>> {
    let mut db = app.store.read().await?;
    let found = pending_sign_ins::find_proven(&mut db, &sha256(token), app.clock.now()).await?;
    let Some((pending, proof)) = found else { return Ok(None) };
    let user = users::find(&mut db, &pending.user_id).await?;
    let proof = serde_json::from_str(&proof).context("what a sign-in has proven")?;
    let user = user.filter(|user| user.locked_at.is_none());
    Ok(user.map(|user| Owing { pending, user, proof }))
}

/// What came of choosing another password.
pub enum Chosen {
    /// It is set.
    Done {
        /// Its hash.
        hash: String,
    },
    /// It does not fit.
    Weak(Weakness),
    /// The sign-in is over, or the password was changed elsewhere meanwhile.
    Over,
    /// More passwords than the machine can hash.
    Busy,
}

/// Sets the new password of somebody who owes one, and ends that they owe it.
pub async fn choose(
    app: &App,
    owing: &Owing,
    new: &SecretString,
    whereabouts: &Whereabouts,
) -> anyhow::Result<Chosen> {
    let Owing { pending, user, .. } = owing;
    let weakness = Rules::of(app).check(new.expose_secret(), &names_of(user)).err();
    if let Some(weakness) = weakness {
        return Ok(Chosen::Weak(weakness));
    }
    let Some(normal) = password::normalize(new.expose_secret()) else {
        return Ok(Chosen::Weak(Weakness::TooLong));
    };
    let Ok(place) = app.hasher.reserve() else { return Ok(Chosen::Busy) };
    let old = {
        let mut db = app.store.read().await?;
        credentials::find(&mut db, &user.id).await?
    };
    let Some(old) = old else { return Ok(Chosen::Over) };
    let hashed =
        match app.hasher.verify(&place, normal.clone().into(), Some(old.hash.clone())).await {
            Ok(Verdict::Right { .. }) => return Ok(Chosen::Weak(Weakness::Unchanged)),
            Ok(Verdict::Wrong) => app.hasher.hash(&place, normal.into(), &app.random).await,
            Err(error) => Err(error),
        };
    let hash = match hashed {
        Ok(hash) => hash,
        Err(HashingError::Busy) => return Ok(Chosen::Busy),
        Err(HashingError::Fault(fault)) => return Err(fault),
    };
    let now = app.clock.now();
    let credential = PasswordCredential { user_id: user.id.clone(), hash, set_at: now };
    let mut db = app.store.write().await?;
    // Held first, so that racing answers wait for one another; one counts, and none that support,
    // a lock or a mailed link has overtaken.
    if !credentials::hold_if_standing(&mut db, &user.id, Some(&old.hash), now).await?
        || !pending_sign_ins::remove(&mut db, &pending.id_hash).await?
        || !must_change(&mut db, &user.id).await?
        || !credentials::change(&mut db, &old.hash, &credential).await?
    {
        return Ok(Chosen::Over);
    }
    pending_sign_ins::remove_for_user(&mut db, &user.id).await?;
    links::void_all(&mut db, Purpose::Recovery, &user.id).await?;
    links::void_all(&mut db, Purpose::Email, &user.id).await?;
    lockout::reopened(&mut db, &user.id).await?;
    let event = Event {
        user_id: Some(user.id.clone()),
        actor: Some(user.id.clone()),
        address: Some(whereabouts.address.clone()),
        user_agent: Some(whereabouts.user_agent.clone()),
        details: json!({ "temporary": true }),
        ..app.event("password_changed")
    };
    events::record(&mut db, &event).await?;
    let source = Source { address: &whereabouts.address, user_agent: &whereabouts.user_agent };
    let notice = Notice::PasswordChanged { by_support: false };
    notices::tell(app, &mut db, user, source, notice).await?;
    db.commit().await?;
    Ok(Chosen::Done { hash: credential.hash })
}
