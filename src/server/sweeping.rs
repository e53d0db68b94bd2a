//! The jobs of the clockwork: deleting what is over, tending the signing keys and the database.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::familiarity::HISTORY;
use crate::identity::removal;
use crate::identity::sessions::KEPT;
use crate::identity::two_factor::ENROLMENT_TTL;
use crate::server::background::Background;
use crate::store::events::{self, Event};
use crate::store::{
    authorization_requests, authorizations, client_failures, client_requests, devices, enrolments,
    failure_counts, kept_forms, links, pending_sign_ins, queue, revoked_tokens, sessions, sign_ins,
    throttle, used_assertions,
};
use crate::web::session::DEVICE_TTL;

/// The most rows that one transaction deletes, so that no sweep holds the writer for long.
const BATCH: i64 = 500;
/// How long a spent code is remembered, so that its second coming is noticed.
const CODES_KEPT: Duration = Duration::from_hours(24);
/// How often the history is looked at: seldom, because each time that finds something is itself
/// an event.
const HISTORY_EVERY: Duration = Duration::from_hours(1);
/// How long links stay that are over (they are counted), and work that nobody gave up in time.
const LEFTOVERS_KEPT: Duration = Duration::from_hours(24);
/// How long it is remembered, after its time, what must not count once more. A clock that went
/// wrong by a day and is set right again brings nothing back to life.
const REMEMBERED: Duration = Duration::from_hours(48);
/// How long assertions of clients are remembered past their time: another node's clock may be behind.
const ASSERTIONS_KEPT: Duration = Duration::from_mins(5);
const DAY: Duration = Duration::from_hours(24);
/// How long the days stay in which somebody failed at names that nobody has.
const UNKNOWN_DAYS_KEPT: Duration = Duration::from_hours(24);
/// How long tries are counted at names that nobody has, after the last that was looked at: those at an
/// account count for ever, and the difference should take very long to see (S-108).
pub const UNKNOWN_KEPT: Duration = Duration::from_hours(24 * 365);
/// How long wrong secrets of a client are counted: their window and the pause after it.
const CLIENT_FAILURES_KEPT: Duration = Duration::from_mins(3);
/// How long token requests of a client are counted past the time that they fill: another node's clock
/// may be behind.
const CLIENT_REQUESTS_KEPT: Duration = Duration::from_mins(5);
/// Counts that are kept of tries at names that nobody has: some 40 MB.
const MOST_UNKNOWN: i64 = 200_000;
/// How often keys are looked at: another node may have made, retired or replaced one.
const KEYS_EVERY: Duration = Duration::from_secs(15);

/// How often the log of an embedded database is looked at: at full load it grows by a few thousand
/// pages meanwhile.
const LOG_EVERY: Duration = Duration::from_secs(2);

/// Starts the jobs.
pub fn start(background: &Background, app: &Arc<App>) {
    let store = app.store.clone();
    background.spawn("log of the database", LOG_EVERY, Duration::from_millis(200), move || {
        let store = store.clone();
        async move { Ok(store.checkpoint().await?) }
    });
    let tended = Arc::clone(app);
    background.spawn("signing keys", KEYS_EVERY, Duration::from_secs(5), move || {
        let app = Arc::clone(&tended);
        async move { app.tend_keys().await }
    });
    let tended = Arc::clone(app);
    background.spawn("sealed records", KEYS_EVERY, Duration::from_secs(5), move || {
        let app = Arc::clone(&tended);
        async move { app.tend_sealed().await.map(drop) }
    });
    let swept = Arc::clone(app);
    let (every, jitter) = (Duration::from_mins(1), Duration::from_secs(20));
    background.spawn("sweeping", every, jitter, move || {
        let app = Arc::clone(&swept);
        async move { sweep(&app).await }
    });
    let swept = Arc::clone(app);
    background.spawn("history", HISTORY_EVERY, jitter, move || {
        let app = Arc::clone(&swept);
        async move { sweep_history(&app).await }
    });
}

/// Deletes with `$sweep` in small transactions, and counts them.
macro_rules! until_done {
    ($app:ident, $sweep:path, $before:expr) => {{
        let mut swept: u64 = 0;
        loop {
            let mut db = $app.store.write().await?;
            let rows = $sweep(&mut db, $before, BATCH).await?;
            db.commit().await?;
            swept += rows;
            if i64::try_from(rows).unwrap_or(0) < BATCH {
                break swept;
            }
        }
    }};
}

/// Deletes what the history and the audit trail have kept long enough; a run that deleted
/// something is an event.
pub async fn sweep_history(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let today = Timestamp::from_seconds(failure_counts::day_of(now) * 86_400);
    let sign_ins = until_done!(app, sign_ins::sweep, now - HISTORY);
    let rows = sign_ins
        + until_done!(app, sign_ins::trim_unknown, (today - DAY, today))
        + until_done!(app, sign_ins::trim_unknown, (today, today + DAY))
        + until_done!(app, failure_counts::sweep, now - HISTORY)
        + until_done!(app, events::sweep, now - *app.config.account.audit_retention);
    if rows > 0 {
        let event = Event {
            details: json!({ "rows": rows, "sign_ins": sign_ins }),
            ..app.event("history_swept")
        };
        let mut db = app.store.write().await?;
        events::record(&mut db, &event).await?;
        db.commit().await?;
    }
    Ok(())
}

/// Deletes what is over, in small transactions.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    until_done!(app, authorization_requests::sweep, now);
    until_done!(app, authorization_requests::sweep_codes, now - CODES_KEPT);
    until_done!(app, pending_sign_ins::sweep, now);
    until_done!(app, enrolments::sweep, now - ENROLMENT_TTL);
    until_done!(app, kept_forms::sweep, now);
    until_done!(app, links::sweep, now - LEFTOVERS_KEPT);
    until_done!(app, queue::sweep, now - LEFTOVERS_KEPT);
    until_done!(app, devices::sweep, now - DEVICE_TTL);
    until_done!(app, revoked_tokens::sweep, now - REMEMBERED);
    until_done!(app, used_assertions::sweep, now - ASSERTIONS_KEPT);
    until_done!(app, used_assertions::sweep_notes, now - REMEMBERED);
    until_done!(app, client_failures::sweep, now - CLIENT_FAILURES_KEPT);
    until_done!(app, client_requests::sweep, now - CLIENT_REQUESTS_KEPT);
    until_done!(app, authorizations::sweep, now - KEPT);
    until_done!(app, sessions::sweep, now - KEPT);
    until_done!(app, throttle::sweep, now - UNKNOWN_KEPT);
    trim_tries(app).await?;
    until_done!(app, failure_counts::sweep_unknown, now - UNKNOWN_DAYS_KEPT);
    removal::carry_out(app).await?;
    Ok(())
}

/// Forgets the fewest tries at names that nobody has where there are more than [`MOST_UNKNOWN`]. In
/// between the table grows no faster than passwords are looked at.
async fn trim_tries(app: &App) -> anyhow::Result<()> {
    let kept = {
        let mut db = app.store.read().await?;
        throttle::count_unknown(&mut db).await?
    };
    let mut too_many = kept - MOST_UNKNOWN;
    while too_many > 0 {
        let mut db = app.store.write().await?;
        throttle::trim_unknown(&mut db, too_many.min(BATCH)).await?;
        db.commit().await?;
        too_many -= BATCH;
    }
    Ok(())
}
