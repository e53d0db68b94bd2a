//! `/account/security/protect`: the way through for somebody who thinks that another got in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::account::show;
use crate::app::App;
use crate::identity::protect::{self, Step, Way, Word};
use crate::paths;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, whereabouts};
use crate::web::shell::Shell;
use crate::web::views::TimeView;

#[derive(Serialize)]
struct ProtectPage {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    begun: Option<TimeView>,
    steps: Vec<StepView>,
    done_count: usize,
    finished: bool,
    overview_url: &'static str,
}

#[derive(Serialize)]
struct StepView {
    title: &'static str,
    detail: String,
    done: bool,
    next: bool,
    link: &'static str,
    url: &'static str,
    /// The button's value that says "I have looked at it", where only looking helps.
    looked: Option<String>,
}

/// Shows the way, or how it would go.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let done = match query.once("done") {
        Ok(Some("password")) => Some(
            "Your password is changed, and every other browser was signed out. Go on with the next \
             step.",
        ),
        Ok(Some("begun")) => Some("Let’s go through it together. What to do next is marked."),
        _ => None,
    };
    let way = protect::find(&app, &signed_in.session).await?;
    let next = way.as_ref().and_then(Way::next);
    let steps: Vec<_> = Step::ALL.into_iter().map(|step| view(step, way.as_ref(), next)).collect();
    let content = ProtectPage {
        shell: Shell::of(&signed_in.user).done(done.filter(|_| way.is_some())),
        action: paths::ACCOUNT_PROTECT,
        begun: way.as_ref().map(|way| TimeView::of(way.begun_at, app.clock.now())),
        done_count: steps.iter().filter(|step| step.done).count(),
        finished: way.is_some() && next.is_none(),
        steps,
        overview_url: paths::ACCOUNT_SECURITY,
    };
    show(&app, &browser, &signed_in.user, "account/protect.html", &content)
}

/// A step in words, with the page where it is done.
fn view(step: Step, way: Option<&Way>, next: Option<Step>) -> StepView {
    let done = way.is_some_and(|way| way.is_done(step));
    let (title, link, url) = match step {
        Step::Sessions => {
            ("Sign out every other browser", "Active sessions", "/account/sessions?guide=1")
        }
        Step::Password => ("Choose a new password", "Change password", "/account/password?guide=1"),
        Step::TwoFactor => ("Turn on two-factor", "Two-factor", "/account/two-factor?guide=1"),
        Step::Applications => {
            ("Review connected applications", "Applications", "/account/applications?guide=1")
        }
        Step::Changes => ("Review recent changes", "Recent changes", "/account/changes?guide=1"),
    };
    StepView {
        title,
        detail: detail(step, way, done),
        done,
        next: next == Some(step),
        link,
        url,
        looked: (step.is_a_look() && way.is_some() && !done)
            .then(|| format!("looked-{}", step.name())),
    }
}

fn detail(step: Step, way: Option<&Way>, done: bool) -> String {
    match (step, done) {
        (Step::Sessions, true) => "No other browser is signed in.".into(),
        (Step::Sessions, false) => match way.map(|way| way.other_sessions) {
            Some(1) => "One other browser is signed in. Whoever sits there is out at once.".into(),
            Some(count) => {
                format!("{count} other browsers are signed in. Whoever sits there is out at once.")
            }
            None => "Whoever sits there is out at once.".into(),
        },
        (Step::Password, true) => "Your password is new.".into(),
        (Step::Password, false) => "One that you use nowhere else. Every application is \
                                    disconnected with the old one, unless you choose otherwise."
            .into(),
        (Step::TwoFactor, true) => "Your password alone opens nothing.".into(),
        (Step::TwoFactor, false) => {
            "So that a password alone never opens your account again.".into()
        }
        (Step::Applications, true) => "None is connected that you did not look at.".into(),
        (Step::Applications, false) => {
            "Disconnect each one that you do not know or do not need.".into()
        }
        (Step::Changes, true) => "You have looked at them.".into(),
        (Step::Changes, false) => {
            "Is there a change that you did not make: another email address, another authenticator?"
                .into()
        }
    }
}

/// Notes that the person begins, has looked at something, or is through.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    let word = Word::read(form.text("decision"));
    let word = word.ok_or(PageError::BadForm("The form does not say what to do."))?;
    let whereabouts = whereabouts(&app, &headers, address);
    protect::say(&app, &signed_in.session, word, &whereabouts).await?;
    Ok(match word {
        Word::Begin => see_other(&format!("{}?done=begun", paths::ACCOUNT_PROTECT)),
        Word::Looked(_) => see_other(paths::ACCOUNT_PROTECT),
        Word::Finish => see_other(paths::ACCOUNT_SECURITY),
    })
}
