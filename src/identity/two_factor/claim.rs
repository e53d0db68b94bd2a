//! A first code of an app that is being set up, and what may come of it.

/// The longest name of an app, in characters.
pub const NAME_LENGTH: usize = 40;
/// What an app is called whose owner gave no name.
pub(super) const NAMELESS: &str = "Authenticator app";

/// A first code for an app that is being set up.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The app, by the id that its page had.
    pub id: &'a str,
    /// The code, as typed.
    pub code: &'a str,
    /// What the person calls the app.
    pub name: &'a str,
    /// What it takes the place of.
    pub replaces: Replaces<'a>,
}

/// Which of the apps that a person has make room for one that is being set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces<'a> {
    /// None: it joins them, as long as they are not too many.
    None,
    /// All of them.
    All,
    /// The one of this id.
    One(&'a str),
}

impl<'a> Replaces<'a> {
    /// How a page or a form says [`Replaces::All`]; else it names the one.
    pub const ALL: &'static str = "1";

    /// As a page or a form says it.
    #[must_use]
    pub fn read(word: &'a str) -> Self {
        match word {
            "" => Self::None,
            Self::ALL => Self::All,
            id => Self::One(id),
        }
    }

    /// Whether the app of this id makes room.
    #[must_use]
    pub fn covers(self, id: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::One(one) => one == id,
        }
    }
}

/// What came of a first code.
#[derive(Debug)]
pub enum Confirmed {
    /// The app is a factor now.
    Done(Done),
    /// The code is not the app's.
    Wrong,
    /// It is, but of another time.
    ClockOff {
        /// Whether the phone's clock is ahead of ours.
        ahead: bool,
        /// By how much, in minutes.
        minutes: u64,
    },
    /// The page was too old: another app was set up meanwhile, or it waited too long.
    Over,
}

/// An app that has just become a factor.
#[derive(Debug)]
pub struct Done {
    /// New backup codes, if the person had none.
    pub codes: Option<Vec<String>>,
    /// The new token of the session, which counts as signed in with two factors from now on.
    pub token: Option<String>,
}

/// A code that is so many steps away from ours, in words that a person can act on.
pub(super) fn clock_off(steps: i64) -> Confirmed {
    let minutes = steps.unsigned_abs().div_ceil(2);
    Confirmed::ClockOff { ahead: steps > 0, minutes }
}

/// The name as it is kept: one line, not too long, never empty.
pub(super) fn readable(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !c.is_control()).collect();
    let cut: String = plain.trim().chars().take(NAME_LENGTH).collect();
    if cut.is_empty() { NAMELESS.to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_in_minutes() {
        for (steps, ahead, minutes) in
            [(2, true, 1), (8, true, 4), (-20, false, 10), (-3, false, 2)]
        {
            let Confirmed::ClockOff { ahead: told, minutes: by } = clock_off(steps) else {
                panic!("{steps}")
            };
            assert_eq!((told, by), (ahead, minutes), "{steps}");
        }
    }

    #[test]
    fn a_name_is_one_line_and_never_empty() {
        assert_eq!(readable("  My\u{7} phone\n"), "My phone");
        assert_eq!(readable(" \t"), NAMELESS);
        assert_eq!(readable(&"é".repeat(100)).chars().count(), NAME_LENGTH);
    }
}
