//! Tells people that strangers were shut out of their account.
//!
//! As with a forgotten password ([`super::recovery`]), the request only writes down the name that
//! was typed, whatever it was, and the clockwork looks later whose it is: to be shut out takes the
//! same time whether or not there is such an account.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::identity::sessions::Whereabouts;
use crate::keys::place;
use crate::notices::{self, Notice, Source};
use crate::store::queue::{self, Job};
use crate::store::{Db, StoreError, block_mails, users};

/// What these are called in the queue.
const KIND: &str = "sign_in_blocked";
/// The purpose under which they are sealed there.
const SEAL: &str = "queue";
/// How long one waits for the clockwork before it is no news any more.
const NEWS_FOR: Duration = Duration::from_hours(24);
/// For this long nobody is told a second time: an attack may last, and the history tells the rest.
const QUIET_FOR: Duration = Duration::from_hours(24);
/// How long one belongs to the node that took it.
const CLAIMED_FOR: Duration = Duration::from_mins(1);
/// How many are told in one run.
const BATCH: i64 = 50;

/// A name at which passwords were tried until none was looked at any more.
#[derive(Debug, Serialize, Deserialize)]
struct Blocked {
    /// The canonical form of what was typed; empty for what no account can be called.
    login: String,
    address: String,
    user_agent: String,
}

/// Writes down that tries at `login` are blocked now. It costs the same whatever was typed.
pub async fn note(
    app: &App,
    db: &mut Db,
    login: &str,
    whereabouts: &Whereabouts,
) -> Result<(), StoreError> {
    let blocked = Blocked {
        login: login.to_owned(),
        address: whereabouts.address.clone(),
        user_agent: whereabouts.user_agent.clone(),
    };
    let now = app.clock.now();
    let id = app.random.id(now);
    let bytes = serde_json::to_vec(&blocked).map_err(|error| StoreError::Other(error.into()))?;
    let sealed = app.master.seal(SEAL, &place("queue", "sealed", &id), &bytes);
    let job = Job {
        sealed: sealed.map_err(StoreError::Other)?,
        id,
        kind: KIND.to_owned(),
        created_at: now,
        due_at: now,
        expires_at: now + NEWS_FOR,
        tries: 0,
    };
    queue::push(db, &job).await
}

/// Puts a mail into the queue for each that was noted, where there is somebody to write to.
pub async fn tell_noted(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let due = {
        let mut db = app.store.read().await?;
        queue::is_due(&mut db, KIND, now).await?
    };
    if !due {
        return Ok(());
    }
    let mut db = app.store.write().await?;
    queue::take_expired(&mut db, KIND, now, BATCH).await?;
    let jobs = queue::claim(&mut db, KIND, now, now + CLAIMED_FOR, BATCH).await?;
    db.commit().await?;
    for job in &jobs {
        // It stays in the queue and is tried again; what else waits is not held up.
        if let Err(fault) = tell(app, job).await {
            let cause = format!("{fault:#}");
            tracing::error!(cause, "a person could not be told that their account is blocked");
        }
    }
    Ok(())
}

async fn tell(app: &App, job: &Job) -> anyhow::Result<()> {
    let place = place("queue", "sealed", &job.id);
    let noted = app.master.open_sealed(SEAL, &place, &job.sealed).ok();
    let noted = noted.and_then(|bytes| serde_json::from_slice::<Blocked>(&bytes).ok());
    let mut db = app.store.write().await?;
    queue::done(&mut db, &job.id).await?;
    if let Some(Blocked { login, address, user_agent }) = noted
        && let Some(user) = users::find_by_login(&mut db, &login).await?
        && is_news(app, &mut db, &user.id).await?
    {
        let source = Source { address: &address, user_agent: &user_agent };
        notices::tell(app, &mut db, &user, source, Notice::SignInBlocked).await?;
    }
    Ok(db.commit().await?)
}

/// Whether the person was not told within the last day. It is asked here and not in the request: a
/// block costs the same whether or not anybody will be told.
async fn is_news(app: &App, db: &mut Db, user_id: &str) -> Result<bool, StoreError> {
    let now = app.clock.now();
    block_mails::note(db, user_id, now, now - QUIET_FOR).await
}
