//! Scopes: sets of tokens in the order in which they were asked, and what they mean to a person.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::OAuthError;

/// More tokens than any honest request has.
const MOST_TOKENS: usize = 100;

/// What a client may ask for unless its registration says otherwise.
pub const DEFAULT_SCOPE: &str = "openid profile email address phone offline_access";

/// A set of scope tokens (RFC 6749 §3.3); equal when they hold the same tokens in any order.
#[derive(Clone, Debug, Default, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads the `scope` parameter; repeated tokens are folded, surplus spaces forgiven.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if tokens(text).count() > MOST_TOKENS {
            return Err(OAuthError::invalid_scope("there are too many scopes"));
        }
        Self::from_tokens(tokens(text))
    }

    /// The set of these tokens, each of which must be one.
    pub fn from_tokens(
        tokens: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, OAuthError> {
        let mut scope = Self::default();
        for token in tokens {
            let token = token.as_ref();
            if !is_token(token) {
                return Err(OAuthError::invalid_scope("a scope holds a character it may not"));
            }
            scope.push(token);
        }
        Ok(scope)
    }

    /// Whether `token` is one of them.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether `other` holds all of them.
    #[must_use]
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// Those that `other` holds too.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.keep(|token| other.contains(token))
    }

    /// Those that `other` does not hold.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.keep(|token| !other.contains(token))
    }

    /// These, then those of `other` that are new.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        other.iter().for_each(|token| both.push(token));
        both
    }

    /// Those for which `wanted` holds.
    #[must_use]
    pub fn keep(&self, wanted: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| wanted(token)).cloned().collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What a person reads about each of them on the consent page.
    #[must_use]
    pub fn words(&self) -> Vec<ScopeWords> {
        self.iter().map(words_of).collect()
    }

    fn push(&mut self, token: &str) {
        if !self.contains(token) {
            self.0.push(token.to_owned());
        }
    }
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|token| !token.is_empty())
}

/// `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.is_subset_of(other)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_tokens(tokens(&text)).map_err(serde::de::Error::custom)
    }
}

/// What a person reads about a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeWords {
    /// The token itself.
    pub scope: String,
    /// A few words: what the application will be able to do.
    pub title: &'static str,
    /// One sentence more.
    pub detail: &'static str,
    /// The name of an icon.
    pub icon: &'static str,
}

fn words_of(scope: &str) -> ScopeWords {
    let (title, detail, icon) = match scope {
        "openid" => (
            "Know that it is you",
            "It receives an identifier of your account, so that it recognizes you next time.",
            "id",
        ),
        "profile" => (
            "See your profile",
            "Your name, user name, picture, website, gender, birthday, time zone and language.",
            "person",
        ),
        "email" => (
            "See your email address",
            "Your email address, and whether it has been verified.",
            "mail",
        ),
        "address" => ("See your postal address", "The address in your profile.", "home"),
        "phone" => (
            "See your phone number",
            "Your phone number, and whether it has been verified.",
            "phone",
        ),
        "offline_access" => (
            "Keep this access while you are away",
            "It can use what you allow here also when you are not using it, until you revoke it.",
            "clock",
        ),
        _ => (
            "Use a permission of its own",
            "This permission is defined by the application or its services.",
            "key",
        ),
    };
    ScopeWords { scope: scope.to_owned(), title, detail, icon }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn the_order_is_kept_repeats_are_folded_and_syntax_is_checked() {
        assert_eq!(scope("b a  b c ").to_string(), "b a c");
        assert_eq!(scope("a b"), scope("b a"));
        assert_ne!(scope("a"), scope("a b"));
        assert!(scope("").is_empty());
        assert!(scope("urn:x:y https://api/read !#[]~").contains("!#[]~"));
        for bad in ["a\tb", "a\"b", "a\\b", "é", "a\n", "a\u{7f}", "a\u{a0}b"] {
            assert!(Scope::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn five_hundred_are_refused() {
        let many: Vec<String> = (0..500).map(|n| format!("s{n}")).collect();
        assert!(Scope::parse(&many.join(" ")).is_err());
        assert!(Scope::parse(&many[..100].join(" ")).is_ok());
    }

    #[test]
    fn sets_behave_as_sets() {
        let (left, right) = (scope("a b c"), scope("c d"));
        assert_eq!(left.intersect(&right).to_string(), "c");
        assert_eq!(left.minus(&right).to_string(), "a b");
        assert_eq!(left.union(&right).to_string(), "a b c d");
        assert!(scope("c").is_subset_of(&left) && !right.is_subset_of(&left));
    }

    #[test]
    fn it_is_a_string_in_json() {
        assert_eq!(serde_json::to_string(&scope("b a")).unwrap(), r#""b a""#);
        assert_eq!(serde_json::from_str::<Scope>(r#""b a""#).unwrap().to_string(), "b a");
        assert!(serde_json::from_str::<Scope>(r#""b\ta""#).is_err());
    }

    #[test]
    fn every_scope_has_words_and_the_standard_ones_their_own() {
        let words = scope(&format!("{DEFAULT_SCOPE} api:read")).words();
        let titles: std::collections::HashSet<_> = words.iter().map(|words| words.title).collect();
        assert_eq!((words.len(), titles.len()), (7, 7));
    }
}
