//! What people are told by mail about their accounts. Nothing is sent here: a mail is put into
//! the queue in the transaction of what it tells, so that it is told if and only if it happened.

mod outbox;
mod told;

use std::time::Duration;

use serde_json::json;

use crate::app::App;
use crate::clock::Timestamp;
use crate::mail::Letter;
use crate::paths;
use crate::secret::sha256;
use crate::store::links::{self, Link, Purpose};
use crate::store::users::User;
use crate::store::{Db, StoreError};
use crate::templates::Shared;
use told::Told;

pub use outbox::{KIND, Posted, open};

/// How long a link to choose a new password works (NIST SP 800-63B-4 §4.2.1.2 allows a day).
pub const RECOVERY_TTL: Duration = Duration::from_mins(30);
/// How long a sign-in can be called somebody else's from its mail.
const NOT_ME_TTL: Duration = Duration::from_hours(24 * 7);
/// How long a mail is tried before it is given up.
const TRIED_FOR: Duration = Duration::from_hours(24);

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
    /// Support locked the account. Why is for the audit trail alone.
    AccountLocked,
    /// Support unlocked the account.
    AccountUnlocked,
    /// Many wrong passwords: strangers are shut out for a while.
    SignInBlocked,
    /// So many wrong codes in a row that those of the person's apps are not taken any more.
    CodesBlocked,
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
    /// The account is gone.
    AccountRemoved,
    /// Mails about sign-ins are sent no more.
    SignInMailsOff,
}

impl Notice<'_> {
    /// The word for it, in templates' names and in the audit trail.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let (text, _) = told::templates(self);
        text.trim_start_matches("mail/").trim_end_matches(".txt")
    }

    /// The address it goes to, if there is one. What only tells goes to an address that nobody
    /// has proven yet as well: it is the best that is known, and better than silence. What opens
    /// an account (`Recovery`) is asked for only where the address is proven.
    fn goes_to<'a>(&'a self, user: &'a User) -> Option<&'a str> {
        match self {
            Self::EmailVerification { address, .. } => Some(address),
            Self::EmailChanged { old, .. } => Some(old),
            _ => user.email.as_deref(),
        }
    }

    /// A link that is over is not worth a mail any more.
    fn is_tried_for(&self) -> Duration {
        match self {
            Self::Recovery { .. } => RECOVERY_TTL,
            _ => TRIED_FOR,
        }
    }
}

/// Whether a sign-in from somewhere new is told by mail: there is an address, and the person wants it.
#[must_use]
pub fn tells_of_sign_ins(user: &User) -> bool {
    user.email.is_some() && user.sign_in_mails_off_at.is_none()
}

/// Tells `user` this, in the transaction `db`. A person without an address is told nothing.
pub async fn tell(
    app: &App,
    db: &mut Db,
    user: &User,
    source: Source<'_>,
    notice: Notice<'_>,
) -> Result<(), StoreError> {
    if matches!(notice, Notice::UnfamiliarSignIn { .. }) && !tells_of_sign_ins(user) {
        return Ok(());
    }
    let Some(to) = notice.goes_to(user) else { return Ok(()) };
    let mut told = Told::of(app, user, source, &notice);
    if let Notice::UnfamiliarSignIn { session_id, .. } = &notice {
        told.not_me_url = Some(not_me_link(app, db, user, session_id).await?);
    }
    let letter = write(app, to, &notice, &told).map_err(StoreError::Other)?;
    let posted = Posted { user_id: user.id.clone(), what: notice.name().to_owned(), letter };
    outbox::push(app, db, &posted, notice.is_tried_for()).await
}

/// Fills the templates of a notice.
fn write(app: &App, to: &str, notice: &Notice<'_>, told: &Told) -> anyhow::Result<Letter> {
    let (text, html) = told::templates(notice);
    let shared = Shared::default();
    let (subject, text) = told::subject_and_text(&app.templates.render(text, &shared, told)?);
    let now = app.clock.now();
    Ok(Letter {
        id: app.random.id(now),
        at: now,
        to: to.to_owned(),
        subject,
        text,
        html: app.templates.render(html, &shared, told)?,
    })
}

/// A link that ends the session, for whoever holds it and without signing in.
async fn not_me_link(
    app: &App,
    db: &mut Db,
    user: &User,
    session_id: &str,
) -> Result<String, StoreError> {
    let token = app.random.token("");
    let now = app.clock.now();
    let link = Link {
        token_hash: sha256(&token),
        purpose: Purpose::NotMe.name().to_owned(),
        user_id: user.id.clone(),
        details: json!({ "session_id": session_id }),
        created_at: now,
        expires_at: now + NOT_ME_TTL,
        used_at: None,
    };
    links::insert(db, &link).await?;
    Ok(paths::absolute(&app.config.issuer, &paths::not_me(&token)))
}
