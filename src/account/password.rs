//! `/account/password`: choosing a new password, knowing the old one.
//!
//! The form carries its own proof: the old password, and a code where the account has a second
//! factor and the session has not just shown one. So nobody is asked for the same thing twice.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::account::confirm::{Refusal, add_retry_after};
use crate::app::App;
use crate::hashing::HashingError;
use crate::identity::confirm::{self, Attempt, Confirmation};
use crate::identity::password::{self, Rules, Weakness, names_of};
use crate::identity::password_change::{self, Change, Changed, Ended};
use crate::identity::protect;
use crate::identity::sessions::{Proof, Whereabouts};
use crate::paths;
use crate::store::events::Event;
use crate::store::{consents, credentials, recent_events};
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::password_rules::{RuleView, rules, sentence};
use crate::web::session::{Browser, SignedIn, give_session, whereabouts};
use crate::web::shell::{self, Shell};
use crate::web::sudo::is_fresh;
use crate::web::views::TimeView;

/// For so long the page tells what a change has ended.
const TOLD_FOR: Duration = Duration::from_mins(5);

#[derive(Serialize)]
struct PasswordPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    check_url: &'static str,
    recover_url: String,
    asks_for_code: bool,
    rules: Vec<RuleView>,
    problems: Vec<String>,
    error: Option<String>,
    /// Which fields are not right: "current", "code", "proof" (either of both) or "again".
    wrong: &'static str,
    changed: Option<Vec<String>>,
    set: Option<TimeView>,
    applications: usize,
    end_applications: bool,
}

/// What the page shows beside the form itself.
#[derive(Default)]
struct Shown {
    end_applications: bool,
    seen: Option<Vec<Weakness>>,
    refusal: Option<Refusal>,
    wrong: &'static str,
    changed: Option<Ended>,
}

/// Shows the form, and what a change has just ended.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let guide = is_guided(&app, &signed_in);
    let changed = match query.once("done") {
        Ok(Some("changed")) => just_ended(&app, &signed_in).await?,
        _ => None,
    };
    let shown = Shown { end_applications: guide, changed, ..Shown::default() };
    show(&app, &browser, &signed_in, shown).await
}

/// Whether the person is on the way through after a break-in. Then every application ends with the
/// old password, unless they choose otherwise, and the next step comes after it.
fn is_guided(app: &App, signed_in: &SignedIn) -> bool {
    protect::begun_at(&signed_in.user, app.clock.now()).is_some()
}

/// What the change that was made in this session a moment ago has ended.
async fn just_ended(app: &App, signed_in: &SignedIn) -> Result<Option<Ended>, PageError> {
    let since = app.clock.now() - TOLD_FOR;
    let mut db = app.store.read().await?;
    let user_id = &signed_in.user.id;
    let made = recent_events::of_kind(&mut db, user_id, "password_changed", since, 5).await?;
    let here = |one: &Event| one.session_id.as_ref() == Some(&signed_in.session.id);
    let here = made.into_iter().find(here);
    Ok(here.map(|one| serde_json::from_value(one.details).unwrap_or_default()))
}

async fn show(
    app: &App,
    browser: &Browser,
    signed_in: &SignedIn,
    shown: Shown,
) -> Result<Response, PageError> {
    let SignedIn { session, user } = signed_in;
    let asks_for_code =
        confirm::asks_for_code(app, &user.id).await? && !is_fresh(app, session).await?;
    let (set, applications) = {
        let mut db = app.store.read().await?;
        let set = credentials::find(&mut db, &user.id).await?;
        (set, consents::list(&mut db, &user.id).await?.len())
    };
    let mut page = shell::page(app, browser, user, "account/password.html").await?.connecting();
    let retry_after = shown.refusal.as_ref().and_then(|refusal| refusal.retry_after);
    if let Some(refusal) = &shown.refusal {
        page = page.status(refusal.status);
    }
    let problems = shown.seen.as_deref().unwrap_or_default();
    let content = PasswordPage {
        shell: Shell::of(user),
        action: paths::ACCOUNT_PASSWORD,
        check_url: paths::ACCOUNT_PASSWORD_CHECK,
        recover_url: format!("{}?to={}", paths::RECOVER, paths::ACCOUNT_PASSWORD),
        asks_for_code,
        rules: rules(&Rules::of(app), shown.seen.as_deref()),
        problems: problems.iter().map(|problem| sentence(*problem)).collect(),
        error: shown.refusal.map(|refusal| refusal.sentence),
        wrong: shown.wrong,
        changed: shown.changed.map(told),
        set: set.map(|set| TimeView::of(set.set_at, app.clock.now())),
        applications,
        end_applications: shown.end_applications,
    };
    let mut response = page.render(app, &content)?;
    add_retry_after(&mut response, retry_after);
    Ok(response)
}

/// What ended, a sentence for each kind.
fn told(ended: Ended) -> Vec<String> {
    let count = |count: u64, one: &str, many: &str| match count {
        0 => None,
        1 => Some(one.to_owned()),
        _ => Some(format!("{count} {many}")),
    };
    let browsers = count(
        ended.sessions,
        "One other browser was signed out.",
        "other browsers were signed out.",
    );
    let applications = count(
        ended.applications,
        "One application was disconnected, and can do nothing until you let it in again.",
        "applications were disconnected, and can do nothing until you let them in again.",
    );
    let trusted = count(
        ended.trusted_browsers,
        "One browser that you trusted will ask for a code again.",
        "browsers that you trusted will ask for a code again.",
    );
    let nobody = browsers.is_none().then(|| "No other browser was signed in.".to_owned());
    [nobody, browsers, applications, trusted].into_iter().flatten().collect()
}

/// Checks all that was typed, and changes the password.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let end_applications = !form.text("end_applications").is_empty();
    let shown = Shown { end_applications, ..Shown::default() };
    let problems = problems(&app, &signed_in, &form);
    let unlike = form.text("new_password") != form.text("new_password_again");
    if unlike || !problems.is_empty() {
        let sentence = if problems.is_empty() {
            "The two new passwords are not the same. Nothing was changed."
        } else {
            "This password cannot be used. Nothing was changed."
        };
        let wrong = if problems.is_empty() { "again" } else { "" };
        let refusal = Some(refused(sentence));
        let shown = Shown { refusal, wrong, seen: Some(problems), ..shown };
        return show(&app, &form.browser, &signed_in, shown).await;
    }
    let whereabouts = whereabouts(&app, &headers, address);
    let code_is_known = is_fresh(&app, &signed_in.session).await?;
    let owes_code = !code_is_known && confirm::asks_for_code(&app, &signed_in.user.id).await?;
    if owes_code && form.text("code").trim().is_empty() {
        // The page was opened when none was owed: nobody typed anything wrong, and nothing counts.
        let sentence = "It has been a while since you confirmed that it is you, so a code is needed \
                        as well. Nothing was changed.";
        let shown = Shown { refusal: Some(refused(sentence)), wrong: "code", ..shown };
        return show(&app, &form.browser, &signed_in, shown).await;
    }
    let attempt = Attempt {
        session: &signed_in.session,
        user: &signed_in.user,
        password: form.text("password").into(),
        code: form.text("code"),
        code_is_known,
        whereabouts: &whereabouts,
    };
    let refusal = match confirm::confirm(&app, &attempt).await? {
        Confirmation::Proven { proof, hash } => {
            let proven = Proven { proof: &proof, old_hash: &hash, whereabouts: &whereabouts };
            match save(&app, &signed_in, &form, &proven).await? {
                Some(token) => return Ok(saved(&app, &signed_in, &token)),
                None => refused(
                    "The password was changed elsewhere meanwhile. Nothing was changed here.",
                ),
            }
        }
        Confirmation::Wrong if owes_code => Refusal::wrong(true),
        Confirmation::Wrong => refused("The current password is not right."),
        Confirmation::Closed { until } => Refusal::closed(until, app.clock.now()),
        Confirmation::Busy => return Err(PageError::Busy { retry_after: Duration::from_secs(1) }),
    };
    let wrong = if owes_code { "proof" } else { "current" };
    show(&app, &form.browser, &signed_in, Shown { refusal: Some(refusal), wrong, ..shown }).await
}

fn refused(sentence: &str) -> Refusal {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Refusal { status, sentence: sentence.into(), retry_after: None }
}

/// What is wrong with the new password, the old one as typed in mind.
fn problems(app: &App, signed_in: &SignedIn, form: &PageForm) -> Vec<Weakness> {
    let (old, new) = (form.text("password"), form.text("new_password"));
    let mut problems = Rules::of(app).problems(new, &names_of(&signed_in.user));
    let normal = password::normalize(new);
    if normal.is_some() && normal == password::normalize(old) {
        problems.push(Weakness::Unchanged);
    }
    problems
}

/// What was proven for the change.
struct Proven<'a> {
    proof: &'a Proof,
    old_hash: &'a str,
    whereabouts: &'a Whereabouts,
}

/// Gives the session's new token; `None` when another change came first.
async fn save(
    app: &App,
    signed_in: &SignedIn,
    form: &PageForm,
    proven: &Proven<'_>,
) -> Result<Option<String>, PageError> {
    let Some(new) = password::normalize(form.text("new_password")) else { return Ok(None) };
    let busy = PageError::Busy { retry_after: Duration::from_secs(1) };
    let Ok(place) = app.hasher.reserve() else { return Err(busy) };
    let new_hash = match app.hasher.hash(&place, new.into(), &app.random).await {
        Ok(hash) => hash,
        Err(HashingError::Busy) => return Err(busy),
        Err(HashingError::Fault(fault)) => return Err(fault.into()),
    };
    let change = Change {
        session: &signed_in.session,
        user: &signed_in.user,
        proof: proven.proof,
        old_hash: proven.old_hash,
        new_hash,
        end_applications: !form.text("end_applications").is_empty(),
        whereabouts: proven.whereabouts,
    };
    Ok(match password_change::change(app, change).await? {
        Changed::Done { token } => Some(token),
        Changed::Overtaken => None,
    })
}

fn saved(app: &App, signed_in: &SignedIn, token: &str) -> Response {
    let onward = if is_guided(app, signed_in) {
        format!("{}?done=password", paths::ACCOUNT_PROTECT)
    } else {
        format!("{}?done=changed", paths::ACCOUNT_PASSWORD)
    };
    let mut response = see_other(&onward);
    give_session(app, &mut response, token, signed_in.session.remembered_at.is_some());
    response
}
