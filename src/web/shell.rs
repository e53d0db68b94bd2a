//! The frame of a person's own pages: who is signed in, how they want it to look, what was just done.

use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::store::users::User;
use crate::web::appearance::Appearance;
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

/// A page of `user`'s own, with forms that this browser may send.
#[must_use]
pub fn page(app: &App, browser: &Browser, user: &User, template: &'static str) -> Page {
    Page::new(template)
        .forms_of(app, browser)
        .looking(Appearance::of(user))
        .until(user.removal_at.map(day))
}
