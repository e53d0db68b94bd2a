//! Taking factors away: one authenticator app, all of two-factor, or by support.

use serde_json::json;

use super::{By, policy};
use crate::app::App;
use crate::identity::people::{self, PeopleError};
use crate::identity::{logout_notices, sessions};
use crate::notices::{self, Notice, Source};
use crate::store::events::{self, Event};
use crate::store::users::User;
use crate::store::{
    Db, StoreError, authorizations, backup_codes, credentials, devices, factor_failures,
    pending_sign_ins,
};

/// What came of removing one authenticator app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone; others are left.
    Done,
    /// It is the only one: removing it is turning two-factor off.
    Last,
    /// It is not this person's.
    NotTheirs,
}

/// Removes one of several authenticator apps.
pub async fn remove_one(app: &App, by: &By<'_>, id: &str) -> Result<Removed, StoreError> {
    let user_id = &by.user.id;
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    // Two removals at once must not leave nothing.
    factor_failures::hold(&mut db, user_id).await?;
    let apps = credentials::list_confirmed_totp(&mut db, user_id).await?;
    let Some(found) = apps.iter().find(|one| one.id == id) else { return Ok(Removed::NotTheirs) };
    if apps.len() < 2 {
        return Ok(Removed::Last);
    }
    credentials::remove_one_totp(&mut db, user_id, id).await?;
    // Whoever holds the lost phone may have trusted a browser with its codes.
    devices::distrust_all(&mut db, user_id).await?;
    tell_removed(app, &mut db, by, &found.name).await?;
    db.commit().await?;
    Ok(Removed::Done)
}

/// The trail and the person learn that an authenticator app is gone.
pub(super) async fn tell_removed(
    app: &App,
    db: &mut Db,
    by: &By<'_>,
    name: &str,
) -> Result<(), StoreError> {
    by.record(app, db, "authenticator_removed", json!({ "name": name })).await?;
    let notice = Notice::AuthenticatorRemoved { name };
    notices::tell(app, db, by.user, by.source(), notice).await
}

/// Turns two-factor off; `false` where it is required, or was not on.
pub async fn turn_off(app: &App, by: &By<'_>) -> Result<bool, StoreError> {
    if policy::is_required(app, by.user) {
        return Ok(false);
    }
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    // In the order in which a code is checked: neither then waits for the other.
    pending_sign_ins::remove_for_user(&mut db, &by.user.id).await?;
    factor_failures::hold(&mut db, &by.user.id).await?;
    if !credentials::has_second_factor(&mut db, &by.user.id).await? {
        return Ok(false);
    }
    strip(&mut db, &by.user.id).await?;
    by.record(app, &mut db, "two_factor_off", json!({})).await?;
    let notice = Notice::TwoFactorOff { by_support: false };
    notices::tell(app, &mut db, by.user, by.source(), notice).await?;
    db.commit().await?;
    Ok(true)
}

/// Removes every factor, and all that stands in for one; says how many authenticator apps.
async fn strip(db: &mut Db, user_id: &str) -> Result<u64, StoreError> {
    let removed = credentials::remove_totp(db, user_id).await?;
    backup_codes::remove(db, user_id).await?;
    devices::distrust_all(db, user_id).await?;
    factor_failures::clear(db, user_id).await?;
    Ok(removed)
}

/// Removes every second factor of a person who has lost theirs, after support has made sure who
/// they are. Sessions and tokens die with it (S-169): whoever holds the lost phone may hold them.
pub async fn reset(app: &App, who: &str) -> Result<(User, u64), PeopleError> {
    let user = people::find(app, who).await?;
    let now = app.clock.now();
    let why = "two-factor reset by an administrator";
    let mut db = app.store.write().await?;
    sessions::end_all(app, &mut db, &user.id, None, why).await?;
    authorizations::revoke_for_user(&mut db, &user.id, why, now).await?;
    logout_notices::enqueue_revoked(app, &mut db, &user.id, now).await?;
    // In the order in which a code is checked: neither then waits for the other.
    pending_sign_ins::remove_for_user(&mut db, &user.id).await?;
    factor_failures::hold(&mut db, &user.id).await?;
    let removed = strip(&mut db, &user.id).await?;
    let event = Event {
        user_id: Some(user.id.clone()),
        actor: Some("administrator".into()),
        details: json!({ "removed": removed }),
        ..app.event("two_factor_reset")
    };
    events::record(&mut db, &event).await?;
    if removed > 0 {
        let notice = Notice::TwoFactorOff { by_support: true };
        notices::tell(app, &mut db, &user, Source::default(), notice).await?;
    }
    db.commit().await?;
    Ok((user, removed))
}
