//! What is said about each kind of event: the table that a person's recent changes are read from.

/// What a person is told about a kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// A sentence. `{application}` stands for the application's name; then the icon, and the
    /// member of the details that says more.
    Say(&'static str, &'static str, Option<&'static str>),
    /// The same of what should make the person think.
    Warn(&'static str, &'static str, Option<&'static str>),
    /// Nothing, and why not.
    Nothing(&'static str),
}

use Words::{Nothing, Say, Warn};

const PEOPLE_ONLY: &str = "about a client, not about a person";
const ELSEWHERE: &str = "the sign-in history tells it";
const FREQUENT: &str = "comes with the use of an application";

/// Kind, outcome (empty: any other), words. Sorted by what it is about.
const TABLE: &[(&str, &str, Words)] = &[
    ("user_added", "", Say("Your account was made", "person", None)),
    ("user_removed", "", Nothing("nobody is left to read it")),
    ("user_locked", "", Warn("Your account was locked", "lock", None)),
    ("user_unlocked", "", Say("Your account was unlocked", "lock", None)),
    ("user_signed_out", "", Say("You were signed out everywhere", "leave", None)),
    ("claims_set", "", Say("Your profile was changed", "person", None)),
    ("groups_set", "", Say("Your groups were changed", "people", None)),
    ("profile_changed", "", Say("Your profile was changed", "person", None)),
    ("appearance", "", Nothing("looks are no matter of security")),
    ("email_change_asked", "", Say("A new email address was asked for", "mail", Some("address"))),
    (
        "email_link_canceled",
        "",
        Say("A link to confirm an email address was canceled", "mail", None),
    ),
    ("email_changed", "", Say("Your email address was changed", "mail", Some("address"))),
    ("email_verified", "", Say("Your email address was verified", "mail", None)),
    ("sign_in_mails_off", "", Warn("Mails about new sign-ins were turned off", "mail", None)),
    ("sign_in_mails_on", "", Say("Mails about new sign-ins were turned on", "mail", None)),
    ("password_changed", "", Say("Your password was changed", "key", None)),
    ("password_set", "", Say("A new password was set for you", "key", None)),
    (
        "password_recovered",
        "",
        Say("Your password was replaced through a mailed link", "key", None),
    ),
    ("recovery_asked", "", Warn("A link for a forgotten password was asked for", "key", None)),
    ("two_factor_on", "", Say("Two-factor was turned on", "shield", None)),
    ("two_factor_off", "", Warn("Two-factor was turned off", "shield", None)),
    ("two_factor_reset", "", Warn("Two-factor was reset", "shield", None)),
    ("authenticator_added", "", Say("An authenticator app was added", "phone", Some("name"))),
    ("authenticator_removed", "", Say("An authenticator app was removed", "phone", Some("name"))),
    ("authenticator_disabled", "", Warn("Codes were blocked after many wrong ones", "phone", None)),
    ("backup_codes_made", "", Say("New backup codes were made", "key", None)),
    ("backup_codes_saved", "", Say("Your backup codes were marked as saved", "key", None)),
    ("backup_code_used", "", Say("A backup code was used", "key", None)),
    ("browser_trusted", "", Say("A browser was trusted to be asked for no code", "screen", None)),
    ("browser_distrusted", "", Say("A browser is trusted no more", "screen", None)),
    ("browsers_distrusted", "", Say("No browser is trusted any more", "screen", None)),
    ("device_forgotten", "", Say("A browser was forgotten", "screen", Some("device"))),
    ("session_ended", "", Say("A browser was signed out", "leave", Some("device"))),
    ("sessions_ended", "", Say("Other browsers were signed out", "leave", None)),
    ("signed_out", "", Say("You signed out", "leave", None)),
    ("confirmed", "failed", Warn("Somebody here could not confirm to be you", "alert", None)),
    ("confirmed", "blocked", Warn("Somebody here could not confirm to be you", "alert", None)),
    ("confirmed", "", Nothing("what it was for is told by itself")),
    ("sign_in_recognized", "", Say("You said that a sign-in was yours", "check", Some("device"))),
    ("failures_recognized", "", Say("You said that failed attempts were yours", "check", None)),
    ("protect_begun", "", Say("You began to secure your account", "shield", None)),
    ("protect_reviewed", "", Nothing("looking changes nothing")),
    ("protect_finished", "", Nothing("what was done on the way is told by itself")),
    ("application_connected", "", Say("{application} was connected", "link", None)),
    ("application_widened", "", Say("{application} may do more", "link", None)),
    ("application_revoked", "", Say("Access of {application} was revoked", "link", None)),
    ("applications_revoked", "", Say("Access of all applications was revoked", "link", None)),
    ("application_authorized", "", Nothing(FREQUENT)),
    ("token_revoked", "", Nothing(FREQUENT)),
    (
        "refresh_token_replayed",
        "",
        Warn("{application} lost its access, because a copy of it was used", "alert", None),
    ),
    (
        "code_replayed",
        "",
        Warn("{application} lost its access, because a copy of it was used", "alert", None),
    ),
    ("data_exported", "", Say("Your data was downloaded", "download", Some("what"))),
    ("removal_planned", "", Warn("Your account will be removed", "alert", None)),
    ("removal_called_off", "", Say("Your account stays after all", "check", None)),
    ("sign_in", "", Nothing(ELSEWHERE)),
    ("sign_in_flood", "", Nothing(ELSEWHERE)),
    ("history_swept", "", Nothing("about nobody in particular")),
    ("database_restored", "", Nothing("about nobody in particular")),
    ("mail_given_up", "", Warn("A mail to you could not be delivered", "mail", None)),
    ("client_added", "", Nothing(PEOPLE_ONLY)),
    ("client_changed", "", Nothing(PEOPLE_ONLY)),
    ("client_secret_rotated", "", Nothing(PEOPLE_ONLY)),
    ("client_removed", "", Nothing(PEOPLE_ONLY)),
];

/// The words for a kind and an outcome; `None` for a kind that is not in the table.
pub(super) fn words(kind: &str, outcome: &str) -> Option<Words> {
    let row = |wanted: &str| {
        TABLE.iter().find(|(name, how, _)| *name == kind && *how == wanted).map(|row| row.2)
    };
    row(outcome).filter(|_| !outcome.is_empty()).or_else(|| row(""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{TABLE, Words, words};
    use crate::identity::protect::{Step, Word};

    /// The text literal that `text` begins with.
    fn literal(text: &str) -> Option<String> {
        let inside = text.trim_start().strip_prefix('"')?;
        Some(inside.split('"').next().unwrap_or_default().to_owned())
    }

    /// The literal among the first three arguments of a call.
    fn kind_of(call: &str) -> Option<String> {
        call.split(')').next()?.split(',').take(3).find_map(literal)
    }

    /// Every kind that the source text records: `.event("kind")`, `.event(app, "kind")` and the
    /// like, or handed as the third argument to a function `record`.
    fn kinds_in(source: &str) -> Vec<String> {
        let direct = source.split(".event(").skip(1).filter_map(kind_of);
        let handed = source.split("record(").skip(1).filter_map(|call| {
            let call = call.split(')').next().unwrap_or_default();
            literal(call.split(',').nth(2)?)
        });
        direct.chain(handed).collect()
    }

    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("change_words.rs")
            {
                found.push(std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }

    #[test]
    fn every_kind_that_is_recorded_anywhere_has_its_words() {
        let mut found = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let kinds: BTreeSet<_> = found.iter().flat_map(|source| kinds_in(source)).collect();
        assert!(kinds.len() > 15, "the source is not read as expected: {kinds:?}");
        assert!(kinds.contains("user_locked") && kinds.contains("sign_in"), "{kinds:?}");
        let silent: Vec<_> = kinds.iter().filter(|kind| words(kind, "").is_none()).collect();
        assert!(silent.is_empty(), "no row in src/account/change_words.rs for {silent:?}");
    }

    #[test]
    fn every_word_of_the_steps_that_secure_an_account_has_its_words() {
        let looks = Step::ALL.map(Word::Looked);
        for word in [Word::Begin, Word::Finish].into_iter().chain(looks) {
            assert!(words(word.kind(), "").is_some(), "{word:?}");
        }
    }

    /// What is recorded by another name than a literal would not be seen by the test above.
    #[test]
    fn a_kind_is_a_literal_or_one_that_is_looked_at_here() {
        let mut found = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        let calls = found.iter().flat_map(|source| source.split(".event(").skip(1));
        for call in calls.filter(|call| kind_of(call).is_none()) {
            let call = call.lines().next().unwrap_or_default();
            let known = call.starts_with("kind)") || call.starts_with("word.kind())");
            assert!(known, "its kind is not seen: .event({call}");
        }
    }

    #[test]
    fn no_row_stands_there_twice_and_every_sentence_can_be_read() {
        let rows: BTreeSet<_> = TABLE.iter().map(|(kind, outcome, _)| (kind, outcome)).collect();
        assert_eq!(rows.len(), TABLE.len());
        for (kind, _, words) in TABLE {
            let (Words::Say(text, ..) | Words::Warn(text, ..) | Words::Nothing(text)) = words;
            assert!(!text.is_empty() && !text.ends_with('.'), "{kind}: {text}");
            assert!(text.matches('{').count() <= 1, "{kind}: {text}");
        }
    }

    #[test]
    fn an_outcome_of_its_own_comes_before_the_rest() {
        assert!(matches!(words("confirmed", "failed"), Some(Words::Warn(..))));
        assert!(matches!(words("confirmed", "successful"), Some(Words::Nothing(_))));
        assert_eq!(words("unheard_of", ""), None);
    }
}
