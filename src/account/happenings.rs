//! An attempt to sign in, in the few words that the overview has for it.

use serde::Serialize;

use crate::account::sign_in_view::place_of;
use crate::app::App;
use crate::clock::Timestamp;
use crate::geoip::UNKNOWN;
use crate::identity::advice;
use crate::store::events::Event;
use crate::user_agent;
use crate::web::views::TimeView;

/// An attempt to sign in, as the overview shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SignInView {
    at: TimeView,
    device: Option<String>,
    from: Option<String>,
    outcome: &'static str,
    word: &'static str,
    unusual: Vec<String>,
}

impl SignInView {
    /// The attempt of `event`.
    pub(super) fn of(app: &App, event: &Event, now: Timestamp) -> Self {
        let (outcome, word) = match event.outcome.as_str() {
            "successful" => ("good", "Signed in"),
            "blocked" => ("blocked", "Blocked"),
            "locked" => ("blocked", "Account locked"),
            _ => ("bad", "Failed"),
        };
        Self {
            at: TimeView::of(event.at, now),
            device: event.user_agent.as_deref().and_then(user_agent::describe),
            from: place_of(app, event)
                .filter(|place| place != UNKNOWN)
                .or_else(|| event.address.clone().filter(|address| !address.is_empty())),
            outcome,
            word,
            unusual: advice::reasons(event),
        }
    }
}
