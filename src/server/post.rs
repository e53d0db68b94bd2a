//! Sends what waits in the queue: mails, the links to choose a new password that were asked for, and
//! what is told of accounts that strangers were shut out of.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::{blocked, recovery};
use crate::mail::MailError;
use crate::notices::{self, Posted};
use crate::server::background::Background;
use crate::store::events::{self, Event};
use crate::store::queue::{self, Job};

/// How often the queue is looked into: it may be another node that filled it.
const EVERY: Duration = Duration::from_secs(1);
/// Mails that are sent at once; one does not wait for another's server.
const AT_ONCE: i64 = 4;
/// How long a mail belongs to the node that took it: longer than sending can take.
const CLAIMED_FOR: Duration = Duration::from_mins(2);
/// Mails that are given up in one transaction.
const BATCH: i64 = 100;
/// The pauses after the first tries; from then on the last one.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_mins(30),
    Duration::from_hours(1),
];

/// Starts the job.
pub fn start(background: &Background, app: &Arc<App>) {
    let (app, stop) = (Arc::clone(app), background.stopping());
    background.spawn("mail", EVERY, EVERY / 4, move || {
        let (app, stop) = (Arc::clone(&app), stop.clone());
        async move { deliver(&app, &stop).await }
    });
}

/// Sends everything that is due, a few at a time, until nothing is or `stop` says so. What was
/// taken but not sent when the program ends is taken again by whoever comes next.
pub async fn deliver(app: &Arc<App>, stop: &CancellationToken) -> anyhow::Result<()> {
    recovery::answer_asked(app).await?;
    blocked::tell_noted(app).await?;
    if !is_anything_due(app).await? {
        return Ok(());
    }
    give_up(app).await?;
    while !stop.is_cancelled() {
        let jobs = claim(app).await?;
        if jobs.is_empty() {
            break;
        }
        let mut sending = JoinSet::new();
        for job in jobs {
            let app = Arc::clone(app);
            sending.spawn(async move { send(&app, &job).await });
        }
        // One that fails does not cut the others short: they may be with the server already.
        let mut failed = None;
        while let Some(sent) = sending.join_next().await {
            let sent = sent.map_err(anyhow::Error::from).flatten();
            failed = failed.or(sent.err());
        }
        if let Some(fault) = failed {
            return Err(fault);
        }
    }
    Ok(())
}

/// A look costs no write, and thereby no wait for the disk.
async fn is_anything_due(app: &App) -> anyhow::Result<bool> {
    let mut db = app.store.read().await?;
    Ok(queue::is_due(&mut db, notices::KIND, app.clock.now()).await?)
}

async fn claim(app: &App) -> anyhow::Result<Vec<Job>> {
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    let jobs = queue::claim(&mut db, notices::KIND, now, now + CLAIMED_FOR, AT_ONCE).await?;
    db.commit().await?;
    Ok(jobs)
}

/// Sends one mail, then says how it went; no transaction is open meanwhile.
async fn send(app: &App, job: &Job) -> anyhow::Result<()> {
    let sent = match notices::open(app, job) {
        Ok(posted) => app.mail.send(&posted.letter).await,
        Err(fault) => Err(MailError::Hopeless(fault)),
    };
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    match sent {
        Ok(()) => queue::done(&mut db, &job.id).await?,
        Err(MailError::NotNow(cause)) => {
            let next = next_try(job, now);
            tracing::warn!(
                mail = job.id,
                tries = job.tries,
                next = %next,
                cause = format!("{cause:#}"),
                "a mail did not leave, it will be tried again"
            );
            queue::put_off(&mut db, &job.id, next).await?;
        }
        Err(MailError::Hopeless(cause)) => {
            queue::done(&mut db, &job.id).await?;
            abandon(app, &mut db, job, &format!("{cause:#}")).await?;
        }
    }
    db.commit().await?;
    Ok(())
}

/// When to try next: not after its time is over, because then it is given up.
fn next_try(job: &Job, now: Timestamp) -> Timestamp {
    let tried = usize::try_from(job.tries).unwrap_or(usize::MAX).saturating_sub(1);
    let pause = PAUSES.get(tried).or(PAUSES.last()).copied().unwrap_or(EVERY);
    (now + pause).min(job.expires_at)
}

/// Gives up the mails whose time is over.
async fn give_up(app: &App) -> anyhow::Result<()> {
    let mut db = app.store.write().await?;
    let over = queue::take_expired(&mut db, notices::KIND, app.clock.now(), BATCH).await?;
    for job in &over {
        abandon(app, &mut db, job, "its time is over").await?;
    }
    db.commit().await?;
    Ok(())
}

/// Writes down, once, that a mail was never sent; the log never says what stood in it.
async fn abandon(
    app: &App,
    db: &mut crate::store::Db,
    job: &Job,
    cause: &str,
) -> anyhow::Result<()> {
    let posted = notices::open(app, job).ok();
    let what = posted.as_ref().map(|posted: &Posted| posted.what.as_str());
    tracing::error!(mail = job.id, tries = job.tries, what, cause, "a mail was given up");
    let event = Event {
        user_id: posted.as_ref().map(|posted| posted.user_id.clone()),
        outcome: "failed".into(),
        details: json!({ "mail": what, "tries": job.tries }),
        ..app.event("mail_given_up")
    };
    Ok(events::record(db, &event).await?)
}
