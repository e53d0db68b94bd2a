//! `/account/history/export`: the sign-in history as a file, for spreadsheets (CSV, RFC 4180) and
//! for programs (JSON).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::account::csv::cell;
use crate::account::sign_in_view::{self, Attempt, Status};
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::attempts::KEPT_A_DAY;
use crate::identity::familiarity::{HISTORY, Habits};
use crate::paths;
use crate::store::sign_ins::{self, Search, Which};
use crate::store::{acting, events, failure_counts};
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, Kept, RecentlySignedIn};

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

#[derive(Serialize)]
struct HistoryExportPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    history_url: &'static str,
    format: &'static str,
}

/// A kind of file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

impl Format {
    /// By its name; CSV where none is given.
    fn named(name: &str) -> Option<Self> {
        match name {
            "" | "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// The page that a download comes back to once its sender has confirmed.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    kept: Kept,
    browser: Browser,
) -> Result<Response, PageError> {
    let format = Format::named(kept.get("format").unwrap_or_default()).unwrap_or(Format::Csv);
    let content = HistoryExportPage {
        shell: Shell::of(&user),
        action: paths::ACCOUNT_HISTORY_EXPORT,
        history_url: paths::ACCOUNT_HISTORY,
        format: format.name(),
    };
    shell::page(&app, &browser, &user, "account/history_export.html").await?.render(&app, &content)
}

/// Gives the whole history as a file.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    ConfirmedForm { who, form }: ConfirmedForm,
) -> Result<Response, PageError> {
    let format = Format::named(form.text("format"))
        .ok_or(PageError::BadForm("There is no file of that kind."))?;
    let attempts = collect(&app, &who).await?;
    let details = json!({ "what": "sign-in history", "format": format.name() });
    let event = here.act(&who.user, &who.session).event(&app, "data_exported", details);
    let mut db = app.store.write().await?;
    acting::begin(&mut db, &who.session, app.clock.now()).await?;
    events::record(&mut db, &event).await?;
    db.commit().await?;
    let now = app.clock.now();
    let body = match format {
        Format::Csv => csv(&attempts),
        Format::Json => as_json(&attempts, now)?,
    };
    let day: String = now.to_string().chars().take(10).collect();
    let name = format.name();
    let disposition = format!("attachment; filename=\"sign-in-history-{day}.{name}\"");
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

/// All attempts, the newest first. Each kind is fetched by itself, so that none crowds out another.
async fn collect(app: &App, who: &RecentlySignedIn) -> Result<Vec<Attempt>, PageError> {
    let user_id = &who.user.id;
    let since = app.clock.now() - HISTORY;
    let mut events = Vec::new();
    let (counts, habits) = {
        let mut db = app.store.read().await?;
        for which in [Which::Successful, Which::Failed, Which::Blocked] {
            let before = (Timestamp::from_millis(i64::MAX), "");
            let search = Search { user_id, which, since, before, limit: MOST };
            events.extend(sign_ins::list(&mut db, search).await?);
        }
        let counts = failure_counts::list_over(&mut db, user_id, since, KEPT_A_DAY).await?;
        (counts, Habits::read(&mut db, user_id, app.clock.now()).await?)
    };
    let names = sign_in_view::names(app, &events).await?;
    let here = &who.session.id;
    let kept = events.iter().map(|event| Attempt::of(app, event, &names, here, &habits));
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
