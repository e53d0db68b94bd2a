//! What the steps of a sign-in share: the request they belong to, and where they go on.

use std::sync::Arc;

use axum::response::Response;

use crate::app::App;
use crate::identity::sessions::{self, Whereabouts};
use crate::identity::sign_in::PENDING_TTL;
use crate::identity::two_factor::{self, By};
use crate::identity::{attempts, browsers, familiarity, temporary_password};
use crate::paths;
use crate::store::authorization_requests::{self as requests, PendingAuthorization};
use crate::store::clients::ClientRecord;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::page::{Page, see_other};
use crate::web::session::{Browser, add_cookie, give_devices, give_session};

/// Where a step goes on: to an authorization request, or to a page of the account.
#[derive(Clone, Debug)]
pub enum Onward {
    /// The request in progress, which belongs to this browser.
    Request(Box<PendingAuthorization>),
    /// One of our own pages.
    Page(&'static str),
}

impl Onward {
    /// Reads `request` (an id) and `to` (one of our own pages; anything else counts as none).
    pub async fn read(
        app: &App,
        browser: &Browser,
        request: &str,
        to: &str,
    ) -> Result<Self, PageError> {
        if request.is_empty() {
            return Ok(Self::Page(paths::own_page(to).unwrap_or(paths::ACCOUNT_SECURITY)));
        }
        let mut db = app.store.read().await?;
        let found = requests::find(&mut db, request, &browser.hash(), app.clock.now()).await?;
        found.map(|pending| Self::Request(Box::new(pending))).ok_or(PageError::RequestGone)
    }

    /// Only an authorization request will do.
    pub async fn request(
        app: &App,
        browser: &Browser,
        request: &str,
    ) -> Result<PendingAuthorization, PageError> {
        match Self::read(app, browser, request, "").await? {
            Self::Request(pending) if !request.is_empty() => Ok(*pending),
            _ => Err(PageError::RequestGone),
        }
    }

    /// The address to go on to.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Request(pending) => paths::resume(&pending.id),
            Self::Page(page) => (*page).to_owned(),
        }
    }

    /// The address of the step at `path` for this.
    #[must_use]
    pub fn step(&self, path: &str) -> String {
        match self {
            Self::Request(pending) => format!("{path}?request={}", pending.id),
            Self::Page(page) => format!("{path}?to={page}"),
        }
    }

    /// The request, if there is one.
    #[must_use]
    pub fn pending(&self) -> Option<&PendingAuthorization> {
        match self {
            Self::Request(pending) => Some(pending),
            Self::Page(_) => None,
        }
    }

    /// The id of the request for a form's hidden field; empty without one.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.pending().map_or("", |pending| &pending.id)
    }

    /// The page for a form's hidden field; empty with a request.
    #[must_use]
    pub fn page(&self) -> &str {
        match self {
            Self::Request(_) => "",
            Self::Page(page) => page,
        }
    }
}

/// Why a sign-in begins anew. The address says it by a word, the page by a sentence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It took too long, or too many tries.
    Over,
    /// A new password or a lock came first: what was proven is worth nothing.
    Overtaken,
}

impl Anew {
    const ALL: [Self; 2] = [Self::Over, Self::Overtaken];

    fn word(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Overtaken => "overtaken",
        }
    }

    /// What the word in an address means; whatever else somebody wrote there is nothing.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }

    /// What the person is told.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Over => "That took too long or too many tries. Please sign in again.",
            Self::Overtaken => {
                "Your account was changed while you were signing in. Please sign in again."
            }
        }
    }

    /// The address of the sign-in page that says so, and goes on to the same.
    #[must_use]
    pub fn address(self, onward: &Onward) -> String {
        format!("{}&done={}", onward.step(paths::LOGIN), self.word())
    }
}

/// A page of a step, and the application that waits for it: its forms may lead there.
pub async fn page_of(
    app: &App,
    browser: &Browser,
    template: &'static str,
    pending: Option<&PendingAuthorization>,
) -> Result<(Page, Option<Arc<ClientRecord>>), PageError> {
    let page = Page::new(template).forms_of(app, browser);
    let Some(pending) = pending else { return Ok((page, None)) };
    let client = app.store.client(&pending.client_id).await?.ok_or(PageError::RequestGone)?;
    Ok((page.answering(&pending.request.redirect_uri), Some(client)))
}

/// Marks a request as denied by the person, and gives the address to go on to.
pub async fn deny(
    app: &App,
    pending: &PendingAuthorization,
    user_id: Option<&str>,
) -> Result<String, PageError> {
    let mut db = app.store.write().await?;
    requests::decide(&mut db, &pending.id, "denied", user_id, app.clock.now()).await?;
    db.commit().await?;
    Ok(paths::resume(&pending.id))
}

/// Somebody who has proven all they had to.
pub type Entry<'a> = sessions::Arrival<'a>;

/// Signs the browser in, and sends it on; whoever came by a temporary password chooses another one
/// first.
pub async fn enter(app: &App, entry: &Entry<'_>, onward: &Onward) -> Result<Response, PageError> {
    let judgement = {
        // As the browser came: with the token that it is given below every browser would be known.
        let mut db = app.store.read().await?;
        familiarity::assess(app, &mut db, &entry.user.id, entry.whereabouts).await?
    };
    let client_id = onward.pending().map(|pending| pending.client_id.as_str());
    let mut db = app.store.write().await?;
    if !sessions::still_stands(&mut db, entry).await? {
        return Ok(see_other(&Anew::Overtaken.address(onward)));
    }
    if temporary_password::must_change(&mut db, &entry.user.id).await? {
        // Whatever else was proven: somebody else knows this password.
        let token = temporary_password::owe(app, &mut db, entry, (client_id, &judgement)).await?;
        db.commit().await?;
        let mut response = see_other(&onward.step(paths::LOGIN_CHANGE_PASSWORD));
        let lasts = Some(PENDING_TTL);
        add_cookie(&mut response, cookies::set(app, Name::PendingSignIn, &token, lasts));
        return Ok(response);
    }
    let devices = browsers::recognize(app, &mut db, entry).await?;
    let whereabouts = Whereabouts { devices: devices.clone(), ..entry.whereabouts.clone() };
    let entry = &Entry { whereabouts: &whereabouts, ..*entry };
    let (token, session) = sessions::start(app, &mut db, entry).await?;
    attempts::succeeded(app, &mut db, entry, (&session, client_id), &judgement).await?;
    if entry.trusts {
        let by = By { user: entry.user, session: None, whereabouts: &whereabouts };
        two_factor::trust(app, &mut db, &by).await?;
    }
    if let Some(pending) = onward.pending() {
        // Who has just signed in has chosen the account by doing so.
        requests::select_account(&mut db, &pending.id, entry.proof.at).await?;
    }
    db.commit().await?;
    let mut response = see_other(&onward.address());
    give_session(app, &mut response, &token, session.remembered_at.is_some());
    give_devices(app, &mut response, &devices);
    Ok(response)
}
