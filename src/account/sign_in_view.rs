//! An attempt to sign in as a person reads it: on the page and in the file.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::attempts::{KEPT_A_DAY, TEMPORARY_PASSWORD};
use crate::identity::familiarity::{Habits, Reason};
use crate::identity::sign_in::PENDING_TTL;
use crate::store::StoreError;
use crate::store::events::Event;
use crate::store::failure_counts::FailureCount;
use crate::user_agent;

/// How an attempt went, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It led in.
    Successful,
    /// Something was wrong or missing.
    Failed,
    /// It was refused whatever was typed.
    Blocked,
}

/// One attempt, or many of one day that are not kept one by one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attempt {
    #[serde(skip)]
    pub(super) at: Timestamp,
    pub(super) status: Status,
    /// What happened.
    pub(super) title: String,
    /// What should make the person think.
    pub(super) warning: Option<&'static str>,
    pub(super) note: Option<String>,
    pub(super) method: Option<&'static str>,
    pub(super) device: Option<String>,
    #[serde(skip)]
    pub(super) user_agent: Option<String>,
    pub(super) address: Option<String>,
    pub(super) place: Option<String>,
    #[serde(skip)]
    pub(super) country: Option<String>,
    pub(super) application: Option<String>,
    pub(super) unusual: Vec<&'static str>,
    /// Whether this browser's session came of it.
    pub(super) current: bool,
    #[serde(skip)]
    pub(super) count: i64,
}

/// What applications are called, by id.
pub(super) type Names = BTreeMap<String, String>;

/// No name of an application is shown longer, in characters.
const LONGEST: usize = 60;

/// The names of the applications in `events`; those that are gone have none.
pub(super) async fn names(app: &App, events: &[Event]) -> Result<Names, StoreError> {
    let mut names = Names::new();
    for id in events.iter().filter_map(|event| event.client_id.as_ref()) {
        if names.contains_key(id) {
            continue;
        }
        if let Some(client) = app.store.client(id).await? {
            let name = client.metadata.client_name.trim();
            let name = if name.is_empty() { id } else { name };
            names.insert(id.clone(), name.chars().take(LONGEST).collect());
        }
    }
    Ok(names)
}

/// Where `event` came from, in words that say how sure that is.
pub(super) fn place_of(app: &App, event: &Event) -> Option<String> {
    let address = event.address.as_deref().filter(|address| !address.is_empty())?;
    let kept = event.details.get("place").and_then(Value::as_str);
    let (words, known) = if let Some(words) = kept {
        (words.to_owned(), event.details.get("country").is_some_and(Value::is_string))
    } else {
        let place = app.geoip.place(address);
        let known = place.is_known();
        (place.words, known)
    };
    Some(if known { format!("{words} (approximate)") } else { words })
}

impl Attempt {
    /// The attempt that `event` tells of, held against what is usual.
    pub(super) fn of(
        app: &App,
        event: &Event,
        names: &Names,
        session_id: &str,
        habits: &Habits,
    ) -> Self {
        let method = event.details.get("method").and_then(Value::as_str).unwrap_or_default();
        let open = app.clock.now().since(event.at) < PENDING_TTL;
        let (status, title, warning) = words(&event.outcome, method, open);
        let text = |name| event.details.get(name).and_then(Value::as_str).map(str::to_owned);
        let application = event.client_id.as_ref().and_then(|id| names.get(id).cloned());
        Self {
            at: event.at,
            status,
            title: title.to_owned(),
            warning,
            note: None,
            method: method_words(method).filter(|_| status == Status::Successful),
            device: event.user_agent.as_deref().and_then(user_agent::describe),
            user_agent: event.user_agent.clone(),
            address: event.address.clone().filter(|address| !address.is_empty()),
            place: place_of(app, event),
            country: text("country"),
            application,
            unusual: habits.judge(event).into_iter().map(Reason::words).collect(),
            current: event.session_id.as_deref() == Some(session_id),
            count: 1,
        }
    }

    /// The attempts beyond those that are kept one by one.
    pub(super) fn beyond(app: &App, count: &FailureCount) -> Self {
        let (method, outcome) = count.bucket.split_once(' ').unwrap_or_default();
        let (status, title, warning) = words(outcome, method, false);
        let more = count.failures - KEPT_A_DAY;
        let place = app.geoip.place(&count.last_address);
        let approximately = if place.is_known() { " (approximate)" } else { "" };
        Self {
            at: count.last_at,
            status,
            title: format!("{title}, {more} more times that day"),
            warning,
            note: Some(format!(
                "Of each day the first {KEPT_A_DAY} are listed one by one. This is when and from \
                 where the last one came."
            )),
            method: None,
            device: None,
            user_agent: None,
            address: Some(count.last_address.clone()).filter(|address| !address.is_empty()),
            place: Some(format!("{}{approximately}", place.words)),
            country: place.country,
            application: None,
            unusual: Vec::new(),
            current: false,
            count: more,
        }
    }
}

/// Whether a count belongs to what failed, or else to what was blocked.
pub(super) fn is_failure(count: &FailureCount) -> bool {
    let outcome = count.bucket.split_once(' ').map_or("", |(_, outcome)| outcome);
    words(outcome, "", false).0 == Status::Failed
}

fn words(outcome: &str, method: &str, open: bool) -> (Status, &'static str, Option<&'static str>) {
    const PASSWORD_KNOWN: &str = "The password was right.";
    let is_code = matches!(method, "totp" | "backup_code");
    match outcome {
        "successful" => (Status::Successful, "Signed in", None),
        "second factor needed" if method == TEMPORARY_PASSWORD => {
            let warning = "The temporary password was right; one of your own is still owed.";
            (Status::Failed, "Stopped at a new password", Some(warning))
        }
        "second factor needed" if open => {
            (Status::Failed, "No code yet", Some("The password was right; a code is still owed."))
        }
        "second factor needed" => {
            let warning = "The password was right, but no right code followed.";
            (Status::Failed, "Stopped at the code", Some(warning))
        }
        "locked" => (Status::Blocked, "Refused, the account was locked", Some(PASSWORD_KNOWN)),
        "blocked" if is_code => (Status::Blocked, "Too many wrong codes", Some(PASSWORD_KNOWN)),
        "blocked" => (Status::Blocked, "Not checked after many failures", None),
        _ if is_code => (Status::Failed, "Wrong code", Some(PASSWORD_KNOWN)),
        _ => (Status::Failed, "Wrong password", None),
    }
}

fn method_words(method: &str) -> Option<&'static str> {
    match method {
        "password" => Some("Password"),
        "totp" => Some("Password and code"),
        "backup_code" => Some("Password and backup code"),
        "trusted_browser" => Some("Password in a trusted browser"),
        _ => None,
    }
}
