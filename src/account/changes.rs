//! `/account/changes`: what was changed about the account, by whom, from where.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use crate::account::change_words::{Words, words};
use crate::account::sign_in_view::{Names, names, place_of};
use crate::app::App;
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::events::{self, Event};
use crate::web::cursor::Cursor;
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::TimeView;
use crate::{paths, user_agent};

/// So many changes stand on one page.
const PAGE: usize = 25;
/// So many events are read at once to find them.
const BATCH: i64 = 100;
/// Nothing of the details is shown longer, in characters.
const LONGEST: usize = 120;

#[derive(Serialize)]
struct ChangesPage {
    #[serde(flatten)]
    shell: Shell,
    changes: Vec<Change>,
    kept_days: u64,
    older_url: Option<String>,
    newest_url: Option<&'static str>,
}

/// One change. The application's name stands between `before` and `after`.
#[derive(Serialize)]
pub(super) struct Change {
    icon: &'static str,
    warn: bool,
    before: &'static str,
    application: Option<String>,
    after: &'static str,
    more: Option<String>,
    who: String,
    by_you: bool,
    time: TimeView,
    device: Option<String>,
    address: Option<String>,
    place: Option<String>,
}

/// Shows one page of the changes, the newest first.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::BadLink)?;
    let after = query.once("after").map_err(|_| PageError::BadLink)?;
    let SignedIn { user, .. } = signed_in;
    let start = match after {
        Some(cursor) => Cursor::read(&app, paths::ACCOUNT_CHANGES, &user.id, cursor)?,
        None => Cursor::default(),
    };
    let (events, next) = changes(&app, &user.id, start, PAGE).await?;
    let names = names(&app, &events).await?;
    let now = app.clock.now();
    let older_url = next.map(|next| {
        let cursor = next.seal(&app, paths::ACCOUNT_CHANGES, &user.id);
        format!("{}?after={cursor}", paths::ACCOUNT_CHANGES)
    });
    let content = ChangesPage {
        shell: Shell::of(&user),
        changes: events.iter().filter_map(|event| view(&app, event, &names, now)).collect(),
        kept_days: app.config.account.audit_retention.as_secs() / 86_400,
        older_url,
        newest_url: after.map(|_| paths::ACCOUNT_CHANGES),
    };
    shell::page(&app, &browser, &user, "account/changes.html").await?.render(&app, &content)
}

/// The last few changes of a person's account.
pub(super) async fn newest(
    app: &App,
    user_id: &str,
    most: usize,
) -> Result<Vec<Change>, StoreError> {
    let (events, _older) = changes(app, user_id, Cursor::default(), most).await?;
    let names = names(app, &events).await?;
    let now = app.clock.now();
    Ok(events.iter().filter_map(|event| view(app, event, &names, now)).collect())
}

/// The events after `start` that have something to say, at most so many, and where the next page
/// starts.
async fn changes(
    app: &App,
    user_id: &str,
    start: Cursor,
    most: usize,
) -> Result<(Vec<Event>, Option<Cursor>), StoreError> {
    let since = app.clock.now() - *app.config.account.audit_retention;
    let (mut found, mut at) = (Vec::new(), start);
    let mut db = app.store.read().await?;
    loop {
        let batch = events::list_changes(&mut db, user_id, (at.at, &at.id), BATCH).await?;
        let is_last = i64::try_from(batch.len()).unwrap_or(BATCH) < BATCH;
        for event in batch {
            if event.at < since {
                return Ok((found, None));
            }
            let cursor = Cursor { at: event.at, id: event.id.clone() };
            if !matches!(words(&event.kind, &event.outcome), Some(Words::Nothing(_))) {
                if found.len() == most {
                    return Ok((found, Some(at)));
                }
                found.push(event);
            }
            at = cursor;
        }
        if is_last {
            return Ok((found, None));
        }
    }
}

fn view(app: &App, event: &Event, names: &Names, now: Timestamp) -> Option<Change> {
    // A kind without words was written by another version of this program: better half a
    // sentence than silence.
    let (warn, (sentence, icon, member)) = match words(&event.kind, &event.outcome) {
        Some(Words::Say(sentence, icon, member)) => (false, (sentence, icon, member)),
        Some(Words::Warn(sentence, icon, member)) => (true, (sentence, icon, member)),
        Some(Words::Nothing(_)) => return None,
        None => (false, ("Something was changed", "list", None)),
    };
    let (before, after) = sentence.split_once("{application}").unwrap_or((sentence, ""));
    let has_name = sentence.contains("{application}");
    let known = event.client_id.as_ref().and_then(|id| names.get(id).cloned());
    let address = event.address.clone().filter(|address| !address.is_empty());
    Some(Change {
        icon,
        warn,
        before,
        application: has_name.then(|| known.unwrap_or_else(|| "An application".to_owned())),
        after,
        more: member.and_then(|member| told(event.details.get(member)?)),
        who: who(event).to_owned(),
        by_you: event.actor.is_some() && event.actor == event.user_id,
        time: TimeView::of(event.at, now),
        device: event.user_agent.as_deref().and_then(user_agent::describe),
        address,
        place: place_of(app, event),
    })
}

fn told(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().take(LONGEST).collect()).filter(|text: &String| !text.trim().is_empty())
}

/// Who did it. What nobody did about an application is done by us, such as ending stolen access.
fn who(event: &Event) -> &'static str {
    match &event.actor {
        Some(actor) if Some(actor) == event.user_id.as_ref() => "You",
        Some(_) => "Support",
        None if event.details.get("via").and_then(Value::as_str) == Some("another person") => {
            "Somebody else, who signed in there"
        }
        None if event.client_id.is_none() && event.address.is_some() => {
            "Somebody who was not signed in"
        }
        None => "Done automatically",
    }
}
