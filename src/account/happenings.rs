//! What happened to an account, in words for its owner.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::identity::advice;
use crate::store::events::Event;
use crate::user_agent;
use crate::web::views::TimeView;

/// An attempt to sign in, as the overview shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SignInView {
    at: TimeView,
    device: Option<String>,
    address: Option<String>,
    outcome: &'static str,
    word: &'static str,
    unusual: Vec<String>,
}

impl SignInView {
    /// The attempt of `event`.
    pub(super) fn of(event: &Event, now: Timestamp) -> Self {
        let (outcome, word) = match event.outcome.as_str() {
            "successful" => ("good", "Signed in"),
            "blocked" => ("blocked", "Blocked"),
            "locked" => ("blocked", "Account locked"),
            _ => ("bad", "Failed"),
        };
        Self {
            at: TimeView::of(event.at, now),
            device: event.user_agent.as_deref().and_then(user_agent::describe),
            address: event.address.clone().filter(|address| !address.is_empty()),
            outcome,
            word,
            unusual: advice::reasons(event),
        }
    }
}

/// A change of the account.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ChangeView {
    at: TimeView,
    what: &'static str,
    by: &'static str,
    device: Option<String>,
}

impl ChangeView {
    /// The change of `event`.
    pub(super) fn of(event: &Event, now: Timestamp) -> Self {
        let by_support = event.actor.as_deref() == Some("administrator");
        Self {
            at: TimeView::of(event.at, now),
            what: words(&event.kind),
            by: if by_support { "by support" } else { "by you" },
            device: event.user_agent.as_deref().and_then(user_agent::describe),
        }
    }
}

/// What a kind of event means to the person.
fn words(kind: &str) -> &'static str {
    match kind {
        "user_added" => "Account created",
        "password_changed" => "Password changed",
        "password_set" => "Password set anew",
        "password_recovered" => "Password chosen anew by a link from a mail",
        "two_factor_on" => "Two-factor turned on",
        "two_factor_off" => "Two-factor turned off",
        "two_factor_reset" => "Two-factor removed",
        "authenticator_added" => "Authenticator app added",
        "authenticator_removed" => "Authenticator app removed",
        "backup_codes_made" => "New backup codes made",
        "backup_code_used" => "Backup code used",
        "browser_trusted" => "Browser trusted",
        "browser_distrusted" => "Browser trusted no more",
        "email_change_asked" => "New email address asked for",
        "email_changed" => "Email address changed",
        "profile_changed" | "claims_set" => "Profile changed",
        "application_connected" => "Application connected",
        "application_revoked" => "Access of an application revoked",
        "applications_revoked" => "Access of all applications revoked",
        "session_ended" => "A browser was signed out",
        "sessions_ended" | "user_signed_out" => "Other browsers were signed out",
        "data_exported" => "Your data downloaded",
        "removal_planned" => "Removal of the account asked for",
        "removal_called_off" => "Removal of the account called off",
        "user_locked" => "Account locked",
        "user_unlocked" => "Account unlocked",
        _ => "Account changed",
    }
}
