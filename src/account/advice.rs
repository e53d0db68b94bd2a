//! What the overview advises, in words, each with the page that does it.

use serde::Serialize;

use crate::account::happenings::{counted, in_words};
use crate::account::security::Known;
use crate::clock::Timestamp;
use crate::geoip::NEARBY;
use crate::identity::advice::{Advice, Asked, Email, Facts, Origin, Strangers, Unusual};
use crate::identity::familiarity::Reason;
use crate::identity::protect;
use crate::identity::two_factor::is_by_backup_code;
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
    /// What a person recognizes as their own by one button.
    own: Option<Own>,
}

#[derive(Clone, Debug, Serialize)]
struct Other {
    action: &'static str,
    url: &'static str,
}

/// The fields of the form that says "It was me".
#[derive(Clone, Debug, Serialize)]
struct Own {
    about: &'static str,
    which: String,
}

/// What is known about the account, for the one who decides what to advise.
pub(super) fn facts(known: &Known, signed_in: &SignedIn, now: Timestamp) -> Facts {
    let SignedIn { session, user } = signed_in;
    let password_set_at = known.password.as_ref().map(|one| one.set_at);
    let asked = Asked { session, password_set_at, now };
    let left = known.codes.iter().filter(|code| code.used_at.is_none()).count();
    Facts {
        two_factor: known.two_factor,
        codes_blocked: known.two_factor && known.codes_blocked,
        codes_made: known.codes.len(),
        codes_left: i64::try_from(left).unwrap_or(i64::MAX),
        codes_saved: known.codes.iter().any(|code| code.saved_at.is_some()),
        email: match (&user.email, user.email_verified_at) {
            (None, _) => Email::Missing,
            (Some(_), None) => Email::Unverified,
            (Some(_), Some(_)) => Email::Verified,
        },
        removal_at: user.removal_at,
        securing_at: protect::begun_at(user, now),
        strangers: known.trail.strangers(&asked),
        unusual: known.trail.unusual(&asked),
        password_known: known.trail.password_known(&asked),
        by_backup_code: is_by_backup_code(&session.amr),
    }
}

const NOT_ME: Option<Other> = Some(Other { action: "It wasn’t me", url: paths::ACCOUNT_PROTECT });
/// The history, as far as it is asked about.
const UNUSUAL: &str = "/account/history?show=unusual";
const FAILED: &str = "/account/history?show=failed";
const BLOCKED: &str = "/account/history?show=blocked";

/// Where it came from, in words, with what is not known left out.
fn origin(from: &Origin) -> Option<String> {
    let Origin { device, place, address } = from;
    let place = place.as_deref().map(guessed);
    let parts = [device.clone(), place, address.clone()];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A place, with a word on how sure it is.
fn guessed(place: &str) -> String {
    match place {
        NEARBY => place.to_owned(),
        guess => format!("{guess} (approximate)"),
    }
}

/// A sentence about what was unusual, and where.
fn unusual_words(one: &Unusual) -> String {
    let reasons = in_words(&one.reasons).join(", ");
    match origin(&one.from) {
        Some(from) => format!("It was not as usual: {reasons}. It came from {from}."),
        None => format!("It was not as usual: {reasons}."),
    }
}

/// A sentence about somebody who had the right password.
fn known_words(one: &Unusual) -> String {
    let browser = if one.reasons.contains(&Reason::NewDevice) {
        " in a browser that you have not used before"
    } else {
        ""
    };
    let from = origin(&one.from).map(|from| format!(" ({from})")).unwrap_or_default();
    format!(
        "The right password was typed{browser}{from}, but no right code followed. Unless it was \
         you, two-factor kept them out."
    )
}

/// What is asked about somebody's attempts, and what is known of them.
fn strangers_words(one: &Strangers) -> (String, String) {
    let count = counted(one.count);
    let last = match origin(&one.from) {
        Some(from) => format!("The last one came from {from}."),
        None => "It is not known where they came from.".to_owned(),
    };
    match &one.unfamiliar {
        Some(all) if all.count == one.count => {
            let place = guessed(&all.place);
            let title = format!(
                "{count} failed attempts from {place}, where you have not signed in before. Was it \
                 you?"
            );
            (title, last)
        }
        Some(some) => {
            let (few, place) = (counted(some.count), guessed(&some.place));
            let came = if some.count == 1 { "came" } else { "of them came" };
            let detail =
                format!("{few} {came} from {place}, where you have not signed in before. {last}");
            (format!("{count} failed attempts to sign in: was it you?"), detail)
        }
        None => (format!("{count} failed attempts to sign in: was it you?"), last),
    }
}

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
            own: None,
        };
        let own = |about, which: String| Some(Own { about, which });
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
            Advice::GoOnSecuring(at) => Self {
                at: Some(TimeView::of(*at, now)),
                action: "Go on",
                url: paths::ACCOUNT_PROTECT,
                ..simple(
                    "warn",
                    "shield",
                    "Go on securing your account".into(),
                    "You began to shut out whoever got in. The steps wait for you.",
                )
            },
            Advice::CodesBlocked => Self {
                action: "Set the app up anew",
                url: paths::account_two_factor_replace(),
                other: NOT_ME,
                ..simple(
                    "bad",
                    "alert",
                    "Your app’s codes are blocked".into(),
                    "Too many wrong ones were typed in a row. Have a backup code ready: with it \
                     you can set the app up anew.",
                )
            },
            Advice::UnusualSignIn(one) => Self {
                at: Some(TimeView::of(one.at, now)),
                action: "Look at it",
                url: UNUSUAL,
                other: NOT_ME,
                own: own("sign_in", one.id.clone()),
                ..simple("bad", "alert", "Was this sign-in yours?".into(), &unusual_words(one))
            },
            Advice::PasswordKnown(one) => Self {
                at: Some(TimeView::of(one.at, now)),
                action: "Change it",
                url: paths::ACCOUNT_PASSWORD,
                other: Some(Other { action: "Look at it", url: UNUSUAL }),
                own: own("sign_in", one.id.clone()),
                ..simple(
                    "bad",
                    "key",
                    "Somebody else may know your password".into(),
                    &known_words(one),
                )
            },
            Advice::FailedAttempts(one) => {
                let (title, detail) = strangers_words(one);
                Self {
                    at: Some(TimeView::of(one.last_at, now)),
                    action: "Look at them",
                    url: match (&one.unfamiliar, one.blocked) {
                        (Some(_), _) => UNUSUAL,
                        (None, true) => BLOCKED,
                        (None, false) => FAILED,
                    },
                    other: NOT_ME,
                    own: own("failures", one.last_at.millis().to_string()),
                    ..simple("warn", "alert", title, &detail)
                }
            }
            Advice::ReplaceDevice => Self {
                action: "Set up a new phone",
                url: paths::ACCOUNT_TWO_FACTOR_RECOVERED,
                ..simple(
                    "info",
                    "phone",
                    "You signed in with a backup code".into(),
                    "Lost your phone? Set up a new one in its place. If you still have it, there is \
                     nothing to do.",
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
                url: paths::ACCOUNT_BACKUP_CODES,
                ..simple(
                    "warn",
                    "key",
                    "Make backup codes".into(),
                    "Without them, a lost phone would lock you out.",
                )
            },
            Advice::FewBackupCodes(left) => Self {
                action: "Make new ones",
                url: paths::ACCOUNT_BACKUP_CODES,
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
                url: paths::ACCOUNT_EMAIL,
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
