//! The frame of a person's own pages: who is signed in, how they want it to look, what was just done.

use serde::Serialize;

use crate::app::App;
use crate::identity::protect::{self, Step};
use crate::paths;
use crate::store::users::User;
use crate::web::appearance::Appearance;
use crate::web::error::PageError;
use crate::web::page::Page;
use crate::web::session::Browser;
use crate::web::views::{AccountView, day};

/// What `account/shell.html` shows around a page; flattened into the page's own data.
#[derive(Clone, Debug, Serialize)]
pub struct Shell {
    account: AccountView,
    sign_out_action: &'static str,
    done: Option<&'static str>,
}

impl Shell {
    /// The frame for `user`.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self { account: AccountView::of(user), sign_out_action: paths::LOGOUT, done: None }
    }

    /// With a sentence about what was just done. A form answers with a redirect to
    /// `page?done=word`; the page knows its words and gives the sentence for them, so that nothing
    /// of the address is ever shown.
    #[must_use]
    pub fn done(self, sentence: Option<&'static str>) -> Self {
        Self { done: sentence, ..self }
    }
}

/// A page of `user`'s own, with forms that this browser may send. Whoever is securing their account
/// is led back to the steps by each of them.
pub async fn page(
    app: &App,
    browser: &Browser,
    user: &User,
    template: &'static str,
) -> Result<Page, PageError> {
    let way = protect::find(app, user, browser.session_hash()).await?;
    Ok(Page::new(template)
        .forms_of(app, browser)
        .looking(Appearance::of(user))
        .until(user.removal_at.map(day))
        .securing(way.map(|way| so_far(way.next()))))
}

/// How far somebody has come in securing their account.
fn so_far(next: Option<Step>) -> String {
    let Some(step) = next else { return "all five steps are done".to_owned() };
    let what = match step {
        Step::Sessions => "sign out every other browser",
        Step::Password => "choose a new password",
        Step::TwoFactor => "two-factor",
        Step::Applications => "review connected applications",
        Step::Changes => "review recent changes",
    };
    format!("step {} of {}, {what}", step.number(), Step::ALL.len())
}
