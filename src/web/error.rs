//! How a refusal or a fault becomes a response: JSON for programs, a page for people.
//!
//! The return type of the handler chooses which; nothing reads `Accept`. This is the only place
//! that logs a cause.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

use crate::app::App;
use crate::protocol::authorization_request::PersonError;
use crate::store::StoreError;
use crate::telemetry::RequestId;
use crate::web::page::Page;

/// Why a person gets a page that they did not ask for.
#[derive(Debug)]
pub enum PageError {
    /// There is no such page, or it is not yours.
    NotFound,
    /// The page is there, but nothing can be sent to it that way.
    MethodNotAllowed,
    /// This browser may not do that: the form was not sent from our own page.
    Forbidden,
    /// The form is older than the session it belongs to.
    FormExpired,
    /// The form could not be read.
    BadForm(&'static str),
    /// The body is not a form.
    NotAForm,
    /// The address holds something that we have not put there.
    BadLink,
    /// An application asked for something that cannot be answered to it.
    BadApplicationRequest(PersonError),
    /// An application asked to sign out in a way that cannot be followed.
    BadLogoutRequest,
    /// The request in progress is over or belongs to another browser.
    RequestGone,
    /// One must sign in first; then the page at this path is shown.
    SignInFirst(String),
    /// One must prove once more who one is; then the form kept under this id is gone on with.
    ConfirmFirst(String),
    /// Too much is asked at once.
    Busy {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// One asks too often.
    TooMany {
        /// When it makes sense to try again.
        retry_after: Duration,
    },
    /// The database or another part that this page needs does not answer.
    Unavailable(anyhow::Error),
    /// Our own fault.
    Fault(anyhow::Error),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SignedOut => Self::SignInFirst(crate::paths::ACCOUNT_SECURITY.to_owned()),
            error if error.is_unavailable() => Self::Unavailable(error.into()),
            error => Self::Fault(error.into()),
        }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(store) => store.into(),
            Err(other) => Self::Fault(other),
        }
    }
}

/// What the error page says.
#[derive(Clone, Debug, Serialize)]
struct ErrorPage {
    title: &'static str,
    detail: String,
    advice: &'static str,
    status: u16,
    request_id: Option<String>,
    link: Option<Link>,
}

/// The best page to go on to.
#[derive(Clone, Debug, Serialize)]
struct Link {
    url: &'static str,
    label: &'static str,
}

impl PageError {
    #[expect(clippy::too_many_lines, reason = "a table: one row for each thing that can happen")]
    fn words(&self) -> (StatusCode, &'static str, String, &'static str) {
        match self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Page not found",
                "There is nothing at this address.".into(),
                "Check the address, or start from your account page.",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "That does not work here",
                "This address does not take requests of that kind.".into(),
                "Nothing was changed. Go back and use the buttons of the page.",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "This was not sent from our page",
                "For your safety, forms are only accepted from this site itself.".into(),
                "Go back, reload the page and try again.",
            ),
            Self::FormExpired => (
                StatusCode::FORBIDDEN,
                "This page was open too long",
                "You have signed in or out since this page was opened, so it no longer counts."
                    .into(),
                "Nothing was changed. Go back, reload the page and try again.",
            ),
            Self::BadForm(what) => (
                StatusCode::BAD_REQUEST,
                "The form could not be read",
                (*what).into(),
                "Go back, reload the page and try again.",
            ),
            Self::NotAForm => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The form could not be read",
                "This page takes only what its own form sends.".into(),
                "Go back, reload the page and try again.",
            ),
            Self::BadLink => (
                StatusCode::BAD_REQUEST,
                "This link does not work",
                "The address of this page is not complete, or was changed.".into(),
                "Start again from your account page.",
            ),
            Self::BadApplicationRequest(error) => (
                StatusCode::BAD_REQUEST,
                "This sign-in link does not work",
                error.to_string(),
                "The application that sent you here must be corrected by its developer. \
                 You can safely close this page.",
            ),
            Self::BadLogoutRequest => (
                StatusCode::BAD_REQUEST,
                "This sign-out link does not work",
                "The application asked to sign you out in a way that we cannot trust.".into(),
                "You are still signed in. You can sign out from your account page.",
            ),
            Self::RequestGone => (
                StatusCode::BAD_REQUEST,
                "This sign-in is over",
                "The request was already answered, took too long, or was begun in another browser."
                    .into(),
                "Go back to the application and sign in from there again.",
            ),
            Self::ConfirmFirst(_) => (
                StatusCode::FORBIDDEN,
                "Confirm that it is you",
                "This page needs a fresh proof of who you are.".into(),
                "Confirm, then come back here.",
            ),
            Self::SignInFirst(_) => (
                StatusCode::SEE_OTHER,
                "Sign in first",
                "This page is for signed-in people.".into(),
                "Sign in, and you will get back here.",
            ),
            Self::Busy { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Many people are signing in",
                "The server has more sign-ins to check than it can at this moment.".into(),
                "Wait a few seconds and try again. Nothing was changed.",
            ),
            Self::TooMany { retry_after } => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                "From your network there were more attempts than we can look at.".into(),
                if retry_after.as_secs() <= 60 {
                    "Wait a minute, then go back and try again. Nothing was changed."
                } else {
                    "Wait a while, then go back and try again. Nothing was changed."
                },
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "We cannot do this right now",
                "A part of the service does not answer.".into(),
                "Nothing was changed. Please try again in a minute.",
            ),
            Self::Fault(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on our side",
                "The page could not be made. This is not your fault.".into(),
                "Please try again. If it happens again, tell support the number below.",
            ),
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if let Self::SignInFirst(path) = &self {
            let to: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
            return crate::web::page::see_other(&format!("{}?to={to}", crate::paths::LOGIN));
        }
        if let Self::ConfirmFirst(kept) = &self {
            let confirm = crate::paths::ACCOUNT_CONFIRM;
            return crate::web::page::see_other(&format!("{confirm}?kept={kept}"));
        }
        let (status, title, detail, advice) = self.words();
        let mut response = status.into_response();
        match &self {
            Self::Busy { retry_after } | Self::TooMany { retry_after } => {
                insert_retry_after(&mut response, retry_after.as_secs().max(1));
            }
            Self::Unavailable(cause) => {
                tracing::error!(cause = format!("{cause:#}"), "unavailable");
                insert_retry_after(&mut response, 5);
            }
            Self::Fault(cause) => tracing::error!(cause = format!("{cause:#}"), "fault"),
            _ => {}
        }
        // The page itself is rendered by `render_errors`, which has the templates.
        response.extensions_mut().insert(ErrorPage {
            title,
            detail,
            advice,
            status: status.as_u16(),
            request_id: None,
            link: matches!(self, Self::NotFound | Self::BadLink | Self::BadLogoutRequest)
                .then_some(Link { url: crate::paths::ACCOUNT_SECURITY, label: "Go to my account" }),
        });
        response
    }
}

pub(super) fn insert_retry_after(response: &mut Response, seconds: u64) {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

/// Turns what a `PageError` left in the response into the page a person reads.
pub async fn render_errors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().map(ToString::to_string);
    let mut response = next.run(request).await;
    let Some(mut shown) = response.extensions_mut().remove::<ErrorPage>() else {
        return response;
    };
    shown.request_id = request_id;
    let status = response.status();
    match Page::new("error.html").status(status).render(&app, &shown) {
        Ok(mut rendered) => {
            for (name, value) in response.headers() {
                if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                    rendered.headers_mut().append(name, value.clone());
                }
            }
            rendered
        }
        Err(_) => (status, shown.detail).into_response(),
    }
}
