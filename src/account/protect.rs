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
use crate::store::users::User;
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
    links: Vec<StepLink>,
    /// The button's value that says "I have looked at it", where only looking helps.
    looked: Option<String>,
}

/// A page where something of a step is done or looked at.
#[derive(Serialize)]
struct StepLink {
    text: &'static str,
    url: &'static str,
}

impl StepLink {
    fn to(text: &'static str, url: &'static str) -> Self {
        Self { text, url }
    }
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
    let user = &signed_in.user;
    let way = protect::find(&app, user, browser.session_hash()).await?;
    let next = way.as_ref().and_then(Way::next);
    let steps: Vec<_> = Step::ALL.into_iter().map(|step| view(step, user, way.as_ref())).collect();
    let content = ProtectPage {
        shell: Shell::of(user).done(done.filter(|_| way.is_some())),
        action: paths::ACCOUNT_PROTECT,
        begun: way.as_ref().map(|way| TimeView::of(way.begun_at, app.clock.now())),
        done_count: steps.iter().filter(|step| step.done).count(),
        finished: way.is_some() && next.is_none(),
        steps,
        overview_url: paths::ACCOUNT_SECURITY,
    };
    show(&app, &browser, user, "account/protect.html", &content).await
}

/// A step in words, with the pages where it is done. They stay there when it is done: it can be
/// looked at again.
fn view(step: Step, user: &User, way: Option<&Way>) -> StepView {
    let done = way.is_some_and(|way| way.is_done(step));
    let has_two_factor = way.is_some_and(|way| way.two_factor);
    let (title, links) = match step {
        Step::Sessions => {
            let to = StepLink::to("Active sessions", paths::ACCOUNT_SESSIONS);
            ("Sign out every other browser", vec![to])
        }
        Step::Password => {
            let to = StepLink::to("Change password", paths::ACCOUNT_PASSWORD);
            ("Choose a new password", vec![to])
        }
        Step::TwoFactor => {
            let to = StepLink::to("Two-factor", paths::ACCOUNT_TWO_FACTOR);
            (if has_two_factor { "Review two-factor" } else { "Turn on two-factor" }, vec![to])
        }
        Step::Applications => {
            let to = StepLink::to("Applications", paths::ACCOUNT_APPLICATIONS);
            ("Review connected applications", vec![to])
        }
        Step::Changes => {
            let changes = StepLink::to("Recent changes", paths::ACCOUNT_CHANGES);
            let email = StepLink::to("Email address", paths::ACCOUNT_EMAIL);
            ("Review recent changes", vec![changes, email])
        }
    };
    let may_look = step.is_a_look() && (step != Step::TwoFactor || has_two_factor);
    StepView {
        title,
        detail: detail(step, user, way, done),
        done,
        next: way.is_some_and(|way| way.next() == Some(step)),
        links,
        looked: (may_look && way.is_some() && !done).then(|| format!("looked-{}", step.name())),
    }
}

fn detail(step: Step, user: &User, way: Option<&Way>, done: bool) -> String {
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
        (Step::TwoFactor, false) if way.is_some_and(|way| way.two_factor) => {
            "Whoever got in may have added something. Remove authenticators that are not yours, \
             make new backup codes, and ask for codes again in browsers that you do not know."
                .into()
        }
        (Step::TwoFactor, false) => {
            "So that a password alone never opens your account again.".into()
        }
        (Step::Applications, true) => "None is connected that you did not look at.".into(),
        (Step::Applications, false) => {
            "Disconnect each one that you do not know or do not need.".into()
        }
        (Step::Changes, true) => "You have looked at them.".into(),
        (Step::Changes, false) => {
            let asked = "Is there a change that you did not make?";
            match &user.email {
                Some(email) => format!("{asked} And is {email} your own email address?"),
                None => asked.into(),
            }
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
