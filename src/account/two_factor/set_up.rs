//! `/account/two-factor/set-up`: scan, show a first code, keep the backup codes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::{Here, done};
use crate::app::App;
use crate::identity::two_factor::{self, Confirmed, Done, Place, Within};
use crate::paths;
use crate::store::credentials;
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
    /// Whether the app will take the place of others.
    replace: bool,
    /// Whether there is another one already.
    more: bool,
    /// What those that it takes the place of are called.
    others: Vec<String>,
    set_up: Option<SetUpView>,
    codes: Option<CodesView>,
}

impl SetUpPage {
    fn of(user: &User, replace: bool) -> Self {
        Self {
            shell: Shell::of(user),
            action: paths::ACCOUNT_TWO_FACTOR_SET_UP,
            saved_action: paths::ACCOUNT_TWO_FACTOR,
            cancel_url: paths::ACCOUNT_TWO_FACTOR,
            replace,
            more: false,
            others: Vec::new(),
            set_up: None,
            codes: None,
        }
    }
}

/// What was typed so far, and what was wrong with it.
#[derive(Default)]
struct Typed<'a> {
    name: &'a str,
    replace: bool,
    error: Option<String>,
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
    let asked = |name| query.once(name).ok().flatten().is_some_and(|value| !value.is_empty());
    let replace = asked("replace") || kept.get("replace").is_some_and(|value| !value.is_empty());
    let typed = Typed { name: kept.get("name").unwrap_or_default(), replace, error: None };
    show(&app, &browser, &who, typed).await
}

async fn show(
    app: &App,
    browser: &Browser,
    who: &RecentlySignedIn,
    typed: Typed<'_>,
) -> Result<Response, PageError> {
    let user = &who.user;
    let (within, place) = (Within::Session(&who.session), Place::of(typed.replace));
    let Some(enrolment) = two_factor::begin(app, user, within, place).await? else {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    };
    let others: Vec<_> = {
        let mut db = app.store.read().await?;
        let apps = credentials::list_totp(&mut db, &user.id).await?;
        apps.into_iter().filter(|one| one.confirmed_at.is_some()).map(|one| one.name).collect()
    };
    let more = !others.is_empty();
    let set_up = SetUpView::of(app, user, &enrolment, (typed.name, typed.error))?;
    let page = shell::page(app, browser, user, "account/two_factor/set_up.html").await?;
    let page = page.status(set_up.status());
    let replace = typed.replace && more;
    let content = SetUpPage { more, others, set_up: Some(set_up), ..SetUpPage::of(user, replace) };
    page.render(app, &content)
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
    let typed = Typed { name: claim.name, replace: claim.replaces, error };
    show(&app, &form.browser, &who, typed).await
}

/// The app is a factor: on to the backup codes, if they are new, under the session's new cookie.
async fn welcome(
    app: &App,
    who: &RecentlySignedIn,
    form: &PageForm,
    outcome: Done,
) -> Result<Response, PageError> {
    let user = &who.user;
    let replaces = !form.text("replace").is_empty();
    let mut browser = form.browser.clone();
    if let Some(token) = &outcome.token {
        browser = browser.with_session(token);
    }
    let mut response = match outcome.codes {
        None => done(if replaces { "replaced" } else { "added" }),
        Some(codes) => {
            let codes = Some(CodesView::of(app, user, codes));
            let content = SetUpPage { codes, ..SetUpPage::of(user, false) };
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
