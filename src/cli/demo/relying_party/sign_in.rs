//! Signing in at the provider, coming back, and signing out.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use url::form_urlencoded;

use super::Sample;
use super::actions::confirmed;
use super::pages::Refused;
use super::provider::{Attempt, Provider, SignedIn};
use super::sessions::Session;
use crate::secret::equal;

/// `GET /sign-in`: sends the browser to the provider.
pub(super) async fn begin(State(sample): State<Arc<Sample>>, jar: CookieJar) -> Response {
    let wire = sample.wire();
    let provider = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => provider,
        Err(error) => return fault(&sample, &error),
    };
    let attempt = Attempt::new(&sample.random);
    let url = provider.authorization_url(&attempt);
    let jar = if let Some((cookie, _)) = sample.session(&jar) {
        sample.sessions.update(&cookie, |session| session.begin(attempt));
        jar
    } else {
        let session = Session { attempts: vec![attempt], ..Session::default() };
        jar.add(sample.cookie(sample.sessions.insert(&sample.random, session)))
    };
    (jar, Redirect::to(url.as_str())).into_response()
}

/// `GET /callback`: the provider's answer (RFC 6749 §4.1.2).
pub(super) async fn finish(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = Answer::parse(query.as_deref().unwrap_or_default());
    let cookie = sample.session(&jar).map(|(cookie, _)| cookie);
    let attempt = cookie.as_ref().zip(answer.state.as_deref()).and_then(|(cookie, state)| {
        sample.sessions.update(cookie, |session| session.take_attempt(state)).flatten()
    });
    let (Some(cookie), Some(attempt)) = (cookie, attempt) else {
        let sentence = "This sign-in did not begin in this browser, or it was answered before. \
                        Its answer was not used.";
        return refused(&sample, StatusCode::BAD_REQUEST, sentence.to_owned(), None);
    };
    let wire = sample.wire();
    let signed_in = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => redeem(&sample, &provider, answer, attempt).await,
        Err(error) => Err(fault(&sample, &error)),
    };
    match signed_in {
        Ok(signed_in) => {
            // A new cookie, so that nobody can have planted the one that is now signed in.
            sample.sessions.remove(&cookie);
            let session = Session { signed_in: Some(signed_in), ..Session::default() };
            let value = sample.sessions.insert(&sample.random, session);
            (jar.add(sample.cookie(value)), Redirect::to("/")).into_response()
        }
        Err(page) => page,
    }
}

/// Checks the answer, in the order in which its parts can be trusted, and redeems its code.
async fn redeem(
    sample: &Sample,
    provider: &Provider<'_>,
    answer: Answer,
    attempt: Attempt,
) -> Result<SignedIn, Response> {
    if let Err(error) = provider.check_issuer(answer.iss.as_deref()) {
        return Err(refused(sample, StatusCode::BAD_REQUEST, format!("{error:#}."), None));
    }
    match (answer.error, answer.code) {
        (Some(error), _) => {
            let sentence = if error == "access_denied" {
                "You did not allow Photo Printer to know who you are. Nothing was shared."
            } else {
                "The provider did not sign you in."
            };
            let detail = Some((error, answer.error_description));
            Err(refused(sample, StatusCode::FORBIDDEN, sentence.to_owned(), detail))
        }
        (None, Some(code)) => {
            let redeemed = provider.redeem(&code, attempt).await;
            let mut signed_in = redeemed.map_err(|error| fault(sample, &error))?;
            let name = provider.userinfo(&signed_in).await;
            signed_in.name = name.map_err(|error| fault(sample, &error))?;
            Ok(signed_in)
        }
        (None, None) => {
            let sentence = "The provider's answer holds neither a code nor an error.";
            Err(refused(sample, StatusCode::BAD_REQUEST, sentence.to_owned(), None))
        }
    }
}

/// `POST /sign-out`: forgets the person here, and asks the provider to do the same.
pub(super) async fn sign_out(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    body: String,
) -> Response {
    let Some((cookie, _, signed_in)) = confirmed(&sample, &jar, &body) else {
        return Redirect::to("/").into_response();
    };
    sample.sessions.remove(&cookie);
    let state = sample.random.token("");
    let wire = sample.wire();
    let elsewhere = match Provider::discover(&sample.rp, &wire).await {
        Ok(provider) => provider.end_session_url(&signed_in, &state).ok().flatten(),
        Err(_) => None,
    };
    let session = Session {
        sign_out_state: elsewhere.as_ref().map(|_| state),
        notice: elsewhere
            .is_none()
            .then_some("You are signed out of Photo Printer, but not at the provider."),
        ..Session::default()
    };
    let jar = jar.add(sample.cookie(sample.sessions.insert(&sample.random, session)));
    let to = elsewhere.map_or_else(|| "/".to_owned(), String::from);
    (jar, Redirect::to(&to)).into_response()
}

/// `GET /signed-out`: back from the provider (RP-Initiated Logout §3).
pub(super) async fn signed_out(
    State(sample): State<Arc<Sample>>,
    jar: CookieJar,
    RawQuery(query): RawQuery,
) -> Response {
    let state = Answer::parse(query.as_deref().unwrap_or_default()).state;
    if let Some((cookie, _)) = sample.session(&jar) {
        sample.sessions.update(&cookie, |session| {
            let expected = session.sign_out_state.take();
            if expected.zip(state).is_some_and(|(expected, state)| equal(&expected, &state)) {
                session.notice = Some("You are signed out here and at the provider.");
            }
        });
    }
    Redirect::to("/").into_response()
}

/// A page for a sign-in that was refused.
fn refused(
    sample: &Sample,
    status: StatusCode,
    sentence: String,
    detail: Option<(String, Option<String>)>,
) -> Response {
    let (error, description) = detail.unzip();
    let description = description.flatten();
    let page = Refused { title: "You are not signed in", sentence, error, description };
    sample.pages.show(status, "refused.html", &page)
}

/// A page for a provider that does not do what it should.
fn fault(sample: &Sample, error: &anyhow::Error) -> Response {
    let page = Refused {
        title: "The provider did not help",
        sentence: format!("{error:#}."),
        error: None,
        description: None,
    };
    sample.pages.show(StatusCode::BAD_GATEWAY, "refused.html", &page)
}

/// What an answer's query holds; a parameter given twice is as good as absent.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Answer {
    fn parse(query: &str) -> Self {
        let once = |name: &str| {
            let mut values = form_urlencoded::parse(query.as_bytes())
                .filter(|(found, value)| found == name && !value.is_empty())
                .map(|(_, value)| value.into_owned());
            values.next().filter(|_| values.next().is_none())
        };
        Self {
            code: once("code"),
            state: once("state"),
            iss: once("iss"),
            error: once("error"),
            error_description: once("error_description"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_parameters_are_read_once() {
        let answer = Answer::parse("code=a%20b&state=s&iss=http%3A%2F%2Fi&extra=1");
        assert_eq!(answer.code.as_deref(), Some("a b"));
        assert_eq!(answer.iss.as_deref(), Some("http://i"));
        assert_eq!(Answer::parse("code=a&code=b&state="), Answer::default());
    }
}
