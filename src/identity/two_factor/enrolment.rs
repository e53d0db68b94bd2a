//! Setting up an authenticator app: a seed to scan, a first code, and the backup codes with the
//! first of a person's apps.

use std::time::Duration;

use serde_json::json;
use zeroize::Zeroizing;

use super::claim::{Claim, Confirmed, Done, NAMELESS, Replaces, clock_off, readable};
use super::removal::tell_removed;
use super::seed::{RFC_4648, SEED, base32, digits, open, seed_place, step_at, step_of};
use super::{By, backup_codes};
use crate::app::App;
use crate::identity::sessions::{self, Proof};
use crate::notices::{self, Notice};
use crate::protocol::next_step::ACR_MFA;
use crate::store::credentials::{self, TotpCredential};
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::store::{Db, StoreError, devices, enrolments, factor_failures};

/// How long a seed that was shown waits for its first code.
pub const ENROLMENT_TTL: Duration = Duration::from_hours(1);
/// More apps than anybody has phones: each costs a check at every code.
pub const MAX_AUTHENTICATORS: usize = 10;
/// How many steps off a code may be to say how wrong the phone's clock is: ten minutes.
const CLOCK_STEPS: u16 = 20;
/// Where an app is being set up.
#[derive(Clone, Copy, Debug)]
pub enum Within<'a> {
    /// In the account, by somebody who has just proven who they are.
    Session(&'a BrowserSession),
    /// At a sign-in that must have two-factor, after the password.
    SignIn(&'a PendingSignIn),
}

impl Within<'_> {
    /// What the seed is tied to: not to the session alone, but to its present cookie. Whoever had
    /// copied an older one has not seen the seed that its owner scans after proving who they are.
    fn key(&self) -> String {
        match self {
            Self::Session(session) => format!("session:{}:{}", session.id, session.token_hash),
            Self::SignIn(pending) => format!("sign-in:{}", pending.id_hash),
        }
    }

    /// Whether a second factor was shown here, as it must be where there is one.
    fn has_shown_factor(&self) -> bool {
        matches!(self, Self::Session(session) if session.acr == ACR_MFA)
    }
}

/// An app that is being set up.
pub struct Enrolment {
    /// The id of its record.
    pub id: String,
    seed: Zeroizing<Vec<u8>>,
}

impl Enrolment {
    /// The key as it is typed into an app: base32.
    #[must_use]
    pub fn key(&self) -> String {
        base32(RFC_4648, &self.seed)
    }

    /// The `otpauth:` address that apps scan. SHA-1, six digits and 30 seconds are what every app
    /// takes for granted.
    #[must_use]
    pub fn url(&self, issuer: &str, account: &str) -> String {
        let encoded = |text: &str| -> String {
            let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            text.replace('+', "%20")
        };
        let (issuer, account) = (encoded(issuer), encoded(account));
        format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.key())
    }
}

/// The app that is being set up here, or a new one; `None` when there are enough, or when a factor
/// must be shown first.
pub async fn begin(
    app: &App,
    user: &User,
    within: Within<'_>,
    replaces: Replaces<'_>,
) -> anyhow::Result<Option<Enrolment>> {
    let now = app.clock.now();
    let key = within.key();
    let begun = {
        let mut db = app.store.read().await?;
        if !is_allowed(&mut db, user, within, replaces).await? {
            return Ok(None);
        }
        enrolments::find(&mut db, &user.id, &key, now - ENROLMENT_TTL).await?
    };
    if let Some(begun) = begun {
        let seed = open(app, &begun)?;
        return Ok(Some(Enrolment { id: begun.id, seed }));
    }
    // RFC 4226 §4, R6: 160 bits.
    let seed = Zeroizing::new(app.random.bytes::<20>().to_vec());
    let totp = TotpCredential {
        id: app.random.id(now),
        user_id: user.id.clone(),
        name: NAMELESS.into(),
        sealed_seed: app.master.seal(SEED, &seed_place(&user.id), &seed)?,
        last_step: 0,
        created_at: now,
        confirmed_at: None,
        last_used_at: None,
    };
    let mut db = app.store.write().await?;
    enrolments::begin(&mut db, &totp, &key).await?;
    db.commit().await?;
    Ok(Some(Enrolment { id: totp.id, seed }))
}

async fn is_allowed(
    db: &mut Db,
    user: &User,
    within: Within<'_>,
    replaces: Replaces<'_>,
) -> Result<bool, StoreError> {
    let apps = credentials::list_confirmed_totp(db, &user.id).await?;
    let beside = apps.iter().filter(|one| !replaces.covers(&one.id)).count();
    Ok(apps.is_empty() || (beside < MAX_AUTHENTICATORS && within.has_shown_factor()))
}

/// Checks the first code and makes the app a factor. Of the apps that a person sets up at the same
/// time one wins; the others must be begun anew.
pub async fn confirm(
    app: &App,
    by: &By<'_>,
    within: Within<'_>,
    claim: &Claim<'_>,
) -> anyhow::Result<Confirmed> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    if let Within::SignIn(pending) = within {
        // What the rule had closed is not opened by this: a password alone had begun it.
        sessions::end_all(app, &mut db, &by.user.id, None, "two-factor was required").await?;
        // In the order in which a code is checked: neither then waits for the other.
        if !pending_sign_ins::prove(&mut db, &pending.id_hash, now).await? {
            return Ok(Confirmed::Over);
        }
    }
    factor_failures::hold(&mut db, &by.user.id).await?;
    let begun = enrolments::find(&mut db, &by.user.id, &within.key(), now - ENROLMENT_TTL).await?;
    let Some(begun) = begun.filter(|begun| begun.id == claim.id) else {
        return Ok(Confirmed::Over);
    };
    if !is_allowed(&mut db, by.user, within, claim.replaces).await? {
        return Ok(Confirmed::Over);
    }
    let Some(code) = digits(claim.code) else { return Ok(Confirmed::Wrong) };
    let Some(step) = step_of(app, &begun, &code, 1)? else {
        let off = step_of(app, &begun, &code, CLOCK_STEPS)?.map(|step| step - step_at(now));
        return Ok(off.map_or(Confirmed::Wrong, clock_off));
    };
    if !credentials::confirm_totp(&mut db, &begun.id, step, now).await? {
        return Ok(Confirmed::Over);
    }
    let codes = settle(app, &mut db, by, (&begun.id, claim)).await?;
    let token = match within {
        Within::Session(session) => Some(raise(app, &mut db, session).await?),
        Within::SignIn(_) => None,
    };
    db.commit().await?;
    Ok(Confirmed::Done(Done { codes, token }))
}

/// All that follows from a new factor: its name, what it replaces, the backup codes, the news.
async fn settle(
    app: &App,
    db: &mut Db,
    by: &By<'_>,
    (id, claim): (&str, &Claim<'_>),
) -> Result<Option<Vec<String>>, StoreError> {
    let name = readable(claim.name);
    enrolments::finish(db, id, &name).await?;
    enrolments::forget(db, &by.user.id).await?;
    let mut others = credentials::list_totp(db, &by.user.id).await?;
    others.retain(|other| other.id != id);
    // A browser that was trusted before knows nothing of the new app.
    devices::distrust_all(db, &by.user.id).await?;
    factor_failures::clear(db, &by.user.id).await?;
    let codes = crate::store::backup_codes::count_left(db, &by.user.id).await?;
    let codes = if others.is_empty() || codes == 0 {
        Some(backup_codes::make(app, db, by).await?)
    } else {
        None
    };
    by.record(app, db, "authenticator_added", json!({ "name": name })).await?;
    let news = if others.is_empty() {
        by.record(app, db, "two_factor_on", json!({})).await?;
        Notice::TwoFactorOn
    } else {
        Notice::AuthenticatorAdded { name: &name }
    };
    notices::tell(app, db, by.user, by.source(), news).await?;
    for other in others.iter().filter(|other| claim.replaces.covers(&other.id)) {
        credentials::remove_one_totp(db, &by.user.id, &other.id).await?;
        tell_removed(app, db, by, &other.name).await?;
    }
    Ok(codes)
}

/// Counts the session as signed in with two factors: the password and the code were both shown
/// in it. Its cookie changes with that; the time of its proof does not.
async fn raise(app: &App, db: &mut Db, session: &BrowserSession) -> Result<String, StoreError> {
    let at = session.auth_time;
    let proof = Proof { amr: "pwd otp mfa".into(), acr: ACR_MFA.into(), ..Proof::password(at) };
    sessions::renew(app, db, session, &proof).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_for_apps_is_encoded() {
        let seed = Zeroizing::new(b"12345678901234567890".to_vec());
        let enrolment = Enrolment { id: String::new(), seed };
        assert_eq!(
            enrolment.url("Ann & Bob: Co", "zoë"),
            "otpauth://totp/Ann%20%26%20Bob%3A%20Co:zo%C3%AB?secret=\
             GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ann%20%26%20Bob%3A%20Co"
        );
    }
}
