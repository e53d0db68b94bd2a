//! `/account/history`: who signed in or tried to, in the last 90 days.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use crate::account::sign_in_view::{self, Attempt, Status};
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::attempts::KEPT_A_DAY;
use crate::identity::familiarity::{HISTORY, Habits};
use crate::paths;
use crate::store::events::Event;
use crate::store::failure_counts::{self, FailureCount};
use crate::store::sign_ins::{self, Search, Which};
use crate::store::{Db, StoreError};
use crate::web::cursor::Cursor;
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::TimeView;

/// So many attempts stand on one page.
const PAGE: usize = 20;
/// With so many failures on one page, the way to the successes is shown.
const MANY_FAILURES: usize = 15;
/// So many attempts are read at once to find the unusual ones …
const BATCH: usize = 200;
/// … and so often for one page; what is older is on the next one.
const BATCHES: usize = 10;

/// What can be shown, as the address and the button name it.
const FILTERS: [(Which, &str, &str); 5] = [
    (Which::All, "all", "All"),
    (Which::Successful, "successful", "Successful"),
    (Which::Failed, "failed", "Failed"),
    (Which::Blocked, "blocked", "Blocked"),
    (Which::Unusual, "unusual", "Unusual"),
];

#[derive(Serialize)]
struct HistoryPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    export_action: &'static str,
    filters: Vec<FilterView>,
    attempts: Vec<Row>,
    filtered: bool,
    flooded: bool,
    older_url: Option<String>,
    newest_url: Option<String>,
}

#[derive(Serialize)]
struct FilterView {
    value: &'static str,
    label: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    attempt: Attempt,
    time: TimeView,
}

/// Shows one page of the attempts, the newest first.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::BadLink)?;
    let text = |name| query.once(name).map_err(|_| PageError::BadLink);
    let asked = text("show")?.unwrap_or_default();
    let known = FILTERS.into_iter().find(|(_, value, _)| *value == asked);
    let (which, value, _) = known.unwrap_or((Which::All, "all", "All"));
    let SignedIn { session, user } = signed_in;
    let after = text("after")?;
    let start = match after {
        Some(cursor) => Cursor::read(&app, paths::ACCOUNT_HISTORY, &user.id, cursor)?,
        None => Cursor::default(),
    };
    let asked = Asked { user_id: &user.id, which, session_id: &session.id };
    let (attempts, next) = attempts(&app, &asked, &start).await?;
    let failures = attempts.iter().filter(|one| one.status != Status::Successful).count();
    let now = app.clock.now();
    let older_url = next.map(|next| {
        let cursor = next.seal(&app, paths::ACCOUNT_HISTORY, &user.id);
        format!("{}?show={value}&after={cursor}", paths::ACCOUNT_HISTORY)
    });
    let row = |attempt: Attempt| Row { time: TimeView::of(attempt.at, now), attempt };
    let content = HistoryPage {
        shell: Shell::of(&user),
        action: paths::ACCOUNT_HISTORY,
        export_action: paths::ACCOUNT_HISTORY_EXPORT,
        filters: filters(which),
        filtered: which != Which::All,
        flooded: which == Which::All && failures >= MANY_FAILURES,
        attempts: attempts.into_iter().map(row).collect(),
        older_url,
        newest_url: after.map(|_| format!("{}?show={value}", paths::ACCOUNT_HISTORY)),
    };
    shell::page(&app, &browser, &user, "account/history.html").await?.render(&app, &content)
}

fn filters(which: Which) -> Vec<FilterView> {
    let view = |(one, value, label)| FilterView { value, label, current: one == which };
    FILTERS.into_iter().map(view).collect()
}

/// Whose attempts are asked for, which, and in which session.
struct Asked<'a> {
    user_id: &'a str,
    which: Which,
    session_id: &'a str,
}

/// The attempts after `start`, and where the next page starts.
async fn attempts(
    app: &App,
    asked: &Asked<'_>,
    start: &Cursor,
) -> Result<(Vec<Attempt>, Option<Cursor>), PageError> {
    let Asked { user_id, which, session_id } = *asked;
    let since = app.clock.now() - HISTORY;
    let ((events, next), counts, habits) = {
        let mut db = app.store.read().await?;
        let habits = Habits::read(&mut db, user_id, app.clock.now()).await?;
        let counts = failure_counts::list_over(&mut db, user_id, since, KEPT_A_DAY).await?;
        let found = match which {
            Which::Unusual => unusual(&mut db, asked, start, since, &habits).await?,
            _ => listed(&mut db, asked, start, since).await?,
        };
        (found, counts, habits)
    };
    let end = next.as_ref().map_or(since, |next| next.at);
    let names = sign_in_view::names(app, &events).await?;
    let kept = events.iter().map(|event| Attempt::of(app, event, &names, session_id, &habits));
    let beyond = counts.iter().filter(|count| is_asked(count, which, start.at, end));
    let mut attempts: Vec<_> =
        beyond.map(|count| Attempt::beyond(app, count)).chain(kept).collect();
    // Stable, so that attempts of one instant stay in the order of their ids.
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
    Ok((attempts, next))
}

fn cursor_at(event: &Event) -> Cursor {
    Cursor { at: event.at, id: event.id.clone() }
}

/// One page of what is asked for, and where the next one starts.
async fn listed(
    db: &mut Db,
    asked: &Asked<'_>,
    start: &Cursor,
    since: Timestamp,
) -> Result<(Vec<Event>, Option<Cursor>), StoreError> {
    let Asked { user_id, which, .. } = *asked;
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let search = Search { user_id, which, since, before: (start.at, &start.id), limit };
    let mut events = sign_ins::list(db, search).await?;
    let goes_on = events.len() > PAGE;
    events.truncate(PAGE);
    let next = events.last().filter(|_| goes_on).map(cursor_at);
    Ok((events, next))
}

/// The same of what is unusual. Failures are judged only now, so that all attempts are looked
/// through.
async fn unusual(
    db: &mut Db,
    asked: &Asked<'_>,
    start: &Cursor,
    since: Timestamp,
    habits: &Habits,
) -> Result<(Vec<Event>, Option<Cursor>), StoreError> {
    let Asked { user_id, .. } = *asked;
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let (mut found, mut at) = (Vec::new(), start.clone());
    for _ in 0..BATCHES {
        let which = Which::All;
        let search = Search { user_id, which, since, before: (at.at, &at.id), limit };
        let batch = sign_ins::list(db, search).await?;
        let is_last = batch.len() < BATCH;
        for event in batch {
            let here = cursor_at(&event);
            if !habits.judge(&event).is_empty() {
                if found.len() == PAGE {
                    return Ok((found, Some(at)));
                }
                found.push(event);
            }
            at = here;
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, Some(at)))
}

/// Whether a count belongs on the page between these two instants, the newer one excluded.
fn is_asked(count: &FailureCount, which: Which, newer: Timestamp, older: Timestamp) -> bool {
    let fits = match which {
        Which::All => true,
        Which::Failed => sign_in_view::is_failure(count),
        Which::Blocked => !sign_in_view::is_failure(count),
        Which::Successful | Which::Unusual | Which::HalfWay => false,
    };
    fits && older <= count.last_at && count.last_at < newer
}
