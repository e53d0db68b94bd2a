//! What a person does to their own sessions and browsers: ends them, forgets them.

use serde_json::{Value, json};

use super::{Whereabouts, end_all};
use crate::app::App;
use crate::identity::logout_notices;
use crate::store::events::{self, Event};
use crate::store::sessions::{self, BrowserSession};
use crate::store::{StoreError, acting, active_sessions, devices};
use crate::user_agent;

/// Somebody who ends sessions of their own: in which one, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Doer<'a> {
    /// The session that they sit in.
    pub session: &'a BrowserSession,
    /// From where.
    pub whereabouts: &'a Whereabouts,
}

impl Doer<'_> {
    fn event(self, app: &App, kind: &str, details: serde_json::Value) -> Event {
        Event {
            user_id: Some(self.session.user_id.clone()),
            session_id: Some(self.session.id.clone()),
            actor: Some(self.session.user_id.clone()),
            address: Some(self.whereabouts.address.clone()),
            user_agent: Some(self.whereabouts.user_agent.clone()),
            details,
            ..app.event(kind)
        }
    }
}

/// Signs a browser out at the person's own wish.
pub async fn sign_out(app: &App, by: Doer<'_>) -> Result<(), StoreError> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    if sessions::end(&mut db, &by.session.id, "signed out", now).await? {
        logout_notices::enqueue(app, &mut db, &by.session.user_id, now).await?;
        events::record(&mut db, &by.event(app, "signed_out", Value::Null)).await?;
    }
    db.commit().await
}

/// Ends another session of the same person: that browser is out at its next request. `false` when
/// the session is not theirs or was over.
pub async fn end(app: &App, by: Doer<'_>, id: &str) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let user_id = &by.session.user_id;
    let mut db = app.store.write().await?;
    acting::begin(&mut db, by.session, now).await?;
    let found = sessions::find(&mut db, id).await?;
    let Some(ended) = found.filter(|one| one.user_id == *user_id && one.is_live(now)) else {
        return Ok(false);
    };
    if !sessions::end(&mut db, id, "ended from another browser", now).await? {
        return Ok(false);
    }
    logout_notices::enqueue(app, &mut db, user_id, now).await?;
    let details = json!({
        "session": ended.id, "device": user_agent::describe(&ended.user_agent),
        "address": ended.address,
    });
    events::record(&mut db, &by.event(app, "session_ended", details)).await?;
    db.commit().await?;
    Ok(true)
}

/// Ends all sessions of the same person but the one they sit in; says how many counted still.
pub async fn end_others(app: &App, by: Doer<'_>) -> Result<i64, StoreError> {
    let now = app.clock.now();
    let (user_id, here) = (&by.session.user_id, &by.session.id);
    let mut db = app.store.write().await?;
    acting::begin(&mut db, by.session, now).await?;
    let count = active_sessions::count(&mut db, user_id, here, now).await?;
    end_all(app, &mut db, user_id, Some(here), "ended from another browser").await?;
    if count > 0 {
        let details = json!({ "sessions": count });
        events::record(&mut db, &by.event(app, "sessions_ended", details)).await?;
    }
    db.commit().await?;
    Ok(count)
}

/// Forgets a browser that the person has signed in from: a sign-in there counts as unfamiliar
/// again, and no trust is left. `false` when it is not theirs.
pub async fn forget_device(app: &App, by: Doer<'_>, id: &str) -> Result<bool, StoreError> {
    let mut db = app.store.write().await?;
    acting::begin(&mut db, by.session, app.clock.now()).await?;
    let user_id = &by.session.user_id;
    let Some(device) = devices::find_by_id(&mut db, user_id, id).await? else { return Ok(false) };
    if !devices::forget(&mut db, user_id, id).await? {
        return Ok(false);
    }
    let details = json!({
        "trusted": device.is_trusted(app.clock.now()),
        "device": user_agent::describe(&device.user_agent),
    });
    events::record(&mut db, &by.event(app, "device_forgotten", details)).await?;
    db.commit().await?;
    Ok(true)
}
