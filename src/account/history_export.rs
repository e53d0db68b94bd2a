//! `/account/history/export`: the sign-in history as a file, for spreadsheets (CSV, RFC 4180) and
//! for programs (JSON).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::account::csv::cell;
use crate::account::sign_in_view::{self, Attempt, Status};
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::attempts::KEPT_A_DAY;
use crate::identity::familiarity::HISTORY;
use crate::store::events::{self, Event};
use crate::store::failure_counts;
use crate::store::sign_ins::{self, Search, Which};
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::{SignedIn, whereabouts};

/// Of successes, failures and blocked attempts each so many stand in a file at most.
const MOST: i64 = 10_000;

const COLUMNS: [&str; 12] = [
    "time",
    "result",
    "what",
    "method",
    "address",
    "approximate_location",
    "country",
    "device",
    "user_agent",
    "application",
    "unusual",
    "attempts",
];

/// Gives the whole history as a file.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::BadLink)?;
    let (kind, ending) = match query.once("format").map_err(|_| PageError::BadLink)? {
        None | Some("csv") => ("text/csv; charset=utf-8; header=present", "csv"),
        Some("json") => ("application/json", "json"),
        Some(_) => return Err(PageError::BadLink),
    };
    let attempts = collect(&app, &signed_in).await?;
    let from = whereabouts(&app, &headers, address);
    let event = Event {
        user_id: Some(signed_in.user.id.clone()),
        session_id: Some(signed_in.session.id.clone()),
        actor: Some(signed_in.user.id.clone()),
        address: Some(from.address),
        user_agent: Some(from.user_agent),
        details: json!({ "what": "sign-in history", "format": ending }),
        ..app.event("data_exported")
    };
    let mut db = app.store.write().await?;
    events::record(&mut db, &event).await?;
    db.commit().await?;
    let now = app.clock.now();
    let body = if ending == "csv" { csv(&attempts) } else { as_json(&attempts, now)? };
    let day: String = now.to_string().chars().take(10).collect();
    let disposition = format!("attachment; filename=\"sign-in-history-{day}.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// All attempts, the newest first. Each kind is fetched by itself, so that none crowds out another.
async fn collect(app: &App, signed_in: &SignedIn) -> Result<Vec<Attempt>, PageError> {
    let user_id = &signed_in.user.id;
    let since = app.clock.now() - HISTORY;
    let mut events = Vec::new();
    let counts = {
        let mut db = app.store.read().await?;
        for which in [Which::Successful, Which::Failed, Which::Blocked] {
            let before = (Timestamp::from_millis(i64::MAX), "");
            let search = Search { user_id, which, since, before, limit: MOST };
            events.extend(sign_ins::list(&mut db, search).await?);
        }
        failure_counts::list_over(&mut db, user_id, since, KEPT_A_DAY).await?
    };
    let names = sign_in_view::names(app, &events).await?;
    let here = &signed_in.session.id;
    let kept = events.iter().map(|event| Attempt::of(app, event, &names, here));
    let mut attempts: Vec<_> =
        counts.iter().map(|count| Attempt::beyond(app, count)).chain(kept).collect();
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
    Ok(attempts)
}

fn result(attempt: &Attempt) -> &'static str {
    match attempt.status {
        Status::Successful => "successful",
        Status::Failed => "failed",
        Status::Blocked => "blocked",
    }
}

fn what(attempt: &Attempt) -> String {
    match attempt.warning {
        Some(warning) => format!("{}. {warning}", attempt.title),
        None => attempt.title.clone(),
    }
}

fn csv(attempts: &[Attempt]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for attempt in attempts {
        let optional = |value: &Option<String>| cell(value.as_deref().unwrap_or_default());
        let cells = [
            attempt.at.to_string(),
            result(attempt).to_owned(),
            cell(&what(attempt)),
            cell(attempt.method.unwrap_or_default()),
            optional(&attempt.address),
            optional(&attempt.place),
            optional(&attempt.country),
            optional(&attempt.device),
            optional(&attempt.user_agent),
            optional(&attempt.application),
            cell(&attempt.unusual.join("; ")),
            attempt.count.to_string(),
        ];
        text += &cells.join(",");
        text += "\r\n";
    }
    text
}

fn as_json(attempts: &[Attempt], now: Timestamp) -> Result<String, PageError> {
    let one = |attempt: &Attempt| {
        json!({
            "time": attempt.at.to_string(), "result": result(attempt), "what": what(attempt),
            "method": attempt.method, "address": attempt.address,
            "approximate_location": attempt.place, "country": attempt.country,
            "device": attempt.device, "user_agent": attempt.user_agent,
            "application": attempt.application, "unusual": attempt.unusual,
            "attempts": attempt.count,
        })
    };
    let file = json!({
        "exported_at": now.to_string(),
        "sign_ins": attempts.iter().map(one).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&file).map_err(|error| PageError::Fault(error.into()))
}
