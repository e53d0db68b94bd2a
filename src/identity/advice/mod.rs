//! What a person is advised to do for their account, most pressing first: a pure function of what
//! is known about it.

mod trail;

use crate::clock::Timestamp;
use crate::identity::familiarity::Reason;

pub use trail::{ASKED_FOR, Asked, READ_FAILURES, Trail};

/// So few backup codes are a reason to make new ones.
pub const FEW_CODES: i64 = 3;

/// What the person is told about the address of their mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Email {
    /// There is none.
    Missing,
    /// It is not known to be theirs.
    Unverified,
    /// It is.
    Verified,
}

/// Where an attempt came from, as it was written down with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The browser or program, in words.
    pub device: Option<String>,
    /// The place, in words.
    pub place: Option<String>,
    /// The address.
    pub address: Option<String>,
}

/// A place where the person had not signed in before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfamiliar {
    /// In words.
    pub place: String,
    /// How many attempts came from there.
    pub count: usize,
}

/// Somebody's attempts to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strangers {
    /// How many failed or were blocked, counted no further than [`READ_FAILURES`] of each.
    pub count: usize,
    /// Whether none was looked at.
    pub blocked: bool,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Where the last one came from.
    pub from: Origin,
    /// The unfamiliar place from which the last of those from such places came.
    pub unfamiliar: Option<Unfamiliar>,
}

/// An attempt that was not as usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// Its id in the history.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Where it came from.
    pub from: Origin,
    /// What was unusual.
    pub reasons: Vec<Reason>,
}

/// What is known about an account.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether a second factor is asked for.
    pub two_factor: bool,
    /// Since when the person is securing their account, if they are.
    pub securing_at: Option<Timestamp>,
    /// Whether too many wrong codes ended those of the apps.
    pub codes_blocked: bool,
    /// How many backup codes were made.
    pub codes_made: usize,
    /// How many are left.
    pub codes_left: i64,
    /// Whether the person said that they keep them.
    pub codes_saved: bool,
    /// The address of their mail.
    pub email: Email,
    /// When the account will be removed.
    pub removal_at: Option<Timestamp>,
    /// Who tried to get in.
    pub strangers: Option<Strangers>,
    /// A sign-in that was not as usual.
    pub unusual: Option<Unusual>,
    /// A right password that somebody typed elsewhere, and no code followed.
    pub password_known: Option<Unusual>,
    /// Whether this session began with a backup code.
    pub by_backup_code: bool,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The account will be removed: was that meant?
    RemovalPlanned(Timestamp),
    /// The steps that shut an intruder out are not all done.
    GoOnSecuring(Timestamp),
    /// No code of an app counts any more.
    CodesBlocked,
    /// Was this sign-in yours?
    UnusualSignIn(Unusual),
    /// Somebody else may know the password.
    PasswordKnown(Unusual),
    /// Were these attempts yours?
    FailedAttempts(Strangers),
    /// The phone is lost, perhaps: another one takes its place.
    ReplaceDevice,
    /// A password alone opens the account.
    TurnOnTwoFactor,
    /// A lost phone would lock the person out.
    MakeBackupCodes,
    /// Few backup codes are left.
    FewBackupCodes(i64),
    /// The codes were shown, but never said to be kept.
    SaveBackupCodes,
    /// The address of mail is not known to be theirs.
    VerifyEmail,
}

/// What to do, most pressing first; empty when all is well.
#[must_use]
pub fn advise(facts: &Facts) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(facts.removal_at.map(Advice::RemovalPlanned));
    advice.extend(facts.securing_at.map(Advice::GoOnSecuring));
    advice.extend(facts.codes_blocked.then_some(Advice::CodesBlocked));
    advice.extend(facts.unusual.clone().map(Advice::UnusualSignIn));
    advice.extend(facts.password_known.clone().map(Advice::PasswordKnown));
    advice.extend(facts.strangers.clone().map(Advice::FailedAttempts));
    if facts.two_factor && facts.by_backup_code {
        advice.push(Advice::ReplaceDevice);
    }
    if !facts.two_factor {
        advice.push(Advice::TurnOnTwoFactor);
    } else if facts.codes_made == 0 {
        advice.push(Advice::MakeBackupCodes);
    } else if facts.codes_left <= FEW_CODES {
        advice.push(Advice::FewBackupCodes(facts.codes_left));
    } else if !facts.codes_saved {
        advice.push(Advice::SaveBackupCodes);
    }
    if facts.email == Email::Unverified {
        advice.push(Advice::VerifyEmail);
    }
    advice
}

#[cfg(test)]
mod tests;
