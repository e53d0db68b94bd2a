//! `/login/two-factor/set-up`: who must have two-factor and has none sets it up before anything
//! opens. The sign-in stays an interaction until the backup codes are put away.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use super::two_factor::{begin_anew, owing};
use crate::app::App;
use crate::identity::sessions::{Method, Proof, Whereabouts};
use crate::identity::sign_in::attempt_of;
use crate::identity::two_factor::{self, By, Confirmed, Replaces, Within};
use crate::paths;
use crate::protocol::next_step::ACR_MFA;
use crate::store::pending_sign_ins::{self, PendingSignIn};
use crate::store::users::User;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::steps::{Anew, Entry, Onward, deny, enter, page_of};
use crate::web::two_factor::{CodesView, SetUpView, claim, complaint};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
struct SetUpPage<'a> {
    action: &'a str,
    request: &'a str,
    to: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    set_up: Option<SetUpView>,
    codes: Option<CodesView>,
    cancel: bool,
}

/// A sign-in that must set two-factor up.
struct Scene<'a> {
    app: &'a App,
    browser: &'a Browser,
    onward: &'a Onward,
    pending: &'a PendingSignIn,
    user: &'a User,
}

/// Shows what to scan; the same again until it is confirmed.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    browser: Browser,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let text = |name| query.once(name).ok().flatten().unwrap_or_default();
    let onward = Onward::read(&app, &browser, text("request"), text("to")).await?;
    let Some((pending, user)) = owner(&app, &headers).await? else {
        return Ok(begin_anew(&app, &onward, Anew::Over));
    };
    let scene =
        Scene { app: &app, browser: &browser, onward: &onward, pending: &pending, user: &user };
    show(&scene, "", None).await
}

/// Who owes the set-up in this browser; nobody whom no rule demands it of.
async fn owner(app: &App, headers: &HeaderMap) -> Result<Option<(PendingSignIn, User)>, PageError> {
    let Some(pending) = owing(app, headers).await? else { return Ok(None) };
    let user = two_factor::person(app, &pending).await?;
    let user = user.filter(|user| user.locked_at.is_none() && two_factor::is_required(app, user));
    Ok(user.map(|user| (pending, user)))
}

async fn show(scene: &Scene<'_>, name: &str, error: Option<String>) -> Result<Response, PageError> {
    let Scene { app, onward, pending, user, .. } = *scene;
    let Some(enrolment) =
        two_factor::begin(app, user, Within::SignIn(pending), Replaces::None).await?
    else {
        // There is a factor meanwhile: it must be shown.
        return Ok(see_other(&onward.step(paths::LOGIN_TWO_FACTOR)));
    };
    let set_up = SetUpView::of(app, user, &enrolment, (name, error))?;
    let (page, content) = prepare(scene).await?;
    let page = page.status(set_up.status());
    page.render(app, &SetUpPage { set_up: Some(set_up), ..content })
}

async fn prepare<'a>(scene: &Scene<'a>) -> Result<(Page, SetUpPage<'a>), PageError> {
    let Scene { app, browser, onward, user, .. } = *scene;
    let template = "sign_in/two_factor_set_up.html";
    let (page, client) = page_of(app, browser, template, onward.pending()).await?;
    let content = SetUpPage {
        action: paths::LOGIN_TWO_FACTOR_SET_UP,
        request: onward.request_id(),
        to: onward.page(),
        account: AccountView::of(user),
        application: client.as_deref().map(ApplicationView::of),
        set_up: None,
        codes: None,
        cancel: onward.pending().is_some(),
    };
    Ok((page, content))
}

/// Checks the first code, and then takes the word that the backup codes are kept.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let onward = Onward::read(&app, &form.browser, form.text("request"), form.text("to")).await?;
    if form.text("decision") == "deny"
        && let Some(pending) = onward.pending()
    {
        return Ok(see_other(&deny(&app, pending, None).await?));
    }
    let Some((pending, user)) = owner(&app, &headers).await? else {
        return Ok(begin_anew(&app, &onward, Anew::Over));
    };
    let scene = Scene {
        app: &app,
        browser: &form.browser,
        onward: &onward,
        pending: &pending,
        user: &user,
    };
    let whereabouts = whereabouts(&app, &headers, address);
    if !form.text("saved").is_empty() {
        return go_on(&scene, signed_in.as_ref(), &whereabouts).await;
    }
    let by = By { user: &user, session: None, whereabouts: &whereabouts };
    let claim = claim(&form);
    let outcome = two_factor::confirm(&app, &by, Within::SignIn(&pending), &claim).await?;
    let error = complaint(&outcome);
    let Confirmed::Done(outcome) = outcome else { return show(&scene, claim.name, error).await };
    let codes = CodesView::of(&app, &user, outcome.codes.unwrap_or_default());
    let (page, content) = prepare(&scene).await?;
    page.render(&app, &SetUpPage { codes: Some(codes), ..content })
}

/// Signs in who has shown a password and, when setting up, a code. Whoever says so without having
/// done it is led to what is missing.
async fn go_on(
    scene: &Scene<'_>,
    signed_in: Option<&SignedIn>,
    whereabouts: &Whereabouts,
) -> Result<Response, PageError> {
    let Scene { app, onward, pending, user, .. } = *scene;
    let proven_at = {
        let mut db = app.store.read().await?;
        pending_sign_ins::proven_at(&mut db, &pending.id_hash, app.clock.now()).await?
    };
    let Some(at) = proven_at else {
        return Ok(see_other(&onward.step(paths::LOGIN_TWO_FACTOR_SET_UP)));
    };
    two_factor::mark_saved(app, &By { user, session: None, whereabouts }).await?;
    let proof = Proof {
        method: Method::Totp,
        attempt: Some(attempt_of(pending)),
        amr: "pwd otp mfa".into(),
        acr: ACR_MFA.into(),
        at,
    };
    let before = signed_in.map(|signed_in| &signed_in.session);
    let remembered = pending.remembered_at.is_some();
    let entry = Entry {
        user,
        proof: &proof,
        whereabouts,
        before,
        remembered,
        hash: None,
        pending: Some(&pending.id_hash),
        trusts: false,
    };
    enter(app, &entry, onward).await
}
