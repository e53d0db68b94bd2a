//! What a mail says: the words of a notice, made safe for a line of text.

use serde::Serialize;

use super::{Notice, Source};
use crate::app::App;
use crate::clock::Timestamp;
use crate::paths;
use crate::store::users::User;
use crate::user_agent;

/// The most characters of anything that somebody else wrote.
const LONGEST: usize = 200;
/// The most characters of a name that an application or a person chose.
const LONGEST_NAME: usize = 60;

/// What the templates of mails are given; what a notice does not have is none.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Told {
    person: String,
    at: String,
    address: Option<String>,
    place: Option<String>,
    device: Option<String>,
    security_url: String,
    /// Filled in where the link is made.
    pub(super) not_me_url: Option<String>,
    url: Option<String>,
    reasons: Vec<String>,
    by_support: bool,
    name: Option<String>,
    left: Option<i64>,
    until: Option<String>,
    application: Option<String>,
    old_address: Option<String>,
    new_address: Option<String>,
    lasts: Option<String>,
}

impl Told {
    /// What `notice` tells `user`.
    pub(super) fn of(app: &App, user: &User, source: Source<'_>, notice: &Notice<'_>) -> Self {
        let called = user.claims.name.as_deref().map(|name| line(name, LONGEST_NAME));
        let mut told = Self {
            person: called
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| line(&user.username, LONGEST_NAME)),
            at: moment(app.clock.now()),
            address: some(source.address),
            place: place_of(app, source.address).and_then(|place| some(&place)),
            device: user_agent::describe(source.user_agent).and_then(|device| some(&device)),
            security_url: paths::absolute(&app.config.issuer, paths::ACCOUNT_SECURITY),
            ..Self::default()
        };
        told.add(notice);
        told
    }

    fn add(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::UnfamiliarSignIn { reasons, .. } => {
                self.reasons = reasons.iter().map(|reason| line(reason, LONGEST)).collect();
            }
            Notice::PasswordChanged { by_support } | Notice::TwoFactorOff { by_support } => {
                self.by_support = *by_support;
            }
            Notice::Recovery { url } => {
                self.url = Some((*url).to_owned());
                let minutes = super::RECOVERY_TTL.as_secs() / 60;
                self.lasts = Some(format!("{minutes} minutes"));
            }
            Notice::AuthenticatorAdded { name } | Notice::AuthenticatorRemoved { name } => {
                self.name = Some(line(name, LONGEST_NAME));
            }
            Notice::BackupCodeUsed { left } => self.left = Some(*left),
            Notice::BrowserTrusted { until } => self.until = Some(moment(*until)),
            Notice::ApplicationConnected { application }
            | Notice::TheftDetected { application } => {
                self.application = Some(line(application, LONGEST_NAME));
            }
            Notice::EmailVerification { url, .. } => self.url = Some((*url).to_owned()),
            Notice::EmailChanged { old, new } => {
                self.old_address = some(old);
                self.new_address = some(new);
            }
            Notice::RemovalPlanned { at } => self.until = Some(moment(*at)),
            Notice::TwoFactorOn
            | Notice::BackupCodesRenewed
            | Notice::AccountUnlocked
            | Notice::SignInBlocked
            | Notice::CodesBlocked
            | Notice::RemovalCalledOff
            | Notice::AccountLocked
            | Notice::AccountRemoved
            | Notice::SignInMailsOff => {}
        }
    }
}

/// The templates of a notice: words alone, then HTML.
#[rustfmt::skip]
pub(super) fn templates(notice: &Notice<'_>) -> (&'static str, &'static str) {
    match notice {
        Notice::UnfamiliarSignIn { .. } => ("mail/unfamiliar_sign_in.txt", "mail/unfamiliar_sign_in.html"),
        Notice::PasswordChanged { .. } => ("mail/password_changed.txt", "mail/password_changed.html"),
        Notice::Recovery { .. } => ("mail/recovery.txt", "mail/recovery.html"),
        Notice::TwoFactorOn => ("mail/two_factor_on.txt", "mail/two_factor_on.html"),
        Notice::TwoFactorOff { .. } => ("mail/two_factor_off.txt", "mail/two_factor_off.html"),
        Notice::AuthenticatorAdded { .. } => ("mail/authenticator_added.txt", "mail/authenticator_added.html"),
        Notice::AuthenticatorRemoved { .. } => ("mail/authenticator_removed.txt", "mail/authenticator_removed.html"),
        Notice::BackupCodeUsed { .. } => ("mail/backup_code_used.txt", "mail/backup_code_used.html"),
        Notice::BackupCodesRenewed => ("mail/backup_codes_renewed.txt", "mail/backup_codes_renewed.html"),
        Notice::BrowserTrusted { .. } => ("mail/browser_trusted.txt", "mail/browser_trusted.html"),
        Notice::ApplicationConnected { .. } => ("mail/application_connected.txt", "mail/application_connected.html"),
        Notice::TheftDetected { .. } => ("mail/theft_detected.txt", "mail/theft_detected.html"),
        Notice::AccountLocked => ("mail/account_locked.txt", "mail/account_locked.html"),
        Notice::AccountUnlocked => ("mail/account_unlocked.txt", "mail/account_unlocked.html"),
        Notice::SignInBlocked => ("mail/sign_in_blocked.txt", "mail/sign_in_blocked.html"),
        Notice::CodesBlocked => ("mail/codes_blocked.txt", "mail/codes_blocked.html"),
        Notice::EmailVerification { .. } => ("mail/email_verification.txt", "mail/email_verification.html"),
        Notice::EmailChanged { .. } => ("mail/email_changed.txt", "mail/email_changed.html"),
        Notice::RemovalPlanned { .. } => ("mail/removal_planned.txt", "mail/removal_planned.html"),
        Notice::RemovalCalledOff => ("mail/removal_called_off.txt", "mail/removal_called_off.html"),
        Notice::AccountRemoved => ("mail/account_removed.txt", "mail/account_removed.html"),
        Notice::SignInMailsOff => ("mail/sign_in_mails_off.txt", "mail/sign_in_mails_off.html"),
    }
}

/// The subject, which is the first line of the words alone, and the words after it.
pub(super) fn subject_and_text(rendered: &str) -> (String, String) {
    let (first, rest) = rendered.trim_start().split_once('\n').unwrap_or((rendered, ""));
    let subject = first.trim_start_matches("Subject:").trim();
    let mut text = String::with_capacity(rest.len());
    let mut blank = 0;
    for line in rest.trim().lines().map(str::trim_end) {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank < 2 {
            text.push_str(line);
            text.push('\n');
        }
    }
    (subject.chars().filter(|c| !c.is_control()).collect(), text)
}

/// Where an address is, as far as it can be told and as a mail says it: of the local network one
/// is certain, anything else is a guess.
fn place_of(app: &App, address: &str) -> Option<String> {
    let place = app.geoip.place(address).words;
    match place.as_str() {
        crate::geoip::UNKNOWN => None,
        crate::geoip::NEARBY => Some("your local network".to_owned()),
        _ => Some(format!("approximately {place}")),
    }
}

fn moment(at: Timestamp) -> String {
    let exact = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    exact.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn some(text: &str) -> Option<String> {
    Some(line(text, LONGEST)).filter(|text| !text.is_empty())
}

/// `text` as a part of one line: no control characters, no marks that turn the direction of what
/// follows, not too long.
fn line(text: &str, longest: usize) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String =
        text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.chars().count() <= longest {
        return plain;
    }
    plain.chars().take(longest).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{line, subject_and_text};

    #[test]
    fn what_others_wrote_stays_in_its_line() {
        assert_eq!(line("a\r\nBcc: b\u{0}\u{202e}c", 60), "a Bcc: b c");
        assert_eq!(line(&"x".repeat(80), 60), format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn the_first_line_is_the_subject() {
        let (subject, text) = subject_and_text("\nSubject: Hello\n\n\n\nA\n\n\n\nB  \n\n");
        assert_eq!((subject.as_str(), text.as_str()), ("Hello", "A\n\nB\n"));
    }
}
