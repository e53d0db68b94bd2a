//! The buttons of a person who signed in: each speaks to the provider and shows what was said.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use url::form_urlencoded;

use super::Sample;
use super::provider::{Provider, SignedIn};
use super::sessions::{Change, Outcome, Session};
use super::wire::{Wire, shortened};
use crate::secret::equal;

/// The signed-in session that a form came from: its cookie, itself and its tokens.
pub(super) fn confirmed(
    sample: &Sample,
    jar: &CookieJar,
    body: &str,
) -> Option<(String, Session, SignedIn)> {
    let (cookie, session) = sample.session(jar)?;
    let (_, sent) =
        form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "form_token")?;
    let signed_in = session.signed_in.clone()?;
    equal(&session.form_token, &sent).then_some((cookie, session, signed_in))
}

/// `POST /userinfo`: asks who this is, also with an access token that was revoked.
pub(super) async fn userinfo(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    body: String,
) -> Response {
    let Some((cookie, _, signed_in)) = confirmed(&sample, &jar, &body) else { return start() };
    let wire = sample.wire();
    let result = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => provider.userinfo(&signed_in).await,
        Err(error) => Err(error),
    };
    let status = wire.last().map(|exchange| exchange.status);
    let (succeeded, sentence) = match (result, signed_in.revoked, status) {
        (Ok(_), false, _) => {
            (true, "The access token is good, and the answer is about the same person.".to_owned())
        }
        (Ok(_), true, _) => {
            (false, "The access token was revoked, and yet it was accepted.".to_owned())
        }
        (Err(_), true, Some(401)) => {
            (true, "The revoked access token was refused at once, as it should be.".to_owned())
        }
        (Err(error), _, _) => (false, format!("{error:#}.")),
    };
    let title = if signed_in.revoked { "Userinfo, revoked token" } else { "Userinfo" };
    finish(&sample, &cookie, outcome(title, succeeded, sentence, &wire), None)
}

/// `POST /refresh`: exchanges the refresh token for new tokens.
pub(super) async fn refresh(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    body: String,
) -> Response {
    let Some((cookie, _, signed_in)) = confirmed(&sample, &jar, &body) else { return start() };
    let wire = sample.wire();
    let result = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => provider.refresh(&signed_in).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(renewed) => {
            let sentence = "New tokens came; the old refresh token is spent.".to_owned();
            let mut told = outcome("Refresh", true, sentence, &wire);
            told.changes = changes(&signed_in, &renewed);
            finish(&sample, &cookie, told, Some(renewed))
        }
        Err(error) => {
            let told = outcome("Refresh", false, format!("{error:#}."), &wire);
            finish(&sample, &cookie, told, None)
        }
    }
}

/// `POST /revoke`: has the access token revoked.
pub(super) async fn revoke(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    body: String,
) -> Response {
    let Some((cookie, _, signed_in)) = confirmed(&sample, &jar, &body) else { return start() };
    let wire = sample.wire();
    let result = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => provider.revoke(&signed_in).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => {
            let sentence = "The access token is revoked. Try it at userinfo.".to_owned();
            let told = outcome("Revocation", true, sentence, &wire);
            finish(&sample, &cookie, told, Some(SignedIn { revoked: true, ..signed_in }))
        }
        Err(error) => {
            let told = outcome("Revocation", false, format!("{error:#}."), &wire);
            finish(&sample, &cookie, told, None)
        }
    }
}

fn start() -> Response {
    Redirect::to("/").into_response()
}

fn outcome(title: &'static str, succeeded: bool, sentence: String, wire: &Wire) -> Outcome {
    Outcome { title, succeeded, sentence, exchange: wire.last(), changes: Vec::new() }
}

/// Keeps what happened, and the tokens if they changed, and goes back to the page.
fn finish(
    sample: &Sample,
    cookie: &str,
    outcome: Outcome,
    signed_in: Option<SignedIn>,
) -> Response {
    sample.sessions.update(cookie, |session| {
        session.outcome = Some(outcome);
        if signed_in.is_some() {
            session.signed_in = signed_in;
        }
    });
    Redirect::to("/#result").into_response()
}

/// The tokens before and after a refresh.
fn changes(before: &SignedIn, after: &SignedIn) -> Vec<Change> {
    let refresh_token = |tokens: &SignedIn| {
        tokens.refresh_token.as_deref().map_or_else(|| "none".to_owned(), shortened)
    };
    vec![
        Change {
            token: "Access token",
            before: shortened(&before.access_token),
            after: shortened(&after.access_token),
        },
        Change {
            token: "Refresh token",
            before: refresh_token(before),
            after: refresh_token(after),
        },
    ]
}
