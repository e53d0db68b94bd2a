//! The `prompt` parameter: what a person must, or must not, be asked (OpenID Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

use super::error::OAuthError;

/// The values of `prompt` as a set; none of them is the usual case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompts(u8);

const NAMES: [(&str, Prompts); 4] = [
    ("none", Prompts::NONE),
    ("login", Prompts::LOGIN),
    ("consent", Prompts::CONSENT),
    ("select_account", Prompts::SELECT_ACCOUNT),
];

impl Prompts {
    /// Ask nothing: answer at once or refuse.
    pub const NONE: Self = Self(1);
    /// Let the person sign in again.
    pub const LOGIN: Self = Self(2);
    /// Ask for consent again.
    pub const CONSENT: Self = Self(4);
    /// Let the person choose an account.
    pub const SELECT_ACCOUNT: Self = Self(8);

    /// The names of all values.
    pub const NAMES: [&str; 4] = ["none", "login", "consent", "select_account"];

    /// Reads the parameter; `none` stands alone.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut prompts = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let known = NAMES.iter().find(|(name, _)| *name == word);
            let Some((_, prompt)) = known else {
                return Err(OAuthError::invalid_request(
                    "'prompt' may hold none, login, consent and select_account",
                ));
            };
            prompts = Self(prompts.0 | prompt.0);
        }
        if prompts.none() && prompts != Self::NONE {
            return Err(OAuthError::invalid_request("'prompt' none must stand alone"));
        }
        Ok(prompts)
    }

    /// Whether nothing may be asked.
    #[must_use]
    pub const fn none(self) -> bool {
        self.holds(Self::NONE)
    }

    /// Whether the person must sign in again.
    #[must_use]
    pub const fn login(self) -> bool {
        self.holds(Self::LOGIN)
    }

    /// Whether consent must be asked again.
    #[must_use]
    pub const fn consent(self) -> bool {
        self.holds(Self::CONSENT)
    }

    /// Whether the person must be able to choose an account.
    #[must_use]
    pub const fn select_account(self) -> bool {
        self.holds(Self::SELECT_ACCOUNT)
    }

    const fn holds(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl TryFrom<String> for Prompts {
    type Error = OAuthError;

    fn try_from(text: String) -> Result<Self, OAuthError> {
        Self::parse(&text)
    }
}

impl From<Prompts> for String {
    fn from(prompts: Prompts) -> Self {
        let held = NAMES.iter().filter(|(_, prompt)| prompts.holds(*prompt));
        held.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_in_which_none_stands_alone() {
        assert_eq!(Prompts::parse("").unwrap(), Prompts::default());
        let both = Prompts::parse("login  consent login").unwrap();
        assert!(both.login() && both.consent() && !both.none() && !both.select_account());
        assert_eq!(serde_json::to_string(&both).unwrap(), r#""login consent""#);
        assert_eq!(serde_json::from_str::<Prompts>(r#""login consent""#).unwrap(), both);
        for bad in ["none login", "consent none", "create", "LOGIN", "login\tconsent"] {
            assert!(Prompts::parse(bad).is_err(), "{bad}");
        }
    }
}
