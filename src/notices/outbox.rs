//! Mails that wait to be sent: rows of the queue that nobody can read without the master key.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::keys::place;
use crate::keys::purpose::QUEUE as PURPOSE;
use crate::mail::Letter;
use crate::store::queue::{self, Job};
use crate::store::{Db, StoreError};

/// What mails are called in the queue.
pub const KIND: &str = "mail";

/// A mail that waits, and what it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Posted {
    /// Whom it tells something.
    pub user_id: String,
    /// What: the notice's name.
    pub what: String,
    /// The mail.
    pub letter: Letter,
}

/// Puts a mail into the queue, to be tried for so long.
pub(super) async fn push(
    app: &App,
    db: &mut Db,
    posted: &Posted,
    tried_for: Duration,
) -> Result<(), StoreError> {
    let Letter { id, at, .. } = &posted.letter;
    let sealed = seal(app, id, posted).map_err(StoreError::Other)?;
    let job = Job {
        id: id.clone(),
        kind: KIND.to_owned(),
        sealed,
        created_at: *at,
        due_at: *at,
        expires_at: *at + tried_for,
        tries: 0,
    };
    queue::push(db, &job).await
}

fn seal(app: &App, id: &str, posted: &Posted) -> anyhow::Result<String> {
    let bytes = serde_json::to_vec(posted)?;
    app.master.seal(PURPOSE, &place("queue", "sealed", id), &bytes)
}

/// Opens a mail from the queue.
pub fn open(app: &App, job: &Job) -> anyhow::Result<Posted> {
    let bytes = app.master.open_sealed(PURPOSE, &place("queue", "sealed", &job.id), &job.sealed)?;
    serde_json::from_slice(&bytes).context("a mail in the queue cannot be read")
}
