//! Who is calling: the browser, the session it is signed in to, the forms that belong to both.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::identity::sessions::{self, Whereabouts};
use crate::keys::Mac;
use crate::paths;
use crate::secret::{equal, sha256};
use crate::store::devices::AT_ONCE;
use crate::store::sessions::BrowserSession;
use crate::store::users::User;
use crate::web::cookies::{self, Name};
use crate::web::error::PageError;
use crate::web::parameters::of_query;

/// A browser that is signed in, and who sits before it.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: BrowserSession,
    /// The person.
    pub user: User,
}

/// The session of the request's cookie, if it is alive; the person has done something in it.
pub async fn present(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, PageError> {
    let found = passing(app, headers).await?;
    if let Some(signed_in) = &found {
        sessions::keep_alive(app, &signed_in.session).await?;
    }
    Ok(found)
}

async fn passing(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, PageError> {
    let Some(token) = cookies::read(app, headers, Name::Session) else { return Ok(None) };
    let found = sessions::find(app, &token).await?;
    Ok(found.map(|(session, user)| SignedIn { session, user }))
}

/// Leads to the sign-in and back to the page at `path`. Of what it was asked for it keeps one thing:
/// that an app shall take the place of others, not stand beside a phone that is lost.
#[must_use]
pub fn sign_in_first(path: &str, replaces: bool) -> PageError {
    let sets_up = path == paths::ACCOUNT_TWO_FACTOR_SET_UP;
    let page = if sets_up && replaces { paths::account_two_factor_replace() } else { path };
    PageError::SignInFirst(page.to_owned())
}

/// Whether an address asks for an app in place of others.
#[must_use]
pub fn replaces(uri: &Uri) -> bool {
    let query = of_query(uri).ok();
    let word = query.as_ref().and_then(|query| query.once("replace").ok().flatten());
    word.is_some_and(|word| !word.is_empty())
}

/// Who is signed in, where it may be that a program sends the browser by without the person: that
/// alone does not keep the session alive.
#[derive(Clone, Debug)]
pub struct Passing(pub Option<SignedIn>);

impl FromRequestParts<Arc<App>> for Passing {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        passing(app, &parts.headers).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let first = || sign_in_first(parts.uri.path(), replaces(&parts.uri));
        present(app, &parts.headers).await?.ok_or_else(first)
    }
}

impl OptionalFromRequestParts<Arc<App>> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Option<Self>, PageError> {
        present(app, &parts.headers).await
    }
}

/// A browser, signed in or not, as its own cookie names it.
#[derive(Clone, Debug)]
pub struct Browser {
    token: String,
    fresh: bool,
    session_hash: Option<String>,
}

impl Browser {
    /// Whether it came without our cookie.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.fresh
    }

    /// What requests in progress are bound to: the hash of the browser's cookie.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256(&self.token)
    }

    /// The hash of the session's cookie; empty without one.
    #[must_use]
    pub fn session_hash(&self) -> &str {
        self.session_hash.as_deref().unwrap_or_default()
    }

    /// The value that each form must bring back: bound to this browser and to its session, so
    /// that it is worth nothing elsewhere and nothing after signing in or out.
    #[must_use]
    pub fn csrf(&self, app: &App) -> String {
        let session = self.session_hash.as_deref().unwrap_or_default();
        let bound = format!("{}|{session}", self.token);
        URL_SAFE_NO_PAD.encode(app.lasting.mac(Mac::Form, bound.as_bytes()))
    }

    /// The same browser, after its session got this token: for forms in the answer that brings the
    /// new cookie along.
    #[must_use]
    pub fn with_session(self, token: &str) -> Self {
        Self { session_hash: Some(sha256(token)), ..self }
    }

    /// Whether `token` is this browser's form token.
    #[must_use]
    pub fn accepts(&self, app: &App, token: &str) -> bool {
        !self.fresh && equal(&self.csrf(app), token)
    }

    /// Gives the browser its cookie with `response` if it came without one.
    pub fn remember(&self, app: &App, response: &mut Response) {
        if self.fresh {
            add_cookie(response, cookies::set(app, Name::Browser, &self.token, None));
        }
    }
}

impl FromRequestParts<Arc<App>> for Browser {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        Ok(browser(app, &parts.headers))
    }
}

/// The browser that sent `headers`, or a new one.
#[must_use]
pub fn browser(app: &App, headers: &HeaderMap) -> Browser {
    let known = cookies::read(app, headers, Name::Browser).filter(|token| token.len() == 43);
    let fresh = known.is_none();
    Browser {
        token: known.unwrap_or_else(|| app.random.token("")),
        fresh,
        session_hash: cookies::read(app, headers, Name::Session).map(|token| sha256(&token)),
    }
}

/// Adds a `Set-Cookie` to `response`.
pub fn add_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Gives the browser the cookie of the session that it has just been signed in to.
pub fn give_session(app: &App, response: &mut Response, token: &str, remembered: bool) {
    let lasts = remembered.then_some(*app.config.sessions.remember_absolute);
    add_cookie(response, cookies::set(app, Name::Session, token, lasts));
    add_cookie(response, cookies::clear(app, Name::PendingSignIn));
}

/// How long a browser is remembered after its last sign-in: the longest that browsers keep a cookie.
pub const DEVICE_TTL: Duration = Duration::from_hours(24 * 400);

/// Where the request comes from: address, browser, and the device if it is no stranger.
#[must_use]
pub fn whereabouts(app: &App, headers: &HeaderMap, address: std::net::IpAddr) -> Whereabouts {
    Whereabouts {
        address: address.to_canonical().to_string(),
        user_agent: user_agent(headers),
        devices: devices(app, headers),
    }
}

/// The tokens of the accounts that know the browser which sent `headers`.
#[must_use]
pub fn devices(app: &App, headers: &HeaderMap) -> Vec<String> {
    let held = cookies::read(app, headers, Name::Device).unwrap_or_default();
    held.split('.').filter(|token| token.len() == 43).take(AT_ONCE).map(str::to_owned).collect()
}

/// Gives the browser these tokens for its next sign-ins.
pub fn give_devices(app: &App, response: &mut Response, tokens: &[String]) {
    let (held, lasts) = (tokens.join("."), Some(DEVICE_TTL));
    add_cookie(response, cookies::set(app, Name::Device, &held, lasts));
}

/// Takes every cookie of a signed-in browser away.
pub fn take_session(app: &App, response: &mut Response) {
    add_cookie(response, cookies::clear(app, Name::Session));
    add_cookie(response, cookies::clear(app, Name::PendingSignIn));
}

/// The address and the device a request came from, as the history keeps them.
#[must_use]
pub fn user_agent(headers: &HeaderMap) -> String {
    let sent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    sent.unwrap_or_default().chars().filter(|c| !c.is_control()).take(256).collect()
}
