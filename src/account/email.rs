//! `/account/profile/email`: changing or proving the address of mail.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::identity::email::{self, Asked, Held};
use crate::paths;
use crate::store::users::User;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::here::Here;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::sudo::{ConfirmedForm, Kept};

#[derive(Serialize)]
struct EmailPage<'a> {
    #[serde(flatten)]
    shell: Shell,
    action: &'static str,
    profile_url: &'static str,
    typed: &'a str,
    error: Option<&'a str>,
    /// Which form it is about: "again", "verify" or "".
    pressed: &'a str,
    pending: Option<String>,
}

#[derive(Serialize)]
struct LinkPage {
    #[serde(flatten)]
    shell: Shell,
    action: String,
    email_url: &'static str,
    address: Option<String>,
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
    here: Here,
    kept: Kept,
) -> Result<Response, PageError> {
    let done = match here.query("done") {
        "sent" => Some("A link is on its way. Open it within 24 hours."),
        "canceled" => Some("The change was canceled. The link that was sent is worth nothing now."),
        "changed" => Some("Your email address is confirmed."),
        _ => press_again(&kept),
    };
    let typed = kept.get("email").unwrap_or_default();
    let shown = Shown { typed, error: None, pressed: "", done };
    show(&app, &browser, &user, shown).await
}

/// Whoever was asked to confirm who they are is told that their button has yet to be pressed again.
fn press_again(kept: &Kept) -> Option<&'static str> {
    Some(match kept.get("do") {
        Some("again") => {
            "You have confirmed who you are. Press “Send it once more” again, and it is sent."
        }
        Some("cancel") => {
            "You have confirmed who you are. Press “Cancel this” again, and it is canceled."
        }
        Some("verify") => {
            "You have confirmed who you are. Press “Confirm this address” again, and a link is sent."
        }
        _ if kept.is_empty() => return None,
        _ => "You have confirmed who you are. Press “Send a link” again, and it is sent.",
    })
}

struct Shown<'a> {
    typed: &'a str,
    error: Option<&'a str>,
    pressed: &'a str,
    done: Option<&'static str>,
}

async fn show(
    app: &App,
    browser: &Browser,
    user: &User,
    Shown { typed, error, pressed, done }: Shown<'_>,
) -> Result<Response, PageError> {
    let content = EmailPage {
        shell: Shell::of(user).done(done),
        action: paths::ACCOUNT_EMAIL,
        profile_url: paths::ACCOUNT_PROFILE,
        typed,
        error,
        pressed,
        pending: email::pending(app, user).await?,
    };
    let mut page = shell::page(app, browser, user, "account/email.html").await?;
    if error.is_some() {
        page = page.status(StatusCode::UNPROCESSABLE_ENTITY);
    }
    page.render(app, &content)
}

/// Asks for a link to a new address, to the present one, or once more; or cancels.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    here: Here,
    ConfirmedForm { who, form }: ConfirmedForm,
) -> Result<Response, PageError> {
    let back = |done| Ok(see_other(&format!("{}?done={done}", paths::ACCOUNT_EMAIL)));
    let wanted = match form.text("do") {
        "cancel" => {
            email::cancel(&app, here.act(&who.user, &who.session)).await?;
            return back("canceled");
        }
        "again" => email::pending(&app, &who.user).await?.unwrap_or_default(),
        "verify" => who.user.email.clone().unwrap_or_default(),
        _ => form.text("email").to_owned(),
    };
    let error = match email::ask(&app, here.act(&who.user, &who.session), &wanted).await? {
        Asked::Sent { .. } => return back("sent"),
        Asked::Same => "This is your address already, and it is confirmed.",
        Asked::NoAddress => "This is not an email address. It looks like name@example.com.",
        Asked::TooMany => "Several links were sent within an hour. Wait a while, then try again.",
    };
    let pressed = form.text("do");
    let typed = if pressed.is_empty() { wanted.as_str() } else { "" };
    let shown = Shown { typed, error: Some(error), pressed, done: None };
    show(&app, &form.browser, &who.user, shown).await
}

/// Where a mailed link leads. Who is not signed in does that first, and then finds the link again:
/// it counts only in the hands of who asked for it.
pub(super) async fn get_link(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    signed_in: Option<SignedIn>,
    browser: Browser,
) -> Result<Response, PageError> {
    let Some(SignedIn { user, .. }) = signed_in else {
        email::opened(&app, &token, &browser.hash()).await?;
        let mut response = sign_in_first().into_response();
        browser.remember(&app, &mut response);
        return Ok(response);
    };
    let address = email::look(&app, &user, Held::Token(&token)).await?;
    let action = paths::email_link(&token);
    show_link(&app, &browser, &user, address.map(|address| (address, action))).await
}

/// The token stands in no address but its own.
fn sign_in_first() -> PageError {
    PageError::SignInFirst(paths::ACCOUNT_EMAIL_OPENED.to_owned())
}

/// The same for who opened the link in this browser before they signed in.
pub(super) async fn get_opened(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    match email::look(&app, &user, Held::Opened(&browser.hash())).await? {
        Some(address) => {
            let action = paths::ACCOUNT_EMAIL_OPENED.to_owned();
            show_link(&app, &browser, &user, Some((address, action))).await
        }
        None => Ok(see_other(paths::ACCOUNT_EMAIL)),
    }
}

/// Asks whether the address is to be taken over; `link` is the address, and where the form posts to.
async fn show_link(
    app: &App,
    browser: &Browser,
    user: &User,
    link: Option<(String, String)>,
) -> Result<Response, PageError> {
    let mut page = shell::page(app, browser, user, "account/email_link.html").await?;
    if link.is_none() {
        page = page.status(StatusCode::NOT_FOUND);
    }
    let (address, action) = link.unzip();
    let content = LinkPage {
        shell: Shell::of(user),
        action: action.unwrap_or_default(),
        email_url: paths::ACCOUNT_EMAIL,
        address,
    };
    page.render(app, &content)
}

/// Makes the address the person's own.
pub(super) async fn post_link(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    here: Here,
    signed_in: Option<SignedIn>,
    form: PageForm,
) -> Result<Response, PageError> {
    let signed_in = signed_in.ok_or_else(sign_in_first)?;
    take_over(&app, &here, &signed_in, (&form, Held::Token(&token))).await
}

/// The same for who opened the link in this browser before they signed in.
pub(super) async fn post_opened(
    State(app): State<Arc<App>>,
    here: Here,
    signed_in: SignedIn,
    form: PageForm,
) -> Result<Response, PageError> {
    let hash = form.browser.hash();
    take_over(&app, &here, &signed_in, (&form, Held::Opened(&hash))).await
}

async fn take_over(
    app: &App,
    here: &Here,
    SignedIn { session, user }: &SignedIn,
    (form, held): (&PageForm, Held<'_>),
) -> Result<Response, PageError> {
    if email::confirm(app, here.act(user, session), held).await? {
        return Ok(see_other(&format!("{}?done=changed", paths::ACCOUNT_EMAIL)));
    }
    show_link(app, &form.browser, user, None).await
}
