//! Tells applications that a session they know of has ended (OpenID Connect Back-Channel Logout).
//!
//! Here a notice is only put into the queue, in the transaction that ends the session, and only
//! for clients that have registered where they want it.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::Timestamp;
use crate::keys::place;
use crate::keys::purpose::LOGOUT_NOTICES as PURPOSE;
use crate::store::active_sessions::{self, Visit};
use crate::store::queue::{self, Job};
use crate::store::{Db, StoreError, clients};

/// The kind of its jobs in the queue.
pub const KIND: &str = "logout_notice";

/// How long it makes sense to tell: after that, an application's own session has to end by itself.
const TOLD_FOR: Duration = Duration::from_mins(10);

/// That a person's session with a client has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutNotice {
    /// Who is told.
    pub client_id: String,
    /// About whom: the user's id, not what the client knows them by.
    pub user_id: String,
    /// About which browser session, by its id here.
    pub session_id: String,
}

/// Has every client told, that wants to know, about those sessions of `user_id` that this
/// transaction ended at `ended_at`. Call it after they were ended.
pub async fn enqueue(
    app: &App,
    db: &mut Db,
    user_id: &str,
    ended_at: Timestamp,
) -> Result<(), StoreError> {
    let visits = active_sessions::visits_ended(db, user_id, ended_at).await?;
    push(app, db, user_id, (visits, ended_at)).await
}

/// Has every client told, that wants to know, whose access this transaction took back at
/// `revoked_at`: the person's sessions at it are over as well.
pub async fn enqueue_revoked(
    app: &App,
    db: &mut Db,
    user_id: &str,
    revoked_at: Timestamp,
) -> Result<(), StoreError> {
    let visits = active_sessions::visits_revoked(db, user_id, revoked_at).await?;
    push(app, db, user_id, (visits, revoked_at)).await
}

async fn push(
    app: &App,
    db: &mut Db,
    user_id: &str,
    (visits, ended_at): (Vec<Visit>, Timestamp),
) -> Result<(), StoreError> {
    let mut wanted = HashMap::new();
    for visit in visits {
        if !wanted.contains_key(&visit.client_id) {
            let answer = wants_to_know(db, &visit.client_id).await?;
            wanted.insert(visit.client_id.clone(), answer);
        }
        if !wanted.get(&visit.client_id).copied().unwrap_or_default() {
            continue;
        }
        let notice = LogoutNotice {
            client_id: visit.client_id,
            user_id: user_id.to_owned(),
            session_id: visit.session_id,
        };
        let id = app.random.id(ended_at);
        let text = serde_json::to_vec(&notice).map_err(|error| StoreError::Other(error.into()))?;
        let job = Job {
            sealed: app.master.seal(PURPOSE, &place_of(&id), &text).map_err(StoreError::Other)?,
            id,
            kind: KIND.to_owned(),
            created_at: ended_at,
            due_at: ended_at,
            expires_at: ended_at + TOLD_FOR,
            tries: 0,
        };
        queue::push(db, &job).await?;
    }
    Ok(())
}

async fn wants_to_know(db: &mut Db, client_id: &str) -> Result<bool, StoreError> {
    let client = clients::find(db, client_id).await?;
    Ok(client.is_some_and(|client| client.metadata.backchannel_logout_uri.is_some()))
}

/// What a job of [`KIND`] is about.
pub fn read(app: &App, job: &Job) -> anyhow::Result<LogoutNotice> {
    let text = app.master.open_sealed(PURPOSE, &place_of(&job.id), &job.sealed)?;
    Ok(serde_json::from_slice(&text)?)
}

fn place_of(id: &str) -> String {
    place("queue", "sealed", id)
}
