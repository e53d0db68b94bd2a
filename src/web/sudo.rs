//! What matters is done only by who has just proven who they are: within five minutes, and with
//! every factor that the account has.
//!
//! A page takes [`RecentlySignedIn`], a form [`ConfirmedForm`]; who is not fresh is led to
//! `/account/confirm` and comes back to the page with what was typed ([`Kept`]). Each such form
//! posts to a path that is a page by GET as well, so that there is something to come back to.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::Uri;
use axum::http::request::Parts;

use crate::app::App;
use crate::keys::place;
use crate::keys::purpose::KEPT_FORMS as PURPOSE;
use crate::protocol::next_step::ACR_MFA;
use crate::protocol::parameters::Parameters;
use crate::secret::sha256;
use crate::store::kept_forms::{self, KeptForm};
use crate::store::sessions::BrowserSession;
use crate::store::{credentials, users::User};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::parameters::of_query;
use crate::web::session::{SignedIn, present, replaces, sign_in_first};

/// How long a proof is fresh (OWASP ASVS 5.0 §7.5.1).
pub const FRESH: Duration = Duration::from_mins(5);

/// How long a form waits for its sender.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// Forms that wait at most in one session.
const MOST_KEPT: i64 = 10;

/// The field of the address by which a kept form comes back.
const FIELD: &str = "kept";

/// Somebody who has just proven who they are.
#[derive(Clone, Debug)]
pub struct RecentlySignedIn {
    /// The session.
    pub session: BrowserSession,
    /// The person.
    pub user: User,
}

/// Whether the session's proof is fresh and made with every factor that the account has.
pub async fn is_fresh(app: &App, session: &BrowserSession) -> Result<bool, PageError> {
    if app.clock.now().since(session.auth_time) >= FRESH {
        return Ok(false);
    }
    let mut db = app.store.read().await?;
    Ok(session.acr == ACR_MFA || !credentials::has_second_factor(&mut db, &session.user_id).await?)
}

impl FromRequestParts<Arc<App>> for RecentlySignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let here = parts.uri.path().to_owned();
        let signed_in = present(app, &parts.headers).await?;
        let first = || sign_in_first(&here, replaces(&parts.uri));
        let SignedIn { session, user } = signed_in.ok_or_else(first)?;
        if !is_fresh(app, &session).await? {
            return Err(confirm_first(app, &session, &here, &asked(&parts.uri)).await?);
        }
        Ok(Self { session, user })
    }
}

/// A form of somebody who has just proven who they are.
pub struct ConfirmedForm {
    /// Who sent it.
    pub who: RecentlySignedIn,
    /// What was sent.
    pub form: PageForm,
}

impl FromRequest<Arc<App>> for ConfirmedForm {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        let here = request.uri().path().to_owned();
        let headers = request.headers().clone();
        // All of the form comes first: nobody is asked about who was here when it began to arrive.
        let form = PageForm::from_request(request, app).await?;
        let signed_in = present(app, &headers).await?;
        let first = || sign_in_first(&here, !form.text("replace").is_empty());
        let SignedIn { session, user } = signed_in.ok_or_else(first)?;
        if !is_fresh(app, &session).await? {
            return Err(confirm_first(app, &session, &here, &typed(&form)).await?);
        }
        Ok(Self { who: RecentlySignedIn { session, user }, form })
    }
}

/// The same for a form of which only some answers need it: sends who is not fresh to prove it,
/// and gives the form back to them afterwards.
pub async fn confirmed(
    app: &App,
    session: &BrowserSession,
    path: &'static str,
    form: &PageForm,
) -> Result<(), PageError> {
    if is_fresh(app, session).await? {
        return Ok(());
    }
    Err(confirm_first(app, session, path, &typed(form)).await?)
}

/// What a page was asked for in its address, which it finds in [`Kept`] afterwards.
fn asked(uri: &Uri) -> Vec<(String, String)> {
    let query = of_query(uri).ok().filter(|query| query.refuse_repeats().is_ok());
    let fields = query.iter().flat_map(Parameters::iter);
    fields
        .filter(|(name, _)| *name != FIELD)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What was typed, without what must not be shown again: no secret is ever written into a page.
fn typed(form: &PageForm) -> Vec<(String, String)> {
    let secret = |name: &str| name == "csrf" || name.contains("password") || name.contains("code");
    form.fields()
        .iter()
        .filter(|(name, _)| !secret(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Keeps where the person was and what was typed there, until they have confirmed.
async fn confirm_first(
    app: &App,
    session: &BrowserSession,
    path: &str,
    fields: &[(String, String)],
) -> Result<PageError, PageError> {
    let id = app.random.token("");
    let id_hash = sha256(&id);
    let fields = serde_json::to_vec(fields).map_err(|error| PageError::Fault(error.into()))?;
    let sealed_fields = app.master.seal(PURPOSE, &place_of(&id_hash), &fields)?;
    let form = KeptForm {
        id_hash,
        session_id: session.id.clone(),
        path: path.to_owned(),
        sealed_fields,
        expires_at: app.clock.now() + KEPT_FOR,
    };
    let mut db = app.store.write().await?;
    kept_forms::trim(&mut db, &session.id, MOST_KEPT - 1).await?;
    kept_forms::insert(&mut db, &form).await?;
    db.commit().await?;
    Ok(PageError::ConfirmFirst(id))
}

fn place_of(id_hash: &str) -> String {
    place("kept_forms", "sealed_fields", id_hash)
}

/// What was typed into this page before its sender had to confirm; empty if there was nothing.
#[derive(Clone, Debug, Default)]
pub struct Kept(Vec<(String, String)>);

impl Kept {
    /// The value of the field `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether anything was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromRequestParts<Arc<App>> for Kept {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, PageError> {
        let Some(id) = kept_id(&of_query(&parts.uri).map_err(|_| PageError::NotFound)?) else {
            return Ok(Self::default());
        };
        let Some(signed_in) = present(app, &parts.headers).await? else {
            return Ok(Self::default());
        };
        let here = parts.uri.path();
        let kept = find(app, &signed_in.session, &id).await?;
        Ok(kept.filter(|(path, _)| path == here).map(|(_, kept)| kept).unwrap_or_default())
    }
}

/// The id of a kept form in a query.
#[must_use]
pub fn kept_id(query: &Parameters) -> Option<String> {
    query.once(FIELD).ok().flatten().map(str::to_owned)
}

/// Where a form of this session was sent to, by its id: the page to go on with after confirming.
pub async fn destination(
    app: &App,
    session: &BrowserSession,
    id: &str,
) -> Result<Option<String>, PageError> {
    let mut db = app.store.read().await?;
    let now = app.clock.now();
    let form = kept_forms::find(&mut db, &sha256(id), &session.id, now).await?;
    Ok(form.map(|form| form.path))
}

/// The address of a page that shows what was typed into it before.
#[must_use]
pub fn back_to(path: &str, id: &str) -> String {
    format!("{path}?{FIELD}={id}")
}

/// It stays until it is over: a phone that needs its memory loads the page once more when its person
/// comes back from the authenticator app.
async fn find(
    app: &App,
    session: &BrowserSession,
    id: &str,
) -> Result<Option<(String, Kept)>, PageError> {
    let id_hash = sha256(id);
    let mut db = app.store.read().await?;
    let found = kept_forms::find(&mut db, &id_hash, &session.id, app.clock.now()).await?;
    let Some(form) = found else { return Ok(None) };
    let fields = app.master.open_sealed(PURPOSE, &place_of(&id_hash), &form.sealed_fields)?;
    let fields = serde_json::from_slice(&fields).map_err(|error| PageError::Fault(error.into()))?;
    Ok(Some((form.path, Kept(fields))))
}
