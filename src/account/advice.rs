//! What the overview advises, in words, each with the page that does it.

use serde::Serialize;

use crate::account::security::Known;
use crate::clock::Timestamp;
use crate::identity::advice::{Advice, Email, Facts, strangers, unusual};
use crate::paths;
use crate::web::session::SignedIn;
use crate::web::views::TimeView;

/// One thing to do, as the page shows it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AdviceView {
    /// How pressing: `bad`, `warn` or `info`.
    tone: &'static str,
    icon: &'static str,
    title: String,
    detail: String,
    at: Option<TimeView>,
    action: &'static str,
    url: &'static str,
    /// A second way out, for somebody who says that it was not they.
    other: Option<Other>,
}

#[derive(Clone, Debug, Serialize)]
struct Other {
    action: &'static str,
    url: &'static str,
}

/// What is known about the account, for the one who decides what to advise.
pub(super) fn facts(known: &Known, signed_in: &SignedIn, now: Timestamp) -> Facts {
    let SignedIn { session, user } = signed_in;
    let here = Some(session.id.as_str());
    let elsewhere: Vec<_> =
        known.sign_ins.iter().filter(|one| one.session_id.as_deref() != here).cloned().collect();
    let left = known.codes.iter().filter(|code| code.used_at.is_none()).count();
    Facts {
        two_factor: known.two_factor,
        codes_made: known.codes.len(),
        codes_left: i64::try_from(left).unwrap_or(i64::MAX),
        codes_saved: known.codes.iter().any(|code| code.saved_at.is_some()),
        email: match (&user.email, user.email_verified_at) {
            (None, _) => Email::Missing,
            (Some(_), None) => Email::Unverified,
            (Some(_), Some(_)) => Email::Verified,
        },
        removal_at: user.removal_at,
        strangers: strangers(&known.sign_ins, session),
        // Whether the sign-in that somebody sits in was theirs, they need not be asked.
        unusual: unusual(&elsewhere, known.password.as_ref().map(|one| one.set_at), now),
    }
}

const NOT_ME: Option<Other> = Some(Other { action: "It wasn’t me", url: paths::ACCOUNT_PROTECT });

impl AdviceView {
    /// Words for one piece of advice.
    #[expect(clippy::too_many_lines, reason = "a table: one entry for each advice")]
    pub(super) fn of(advice: &Advice, now: Timestamp) -> Self {
        let simple = |tone, icon, title: String, detail: &str| Self {
            tone,
            icon,
            title,
            detail: detail.to_owned(),
            at: None,
            action: "",
            url: "/account/two-factor",
            other: None,
        };
        match advice {
            Advice::RemovalPlanned(at) => Self {
                action: "Keep my account",
                url: "/account/data",
                ..simple(
                    "bad",
                    "alert",
                    format!("This account will be removed on {}", TimeView::of(*at, now).day()),
                    "Until then you can call it off. Afterwards nothing of it can be brought back.",
                )
            },
            Advice::UnusualSignIn(one) => Self {
                at: Some(TimeView::of(one.at, now)),
                action: "Look at it",
                url: "/account/history",
                other: NOT_ME,
                ..simple(
                    "bad",
                    "alert",
                    "Was this sign-in yours?".into(),
                    &format!("It was not as usual: {}.", one.reasons.join(", ")),
                )
            },
            Advice::FailedAttempts(one) => Self {
                at: Some(TimeView::of(one.last_at, now)),
                action: "Look at them",
                url: "/account/history",
                other: NOT_ME,
                ..simple(
                    "warn",
                    "alert",
                    format!("{} failed attempts to sign in: was it you?", one.count),
                    &match &one.address {
                        Some(address) => format!("The last one came from {address}."),
                        None => "It is not known where they came from.".to_owned(),
                    },
                )
            },
            Advice::TurnOnTwoFactor => Self {
                action: "Turn it on",
                ..simple(
                    "warn",
                    "phone",
                    "Turn on two-factor".into(),
                    "Then nobody gets in with your password alone. It takes two minutes.",
                )
            },
            Advice::MakeBackupCodes => Self {
                action: "Make them",
                ..simple(
                    "warn",
                    "key",
                    "Make backup codes".into(),
                    "Without them, a lost phone would lock you out.",
                )
            },
            Advice::FewBackupCodes(left) => Self {
                action: "Make new ones",
                ..simple(
                    "warn",
                    "key",
                    match left {
                        0 => "You have no backup codes left".to_owned(),
                        1 => "You have one backup code left".to_owned(),
                        more => format!("You have {more} backup codes left"),
                    },
                    "Without them, a lost phone would lock you out.",
                )
            },
            Advice::SaveBackupCodes => Self {
                action: "See to it",
                ..simple(
                    "info",
                    "key",
                    "Have you saved your backup codes?".into(),
                    "You have not said so yet. They help when your phone is lost.",
                )
            },
            Advice::VerifyEmail => Self {
                action: "Verify it",
                url: "/account/profile",
                ..simple(
                    "info",
                    "mail",
                    "Verify your email address".into(),
                    "We can only reach you, and help you back in, at an address that is yours.",
                )
            },
        }
    }
}
