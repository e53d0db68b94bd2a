//! What a password must be like; hashing it is `hashing.rs`.

use unicode_normalization::UnicodeNormalization;

use crate::app::App;
use crate::blocklist::{Blocklist, Listed};
use crate::config::PasswordPolicy;
use crate::store::users::User;

/// The most code points a password may have.
pub const MAX_CHARS: usize = 128;
/// The most bytes a password may have.
pub const MAX_BYTES: usize = 512;

/// Why a password is refused; `Display` is what the person reads after "The password does not
/// fit:".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("it needs at least {0} characters")]
    TooShort(usize),
    /// Too many characters.
    #[error("it may have at most {MAX_CHARS} characters")]
    TooLong,
    /// A kind of character is missing.
    #[error("it needs letters, digits and special characters")]
    TooUniform,
    /// It is made of the person's own names.
    #[error("it must not contain your own name or address")]
    OwnName,
    /// It is made of the name of this service.
    #[error("it must not contain the name of this service")]
    ServiceName,
    /// It is among those that attackers try first.
    #[error("it is among the passwords that attackers try first")]
    Common,
    /// It is on the operator's list.
    #[error("it is on the list of passwords that are not allowed here")]
    Listed,
    /// It is the one that it should replace.
    #[error("it is the same as your current one")]
    Unchanged,
}

/// The rules of one instance.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How long, and of which kinds of characters.
    pub policy: PasswordPolicy,
    /// Which ones are never allowed.
    pub blocklist: &'a Blocklist,
    /// What the service calls itself.
    pub service: &'a str,
}

/// The form in which a password is hashed: Unicode NFC, so that two keyboards mean the same
/// (NIST SP 800-63B-4 §3.1.1.2). `None` when it is longer than any password may be: then nothing
/// is hashed at all.
#[must_use]
pub fn normalize(password: &str) -> Option<String> {
    if password.len() > MAX_BYTES {
        return None;
    }
    let normal: String = password.nfc().collect();
    (normal.chars().count() <= MAX_CHARS && normal.len() <= MAX_BYTES).then_some(normal)
}

impl<'a> Rules<'a> {
    /// Those of this instance.
    #[must_use]
    pub fn of(app: &'a App) -> Self {
        Self {
            policy: app.config.password.policy,
            blocklist: &app.blocklist,
            service: &app.config.branding.name,
        }
    }

    /// The fewest code points.
    #[must_use]
    pub fn least(&self) -> usize {
        match self.policy {
            PasswordPolicy::Default => 8,
            PasswordPolicy::Nist => 15,
        }
    }

    /// Whether every kind of character is asked for.
    #[must_use]
    pub fn asks_for_kinds(&self) -> bool {
        self.policy == PasswordPolicy::Default
    }

    /// All that is wrong with a new password for a person whose names and addresses are `names`;
    /// empty when it fits.
    #[must_use]
    pub fn problems(&self, password: &str, names: &[&str]) -> Vec<Weakness> {
        let Some(password) = normalize(password) else { return vec![Weakness::TooLong] };
        let mut problems = Vec::new();
        if password.chars().count() < self.least() {
            problems.push(Weakness::TooShort(self.least()));
        }
        if self.asks_for_kinds() && !has_every_kind(&password) {
            problems.push(Weakness::TooUniform);
        }
        let folded = password.to_lowercase();
        let holds = |name: &str| own_words(name).iter().any(|word| folded.contains(word.as_str()));
        if names.iter().any(|name| holds(name)) {
            problems.push(Weakness::OwnName);
        }
        if holds(self.service) {
            problems.push(Weakness::ServiceName);
        }
        match self.blocklist.find(&password) {
            Some(Listed::Common) => problems.push(Weakness::Common),
            Some(Listed::Operators) => problems.push(Weakness::Listed),
            None => {}
        }
        problems
    }

    /// Checks a new password for a person whose names and addresses are `names`.
    pub fn check(&self, password: &str, names: &[&str]) -> Result<(), Weakness> {
        self.problems(password, names).first().map_or(Ok(()), |weakness| Err(*weakness))
    }
}

/// What a person is called, and so what their password must not be made of.
#[must_use]
pub fn names_of(user: &User) -> Vec<&str> {
    let claims = &user.claims;
    let told = [
        &user.email,
        &claims.name,
        &claims.given_name,
        &claims.family_name,
        &claims.middle_name,
        &claims.nickname,
        &claims.preferred_username,
    ];
    let told = told.into_iter().filter_map(|name| name.as_deref());
    [user.username.as_str()].into_iter().chain(told).collect()
}

fn has_every_kind(password: &str) -> bool {
    let letters = password.chars().any(char::is_alphabetic);
    let digits = password.chars().any(char::is_numeric);
    let special = password.chars().any(|c| !c.is_alphanumeric());
    letters && digits && special
}

/// The parts of a name or address that are long enough to give a password away.
fn own_words(name: &str) -> Vec<String> {
    name.nfc()
        .collect::<String>()
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 4)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(policy: PasswordPolicy, password: &str, names: &[&str]) -> Result<(), Weakness> {
        let blocklist = Blocklist::default();
        Rules { policy, blocklist: &blocklist, service: "Latchkey" }.check(password, names)
    }

    fn default(password: &str) -> Result<(), Weakness> {
        rules(PasswordPolicy::Default, password, &["alice", "alice.liddell@example.org"])
    }

    #[test]
    fn the_policy_is_what_people_are_told() {
        assert_eq!(default("ab1!efg"), Err(Weakness::TooShort(8)));
        assert_eq!(default("ab1!efgh"), Ok(()));
        assert_eq!(default("wharfedbx1"), Err(Weakness::TooUniform));
        assert_eq!(default("82736451!"), Err(Weakness::TooUniform));
        assert_eq!(default("xX9!Liddell"), Err(Weakness::OwnName));
        assert_eq!(default("My-latchKEY-77"), Err(Weakness::ServiceName));
        assert_eq!(default("P@ssw0rd1!"), Err(Weakness::Common));
        assert_eq!(default(&format!("a1!{}", "x".repeat(125))), Ok(()));
        assert_eq!(default(&format!("a1!{}", "x".repeat(126))), Err(Weakness::TooLong));
        assert_eq!(rules(PasswordPolicy::Nist, "a long passphrase", &[]), Ok(()));
        assert_eq!(rules(PasswordPolicy::Nist, "ab1!efgh", &[]), Err(Weakness::TooShort(15)));
    }

    #[test]
    fn every_reason_is_told() {
        let blocklist = Blocklist::default();
        let policy = PasswordPolicy::Default;
        let all =
            Rules { policy, blocklist: &blocklist, service: "x" }.problems("monkey", &["monkey"]);
        let wanted =
            [Weakness::TooShort(8), Weakness::TooUniform, Weakness::OwnName, Weakness::Common];
        assert_eq!(all, wanted);
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(normalize("caf\u{e9}"), normalize("cafe\u{301}"));
        assert_ne!(normalize("Secret"), normalize("secret"));
        assert_eq!(normalize(&"x".repeat(1_000_000)), None);
    }
}
