//! What people, applications, thieves and support do, one step at a time.
//!
//! A command names what it is about by its age ("the grant before the last one"), so that it means
//! much the same after others before it were left out: that is how a failure shrinks.

use super::world::asking::Prompt;
use super::world::grants::Presented;
use super::world::scopes::Scopes;

pub const PEOPLE: usize = 2;
pub const SEATS: usize = 3;
pub const CLIENTS: usize = 6;

/// Which password is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    Right,
    Wrong,
    /// The one before the present one.
    Old,
}

/// Which code is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// One that is good; the person waits for it if they must.
    Good,
    /// The last one once more.
    Again,
    Wrong,
    /// A backup code.
    Backup,
    /// A backup code that was used.
    BackupAgain,
    /// None: the page is left.
    Leave,
}

/// What a person answers to an application's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Allow,
    Deny,
    Leave,
}

/// What scope a refresh asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Same,
    Narrow,
    Wide,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Command {
    SignIn {
        seat: usize,
        who: usize,
        password: Password,
        code: Typed,
        remember: bool,
        trust: bool,
    },
    /// Goes on with half a sign-in.
    TypeCode {
        seat: usize,
        code: Typed,
    },
    SignOut {
        seat: usize,
    },
    Visit {
        seat: usize,
    },
    Authorize {
        seat: usize,
        who: usize,
        client: usize,
        scope: Scopes,
        how: How,
    },
    Exchange {
        back: usize,
        how: Presented,
    },
    Refresh {
        back: usize,
        older: i64,
        wish: Wish,
        stranger: bool,
    },
    Look {
        back: usize,
    },
    RevokeAccess {
        back: usize,
        stranger: bool,
    },
    RevokeRefresh {
        back: usize,
        stranger: bool,
    },
    Disconnect {
        seat: usize,
        client: usize,
    },
    DisconnectAll {
        seat: usize,
    },
    EndSession {
        seat: usize,
        back: usize,
    },
    EndOthers {
        seat: usize,
    },
    Confirm {
        seat: usize,
        right: bool,
        code: Typed,
    },
    ChangePassword {
        seat: usize,
        right: bool,
        end_applications: bool,
    },
    /// Sets up an authenticator app, or puts another in its place.
    SetUp {
        seat: usize,
    },
    TurnOff {
        seat: usize,
    },
    PlanRemoval {
        seat: usize,
    },
    Keep {
        seat: usize,
    },
    Support {
        who: usize,
        act: Act,
    },
    /// A new password by a mailed link.
    Recover {
        who: usize,
    },
    /// An application, or the machine after the last of them, is switched on or off.
    Switch {
        client: usize,
        on: bool,
    },
    /// The machine asks for a token in its own name, or revokes its last one.
    Machine {
        revoke: bool,
    },
    /// Wrong passwords, as many as it says; from a browser of nobody's if no seat is named.
    Flood {
        who: usize,
        seat: Option<usize>,
        tries: usize,
    },
    Housekeeping,
    Wait {
        seconds: i64,
    },
}

/// How an application asks, and what the person does about it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub prompt: Prompt,
    pub max_age: Option<i64>,
    pub code: Typed,
    pub answer: Answer,
}

/// What support does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Lock,
    Unlock,
    SignOut,
    SetPassword,
    ResetTwoFactor,
    Remove,
}
