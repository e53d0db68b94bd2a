//! Sign-ins, and attempts at one, in the few words that the overview has for them.

use serde::Serialize;

use crate::account::sign_in_view::place_of;
use crate::app::App;
use crate::clock::Timestamp;
use crate::geoip::UNKNOWN;
use crate::identity::advice::READ_FAILURES;
use crate::identity::familiarity::Reason;
use crate::store::events::Event;
use crate::user_agent;
use crate::web::views::TimeView;

/// A sign-in, as the overview shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SignInView {
    at: TimeView,
    device: Option<String>,
    from: Option<String>,
    unusual: Vec<String>,
    /// Whether this browser's session came of it.
    current: bool,
}

impl SignInView {
    /// The sign-in of `event`, as seen in the session of this id.
    pub(super) fn of(app: &App, event: &Event, session_id: &str, now: Timestamp) -> Self {
        Self {
            at: TimeView::of(event.at, now),
            device: event.user_agent.as_deref().and_then(user_agent::describe),
            from: place_of(app, event)
                .filter(|place| place != UNKNOWN)
                .or_else(|| event.address.clone().filter(|address| !address.is_empty())),
            unusual: in_words(&Reason::of(&event.details)),
            current: event.session_id.as_deref() == Some(session_id),
        }
    }
}

/// Reasons as they stand within a sentence.
pub(super) fn in_words(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| reason.words().to_lowercase()).collect()
}

/// How many attempts led nowhere of late, as the overview shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct FailuresView {
    /// In words, or none.
    failed: Option<String>,
    blocked: Option<String>,
    last: TimeView,
}

impl FailuresView {
    /// Those of `failures`, the newest first; `None` when there were none.
    pub(super) fn of(failures: &[Event], now: Timestamp) -> Option<Self> {
        let last = failures.first()?;
        let is_blocked = |event: &&Event| matches!(event.outcome.as_str(), "blocked" | "locked");
        let blocked = failures.iter().filter(is_blocked).count();
        let counted = |count: usize| (count > 0).then(|| counted(count));
        Some(Self {
            failed: counted(failures.len() - blocked),
            blocked: counted(blocked),
            last: TimeView::of(last.at, now),
        })
    }
}

/// A count of failures in words: no more than so many are read.
pub(super) fn counted(count: usize) -> String {
    if count < READ_FAILURES { count.to_string() } else { format!("{READ_FAILURES} or more") }
}
