//! Sets of scopes, as bits.

/// The scopes that there are, in the order of the bits.
const NAMES: [&str; 5] = ["openid", "profile", "email", "phone", "offline_access"];

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub u8);

impl Scopes {
    pub const OPENID: Self = Self(1);
    pub const OFFLINE: Self = Self(16);
    pub const ALL: Self = Self(31);

    /// What a `scope` parameter or member says.
    pub fn read(text: &str) -> Self {
        let bit = |name: &str| {
            let at = NAMES.iter().position(|one| *one == name);
            1 << at.unwrap_or_else(|| panic!("nobody asked for {name}"))
        };
        Self(text.split_whitespace().map(bit).fold(0, |all, bit| all | bit))
    }

    /// As it is written in a request.
    pub fn text(self) -> String {
        let names = NAMES.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0);
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }

    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
