//! "It was me": what a person says of attempts that they were asked about. The trail keeps it, and
//! the advice of the overview heeds it.

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::acts::Act;
use crate::store::{StoreError, acting, events, sign_ins};
use crate::user_agent;

/// What a person recognizes as their own.
#[derive(Clone, Copy, Debug)]
pub enum Own<'a> {
    /// One attempt, by its id in the history.
    SignIn(&'a str),
    /// Every failure until then.
    Failures(Timestamp),
}

/// Writes down what the person says; `false` when there is no such attempt. The session that came
/// of a sign-in does not vouch for it.
pub async fn recognize(app: &App, act: Act<'_>, own: Own<'_>) -> Result<bool, StoreError> {
    let mut db = app.store.write().await?;
    acting::begin(&mut db, act.session, app.clock.now()).await?;
    let event = match own {
        Own::SignIn(id) => {
            let found = sign_ins::find(&mut db, &act.user.id, id).await?;
            let here = Some(act.session.id.as_str());
            let Some(found) = found.filter(|one| one.session_id.as_deref() != here) else {
                return Ok(false);
            };
            let device = found.user_agent.as_deref().and_then(user_agent::describe);
            let details = json!({ "sign_in": found.id, "device": device });
            act.event(app, "sign_in_recognized", details)
        }
        // Nobody recognizes what is yet to come.
        Own::Failures(until) => {
            let until = until.min(app.clock.now()).millis();
            act.event(app, "failures_recognized", json!({ "until": until }))
        }
    };
    events::record(&mut db, &event).await?;
    db.commit().await?;
    Ok(true)
}
