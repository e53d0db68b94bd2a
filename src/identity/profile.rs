//! What people change about themselves.

use serde_json::json;

use crate::app::App;
use crate::identity::acts::Act;
use crate::notices::{self, Notice};
use crate::protocol::claims::StandardClaims;
use crate::store::{StoreError, acting, events, users};

/// Replaces the claims of who acts; `changed` names those that differ, for the audit trail, which
/// keeps no values.
pub async fn change(
    app: &App,
    act: Act<'_>,
    claims: &StandardClaims,
    changed: &[&str],
) -> Result<(), StoreError> {
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    users::set_claims(&mut db, &act.user.id, claims, app.clock.now()).await?;
    let event = act.event(app, "profile_changed", json!({ "fields": changed }));
    events::record(&mut db, &event).await?;
    db.commit().await
}

/// Turns mails about sign-ins on or off. That they are off is told by mail: whoever sits in
/// somebody else's session would turn them off first.
pub async fn choose_mails(app: &App, act: Act<'_>, wanted: bool) -> Result<(), StoreError> {
    if wanted == act.user.sign_in_mails_off_at.is_none() {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    let now = app.clock.now();
    acting::begin(&mut db, act.session, now).await?;
    let since = (!wanted).then_some(now);
    users::set_sign_in_mails_off(&mut db, &act.user.id, since).await?;
    if wanted {
        events::record(&mut db, &act.event(app, "sign_in_mails_on", json!({}))).await?;
    } else {
        events::record(&mut db, &act.event(app, "sign_in_mails_off", json!({}))).await?;
        notices::tell(app, &mut db, act.user, act.source(), Notice::SignInMailsOff).await?;
    }
    db.commit().await
}
