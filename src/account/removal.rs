//! `/account/data/remove`: removing the account; `/account/data/keep`: not removing it after all.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::removal::{self, Plan};
use crate::identity::sign_in::canonical_login;
use crate::paths;
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::here::Here;
use crate::web::page::{Page, see_other};
use crate::web::session::{Browser, SignedIn, take_session};
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, Kept};
use crate::web::views::day;

#[derive(Serialize)]
struct RemovalPage<'a> {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    data_url: &'static str,
    typed: &'a str,
    error: Option<&'a str>,
    /// How long it can be called off, in words; nothing when it is done at once.
    grace: Option<String>,
    planned: Option<String>,
    keep_action: &'static str,
}

#[derive(Serialize)]
struct RemovedPage {
    sign_in_url: &'static str,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    kept: Kept,
) -> Result<Response, PageError> {
    show(&app, &browser, &user, (kept.get("username").unwrap_or_default(), None)).await
}

async fn show(
    app: &App,
    browser: &Browser,
    user: &User,
    (typed, error): (&str, Option<&str>),
) -> Result<Response, PageError> {
    let content = RemovalPage {
        shell: Shell::of(user),
        action: paths::ACCOUNT_REMOVE,
        data_url: paths::ACCOUNT_DATA,
        typed,
        error,
        grace: in_words(app.config.account.removal_grace.as_secs()),
        planned: user.removal_at.map(day),
        keep_action: paths::ACCOUNT_KEEP,
    };
    let mut page = shell::page(app, browser, user, "account/removal.html").await?;
    if error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    page.render(app, &content)
}

fn in_words(seconds: u64) -> Option<String> {
    let (count, unit) = match seconds {
        0 => return None,
        1..=7199 => (seconds.div_ceil(60), "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
}

/// Plans the removal, if the person's own name was typed.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    ConfirmedForm { who, form }: ConfirmedForm,
) -> Result<Response, PageError> {
    let typed = form.text("username");
    if canonical_login(typed).as_ref() != Some(&who.user.username_key) {
        let error = Some("That is not your username. Nothing was changed.");
        return show(&app, &form.browser, &who.user, (typed, error)).await;
    }
    match removal::plan(&app, here.act(&who.user, &who.session)).await? {
        Plan::Planned(_) => Ok(see_other(&format!("{}?done=planned", paths::ACCOUNT_DATA))),
        Plan::Removed => {
            let page = Page::new("account/removed.html");
            let mut response = page.render(&app, &RemovedPage { sign_in_url: paths::LOGIN })?;
            take_session(&app, &mut response);
            Ok(response)
        }
        Plan::LastAdministrator => {
            let error = "You are the last administrator. Make somebody else an administrator \
                         first, or nobody could look after this service.";
            show(&app, &form.browser, &who.user, (typed, Some(error))).await
        }
    }
}

/// There is nothing to see: the button is at the top of every page.
pub(super) async fn get_keep(_: SignedIn) -> Response {
    see_other(paths::ACCOUNT_DATA)
}

/// Keeps the account. No fresh proof is asked for: this takes nothing from anybody.
pub(super) async fn post_keep(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    _form: PageForm,
) -> Result<Response, PageError> {
    let called_off = removal::call_off(&app, here.act(&user, &session)).await?;
    let done = if called_off { "?done=kept" } else { "" };
    Ok(see_other(&format!("{}{done}", paths::ACCOUNT_DATA)))
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_time_to_think_is_told_in_whole_units() {
        assert_eq!(in_words(0), None);
        for (seconds, words) in
            [(30, "1 minute"), (3600, "60 minutes"), (7200, "2 hours"), (14 * 86_400, "14 days")]
        {
            assert_eq!(in_words(seconds).as_deref(), Some(words));
        }
    }
}
