//! Removing one's own account: planned, called off, carried out.

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::acts::Act;
use crate::identity::{applications, sessions};
use crate::notices::{self, Notice, Source};
use crate::store::events::Event;
use crate::store::{Db, StoreError, acting, events, removals, users};

/// At most so many accounts are removed in one run.
const BATCH: i64 = 100;

/// Why sessions and applications end.
const REASON: &str = "account removed by its owner";

/// How planning went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The account will be removed then; until then its owner may keep it.
    Planned(Timestamp),
    /// The account is gone: there is no time to think it over here.
    Removed,
    /// Nobody would be left to administer this instance.
    LastAdministrator,
}

/// Plans the removal of an account. Its other sessions and all its applications end at once.
pub async fn plan(app: &App, act: Act<'_>) -> Result<Plan, StoreError> {
    let (now, user) = (app.clock.now(), act.user);
    if let Some(at) = user.removal_at {
        return Ok(Plan::Planned(at));
    }
    let grace = *app.config.account.removal_grace;
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, now).await?;
    if user.admin_at.is_some()
        && removals::count_other_administrators(&mut db, &user.id).await? == 0
    {
        return Ok(Plan::LastAdministrator);
    }
    if grace.is_zero() {
        notices::tell(app, &mut db, user, act.source(), Notice::AccountRemoved).await?;
        end_everything(app, &mut db, &user.id, None).await?;
        users::remove(&mut db, &user.id).await?;
        events::record(&mut db, &act.event(app, "user_removed", json!({}))).await?;
        db.commit().await?;
        return Ok(Plan::Removed);
    }
    let at = now + grace;
    notices::tell(app, &mut db, user, act.source(), Notice::RemovalPlanned { at }).await?;
    end_everything(app, &mut db, &user.id, Some(&act.session.id)).await?;
    removals::set(&mut db, &user.id, Some(at)).await?;
    let event = act.event(app, "removal_planned", json!({ "at": at.to_string() }));
    events::record(&mut db, &event).await?;
    db.commit().await?;
    Ok(Plan::Planned(at))
}

/// Keeps an account after all; `false` when nobody wanted to remove it.
pub async fn call_off(app: &App, act: Act<'_>) -> Result<bool, StoreError> {
    if act.user.removal_at.is_none() {
        return Ok(false);
    }
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    removals::set(&mut db, &act.user.id, None).await?;
    events::record(&mut db, &act.event(app, "removal_called_off", json!({}))).await?;
    notices::tell(app, &mut db, act.user, act.source(), Notice::RemovalCalledOff).await?;
    db.commit().await?;
    Ok(true)
}

/// Removes the accounts whose time has come. Their ids are never given to anybody else; the audit
/// trail keeps them for its own time.
pub async fn carry_out(app: &App) -> Result<(), StoreError> {
    loop {
        let now = app.clock.now();
        let due = {
            let mut db = app.store.read().await?;
            removals::list_due(&mut db, now, BATCH).await?
        };
        if due.is_empty() {
            return Ok(());
        }
        for id in due {
            let mut db = app.store.write().await?;
            let user = users::find(&mut db, &id).await?;
            end_everything(app, &mut db, &id, None).await?;
            if removals::carry_out(&mut db, &id, now).await? {
                let event = Event {
                    user_id: Some(id.clone()),
                    actor: Some(id),
                    ..app.event("user_removed")
                };
                events::record(&mut db, &event).await?;
                if let Some(user) = &user {
                    let notice = Notice::AccountRemoved;
                    notices::tell(app, &mut db, user, Source::default(), notice).await?;
                }
                db.commit().await?;
            }
        }
    }
}

/// Ends all sessions but one, and lets every application go.
async fn end_everything(
    app: &App,
    db: &mut Db,
    user_id: &str,
    except: Option<&str>,
) -> Result<(), StoreError> {
    sessions::end_all(app, db, user_id, except, REASON).await?;
    applications::end_all(app, db, user_id, REASON).await.map(drop)
}
