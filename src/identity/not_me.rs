//! "This was not me": whoever holds the link of a mail about a sign-in ends that session.

use serde_json::json;

use crate::app::App;
use crate::identity::logout_notices;
use crate::identity::sessions::Whereabouts;
use crate::secret::sha256;
use crate::store::events::{self, Event};
use crate::store::links::{self, Link, Purpose};
use crate::store::sessions::{self, BrowserSession};
use crate::store::users::{self, User};
use crate::store::{Db, StoreError, authorizations, devices};

/// A sign-in that its mail calls unfamiliar.
#[derive(Clone, Debug)]
pub struct Unfamiliar {
    /// Whose account it is.
    pub user: User,
    /// The session that began.
    pub session: BrowserSession,
}

/// What the link is about, if it still counts. Looking uses nothing up.
pub async fn find(app: &App, token: &str) -> Result<Option<Unfamiliar>, StoreError> {
    let mut db = app.store.read().await?;
    let link = links::find(&mut db, Purpose::NotMe, &sha256(token), app.clock.now()).await?;
    about(&mut db, link.as_ref()).await
}

async fn about(db: &mut Db, link: Option<&Link>) -> Result<Option<Unfamiliar>, StoreError> {
    let session_id = link.and_then(|link| link.details.get("session_id")?.as_str());
    let (Some(link), Some(session_id)) = (link, session_id) else { return Ok(None) };
    let session = sessions::find(db, session_id).await?;
    let Some(session) = session.filter(|session| session.user_id == link.user_id) else {
        return Ok(None);
    };
    let user = users::find(db, &link.user_id).await?;
    Ok(user.map(|user| Unfamiliar { user, session }))
}

/// Ends the session with every token that was born in it, also those that were to outlive it, and
/// forgets its browser, so that it is neither known nor trusted any more. `None` when the link
/// counts no more.
pub async fn end(
    app: &App,
    token: &str,
    whereabouts: &Whereabouts,
) -> Result<Option<Unfamiliar>, StoreError> {
    const REASON: &str = "called somebody else's";
    let Some(Unfamiliar { user, session }) = find(app, token).await? else { return Ok(None) };
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    // Revocations come first: they wait for one lock, and none may wait while it holds a row.
    let ended = sessions::end(&mut db, &session.id, REASON, now).await?;
    authorizations::revoke_for_session(&mut db, &session.id, REASON, now).await?;
    if ended {
        logout_notices::enqueue(app, &mut db, &user.id, now).await?;
    } else {
        // What had outlived the session is told now; the rest was when it ended.
        logout_notices::enqueue_revoked(app, &mut db, &user.id, now).await?;
    }
    if links::spend(&mut db, Purpose::NotMe, &sha256(token), now).await?.is_none() {
        return Ok(None);
    }
    if let Some(device_id) = &session.device_id {
        devices::forget(&mut db, &user.id, device_id).await?;
    }
    let event = Event {
        user_id: Some(user.id.clone()),
        session_id: Some(session.id.clone()),
        address: Some(whereabouts.address.clone()),
        user_agent: Some(whereabouts.user_agent.clone()),
        details: json!({ "via": "mail" }),
        ..app.event("session_ended")
    };
    events::record(&mut db, &event).await?;
    db.commit().await?;
    Ok(Some(Unfamiliar { user, session }))
}
