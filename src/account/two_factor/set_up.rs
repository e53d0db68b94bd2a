//! `/account/two-factor/set-up`: scan, show a first code, keep the backup codes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::{Here, done};
use crate::app::App;
use crate::identity::two_factor::{self, Confirmed, Done, Replaces, Within};
use crate::paths;
use crate::store::credentials::{self, TotpCredential};
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, give_session};
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, Kept, RecentlySignedIn};
use crate::web::two_factor::{CodesView, SetUpView, claim, complaint};

#[derive(Serialize)]
struct SetUpPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    saved_action: &'static str,
    cancel_url: &'static str,
    /// How the form says what the app will take the place of; `None`: of nothing.
    replace: Option<String>,
    /// Whether there is another one already.
    more: bool,
    /// Whether another code was scanned before.
    another: bool,
    /// What those that it takes the place of are called.
    others: Vec<String>,
    /// Where it takes the place of one of those alone; none where there is but one.
    only: Vec<OneOf>,
    set_up: Option<SetUpView>,
    codes: Option<CodesView>,
}

/// An app that could be the only one to be replaced.
#[derive(Serialize)]
struct OneOf {
    name: String,
    url: String,
}

impl SetUpPage {
    fn of(user: &User, replace: Option<String>) -> Self {
        Self {
            shell: Shell::of(user),
            action: paths::ACCOUNT_TWO_FACTOR_SET_UP,
            saved_action: paths::ACCOUNT_TWO_FACTOR,
            cancel_url: paths::ACCOUNT_TWO_FACTOR,
            replace,
            more: false,
            another: false,
            others: Vec::new(),
            only: Vec::new(),
            set_up: None,
            codes: None,
        }
    }
}

/// What was typed so far.
#[derive(Clone, Copy, Default)]
struct Typed<'a> {
    /// The app that was scanned before its owner had to confirm; empty if that was not so.
    scanned: &'a str,
    name: &'a str,
    replace: &'a str,
}

/// Shows what to scan; the same again until it is confirmed.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    who: RecentlySignedIn,
    kept: Kept,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let asked = query.once("replace").ok().flatten();
    let replace =
        kept.get("replace").filter(|value| !value.is_empty()).or(asked).unwrap_or_default();
    let scanned = kept.get("enrolment").unwrap_or_default();
    let typed = Typed { scanned, name: kept.get("name").unwrap_or_default(), replace };
    show(&app, &browser, &who, typed, None).await
}

async fn show(
    app: &App,
    browser: &Browser,
    who: &RecentlySignedIn,
    typed: Typed<'_>,
    error: Option<String>,
) -> Result<Response, PageError> {
    let user = &who.user;
    let (within, replaces) = (Within::Session(&who.session), Replaces::read(typed.replace));
    let Some(enrolment) = two_factor::begin(app, user, within, replaces).await? else {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    };
    let mut apps = {
        let mut db = app.store.read().await?;
        credentials::list_confirmed_totp(&mut db, &user.id).await?
    };
    let more = !apps.is_empty();
    apps.retain(|one| replaces.covers(&one.id));
    // Gone meanwhile: the new one takes nothing's place.
    let replace = (!apps.is_empty()).then(|| typed.replace.to_owned());
    let only = if apps.len() > 1 { apps.iter().map(one_of).collect() } else { Vec::new() };
    let others = apps.into_iter().map(|one| one.name).collect();
    let another = !typed.scanned.is_empty() && typed.scanned != enrolment.id;
    let set_up = SetUpView::of(app, user, &enrolment, (typed.name, error))?;
    let page = shell::page(app, browser, user, "account/two_factor/set_up.html").await?;
    let page = page.status(set_up.status());
    let set_up = Some(set_up);
    let page_of = SetUpPage::of(user, replace);
    page.render(app, &SetUpPage { more, another, others, only, set_up, ..page_of })
}

fn one_of(app: &TotpCredential) -> OneOf {
    OneOf { name: app.name.clone(), url: in_place_of(&app.id) }
}

/// Where an app is set up in place of the one of this id.
pub(super) fn in_place_of(id: &str) -> String {
    format!("{}?replace={id}", paths::ACCOUNT_TWO_FACTOR_SET_UP)
}

/// Checks the first code.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    confirmed: ConfirmedForm,
) -> Result<Response, PageError> {
    let ConfirmedForm { who, form } = confirmed;
    let by = here.by(&who.user, &who.session);
    let claim = claim(&form);
    let outcome = two_factor::confirm(&app, &by, Within::Session(&who.session), &claim).await?;
    let error = complaint(&outcome);
    if let Confirmed::Done(outcome) = outcome {
        return welcome(&app, &who, &form, outcome).await;
    }
    let typed = Typed { name: claim.name, replace: form.text("replace"), ..Typed::default() };
    show(&app, &form.browser, &who, typed, error).await
}

/// The app is a factor: on to the backup codes, if they are new, under the session's new cookie.
async fn welcome(
    app: &App,
    who: &RecentlySignedIn,
    form: &PageForm,
    outcome: Done,
) -> Result<Response, PageError> {
    let user = &who.user;
    let replaces = Replaces::read(form.text("replace")) != Replaces::None;
    let mut browser = form.browser.clone();
    if let Some(token) = &outcome.token {
        browser = browser.with_session(token);
    }
    let mut response = match outcome.codes {
        None => done(if replaces { "replaced" } else { "added" }),
        Some(codes) => {
            let codes = Some(CodesView::of(app, user, codes));
            let content = SetUpPage { codes, ..SetUpPage::of(user, None) };
            shell::page(app, &browser, user, "account/two_factor/set_up.html")
                .await?
                .render(app, &content)?
        }
    };
    if let Some(token) = &outcome.token {
        give_session(app, &mut response, token, who.session.remembered_at.is_some());
    }
    Ok(response)
}
