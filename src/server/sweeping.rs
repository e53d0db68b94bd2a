//! The jobs of the clockwork: deleting what is over, tending the signing keys.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::server::background::Background;
use crate::store::{
    authorization_requests, authorizations, events, pending_sign_ins, revoked_tokens, sessions,
    used_assertions,
};

/// The most rows that one transaction deletes, so that no sweep holds the writer for long.
const BATCH: i64 = 500;
/// How long what is over stays for the history of sessions and applications.
const KEPT: Duration = Duration::from_hours(24 * 90);
/// How long a spent code is remembered, so that its second coming is noticed.
const CODES_KEPT: Duration = Duration::from_hours(24);
/// How often keys are looked at: another node may have made or retired one.
const KEYS_EVERY: Duration = Duration::from_secs(15);

/// Starts the jobs.
pub fn start(background: &Background, app: &Arc<App>) {
    let tended = Arc::clone(app);
    background.spawn("signing keys", KEYS_EVERY, Duration::from_secs(5), move || {
        let app = Arc::clone(&tended);
        async move { app.tend_keys().await }
    });
    let swept = Arc::clone(app);
    let (every, jitter) = (Duration::from_mins(1), Duration::from_secs(20));
    background.spawn("sweeping", every, jitter, move || {
        let app = Arc::clone(&swept);
        async move { sweep(&app).await }
    });
}

/// Deletes what is over, in small transactions.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    macro_rules! until_done {
        ($sweep:path, $before:expr) => {
            loop {
                let mut db = app.store.write().await?;
                let swept = $sweep(&mut db, $before, BATCH).await?;
                db.commit().await?;
                if i64::try_from(swept).unwrap_or(0) < BATCH {
                    break;
                }
            }
        };
    }
    until_done!(authorization_requests::sweep, now);
    until_done!(authorization_requests::sweep_codes, now - CODES_KEPT);
    until_done!(pending_sign_ins::sweep, now);
    until_done!(revoked_tokens::sweep, now);
    until_done!(used_assertions::sweep, now);
    until_done!(authorizations::sweep, now - KEPT);
    until_done!(sessions::sweep, now - KEPT);
    until_done!(events::sweep, now - KEPT);
    Ok(())
}
