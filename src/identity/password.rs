//! What a password must be like; hashing it is `hashing.rs`.

use unicode_normalization::UnicodeNormalization;

use crate::config::PasswordPolicy;

/// The most code points a password may have.
pub const MAX_CHARS: usize = 128;
/// The most bytes a password may have.
pub const MAX_BYTES: usize = 512;

/// Why a password is refused; `Display` is what the person reads.
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
    /// It is among those that attackers try first.
    #[error("it is among the passwords that attackers try first")]
    Common,
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

/// Checks a new password for a person whose names and addresses are `names`.
pub fn check(policy: PasswordPolicy, password: &str, names: &[&str]) -> Result<(), Weakness> {
    let password = normalize(password).ok_or(Weakness::TooLong)?;
    let least = match policy {
        PasswordPolicy::Default => 8,
        PasswordPolicy::Nist => 15,
    };
    if password.chars().count() < least {
        return Err(Weakness::TooShort(least));
    }
    if policy == PasswordPolicy::Default && !has_every_kind(&password) {
        return Err(Weakness::TooUniform);
    }
    let folded = password.to_lowercase();
    if names.iter().flat_map(|name| own_words(name)).any(|word| folded.contains(&word)) {
        return Err(Weakness::OwnName);
    }
    if is_common(&folded) {
        return Err(Weakness::Common);
    }
    Ok(())
}

fn has_every_kind(password: &str) -> bool {
    let letters = password.chars().any(char::is_alphabetic);
    let digits = password.chars().any(char::is_numeric);
    let special = password.chars().any(|c| !c.is_alphanumeric());
    letters && digits && special
}

/// The parts of a name or address that are long enough to give a password away.
fn own_words(name: &str) -> Vec<String> {
    name.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= 4)
        .map(str::to_owned)
        .collect()
}

/// The words that lead every list of leaked passwords.
const HEAD: [&str; 16] = [
    "password",
    "passwort",
    "letmein",
    "welcome",
    "qwerty",
    "qwertyuiop",
    "iloveyou",
    "admin",
    "administrator",
    "changeme",
    "secret",
    "master",
    "monkey",
    "dragon",
    "football",
    "sunshine",
];

/// Passwords like `P@ssw0rd1!`: a word that leads every list of leaked ones, dressed up.
fn is_common(folded: &str) -> bool {
    let undressed: String = folded
        .chars()
        .map(|c| match c {
            '@' | '4' => 'a',
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '5' | '$' => 's',
            '7' => 't',
            other => other,
        })
        .collect();
    let core = undressed.trim_matches(|c: char| !c.is_alphabetic());
    let core = core.trim_end_matches('i');
    HEAD.iter().any(|word| core == *word || core == word.trim_end_matches('i'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(password: &str) -> Result<(), Weakness> {
        check(PasswordPolicy::Default, password, &["alice", "alice.liddell@example.org"])
    }

    #[test]
    fn the_policy_is_what_people_are_told() {
        assert_eq!(default("ab1!efg"), Err(Weakness::TooShort(8)));
        assert_eq!(default("ab1!efgh"), Ok(()));
        assert_eq!(default("abcdefgh1"), Err(Weakness::TooUniform));
        assert_eq!(default("12345678!"), Err(Weakness::TooUniform));
        assert_eq!(default("xX9!Liddell"), Err(Weakness::OwnName));
        assert_eq!(default("P@ssw0rd1!"), Err(Weakness::Common));
        assert_eq!(default(&format!("a1!{}", "x".repeat(125))), Ok(()));
        assert_eq!(default(&format!("a1!{}", "x".repeat(126))), Err(Weakness::TooLong));
        assert_eq!(check(PasswordPolicy::Nist, "a long passphrase", &[]), Ok(()));
        assert_eq!(check(PasswordPolicy::Nist, "ab1!efgh", &[]), Err(Weakness::TooShort(15)));
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(normalize("caf\u{e9}"), normalize("cafe\u{301}"));
        assert_ne!(normalize("Secret"), normalize("secret"));
        assert_eq!(normalize(&"x".repeat(1_000_000)), None);
    }
}
