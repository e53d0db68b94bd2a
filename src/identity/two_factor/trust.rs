//! Browsers in which their owner is asked for no code for a while.
//!
//! Such a browser spares the code at a sign-in by password and nothing else: it never counts as a
//! second factor (S-091).

use serde_json::json;

use super::By;
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::browsers;
use crate::identity::sessions::Whereabouts;
use crate::notices::{self, Notice};
use crate::secret::sha256;
use crate::store::devices::{self, Device};
use crate::store::users::User;
use crate::store::{Db, StoreError, credentials};

/// Whether people may trust a browser at all.
#[must_use]
pub fn is_offered(app: &App) -> bool {
    !app.config.login.trust_browser_for.is_zero()
}

/// Trusts the browser that `by` signs in from with a code, in the transaction that lets them in; it
/// got its token there ([`browsers::recognize`]).
pub async fn trust(app: &App, db: &mut Db, by: &By<'_>) -> Result<(), StoreError> {
    let Some(token) = by.whereabouts.devices.first().filter(|_| is_offered(app)) else {
        return Ok(());
    };
    let now = app.clock.now();
    let until = now + *app.config.login.trust_browser_for;
    if devices::trust(db, &by.user.id, &sha256(token), until, now).await? {
        by.record(app, db, "browser_trusted", json!({ "until": until.to_string() })).await?;
        let notice = Notice::BrowserTrusted { until };
        notices::tell(app, db, by.user, by.source(), notice).await?;
    }
    Ok(())
}

/// Whether a password is enough in the browser that sent one.
pub async fn skips_code(
    app: &App,
    user: &User,
    whereabouts: &Whereabouts,
) -> Result<bool, StoreError> {
    if !is_offered(app) {
        return Ok(false);
    }
    let mut db = app.store.read().await?;
    match browsers::find(&mut db, &user.id, whereabouts).await? {
        Some(device) => counts(app, &mut db, &device).await,
        None => Ok(false),
    }
}

/// Whether the time of a browser's trust is not over, by the day that was promised and by the rules
/// of today.
#[must_use]
pub fn may_be_trusted(app: &App, device: &Device, now: Timestamp) -> bool {
    let longest = *app.config.login.trust_browser_for;
    device.is_trusted(now) && device.trusted_at.is_some_and(|at| now < at + longest)
}

/// A trust is as young as it must be: it ends when its time is over or the operator's rules got
/// shorter, and with every change of the password or of the authenticator apps after it.
async fn counts(app: &App, db: &mut Db, device: &Device) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let Some(trusted_at) = device.trusted_at.filter(|_| may_be_trusted(app, device, now)) else {
        return Ok(false);
    };
    let password = credentials::find(db, &device.user_id).await?;
    let apps = credentials::list_confirmed_totp(db, &device.user_id).await?;
    let mut confirmed: Vec<Timestamp> = apps.iter().filter_map(|one| one.confirmed_at).collect();
    confirmed.extend(password.as_ref().map(|password| password.set_at));
    Ok(password.is_some()
        && !apps.is_empty()
        && confirmed.iter().all(|changed_at| *changed_at <= trusted_at))
}

/// Asks for codes again in one of the person's browsers; `false` when it is not theirs, or was not
/// trusted.
pub async fn distrust_one(app: &App, by: &By<'_>, id: &str) -> Result<bool, StoreError> {
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    if !devices::distrust(&mut db, &by.user.id, id).await? {
        return Ok(false);
    }
    by.record(app, &mut db, "browser_distrusted", json!({ "device_id": id })).await?;
    db.commit().await?;
    Ok(true)
}

/// Asks for codes again in all of the person's browsers; says in how many.
pub async fn distrust_all(app: &App, by: &By<'_>) -> Result<u64, StoreError> {
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    let count = devices::distrust_all(&mut db, &by.user.id).await?;
    if count > 0 {
        by.record(app, &mut db, "browsers_distrusted", json!({ "count": count })).await?;
    }
    db.commit().await?;
    Ok(count)
}
