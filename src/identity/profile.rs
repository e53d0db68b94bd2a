//! What people change about themselves.

use serde_json::json;

use crate::app::App;
use crate::identity::acts::Act;
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

/// Turns mails about sign-ins on or off.
pub async fn choose_mails(app: &App, act: Act<'_>, wanted: bool) -> Result<(), StoreError> {
    let since = (!wanted).then(|| app.clock.now());
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    users::set_sign_in_mails_off(&mut db, &act.user.id, since).await?;
    let details = json!({ "fields": ["sign_in_mails"], "on": wanted });
    events::record(&mut db, &act.event(app, "profile_changed", details)).await?;
    db.commit().await
}
