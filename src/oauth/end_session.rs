//! OpenID Connect RP-Initiated Logout: a client asks to sign the person out.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use url::form_urlencoded;

use crate::app::App;
use crate::identity::sessions::{self, Doer};
use crate::paths;
use crate::protocol::authorization_request::PersonError;
use crate::protocol::error::OAuthError;
use crate::protocol::jwt::{self, Expect, SigningAlg};
use crate::protocol::token_claims::ID_TOKEN_TYP;
use crate::store::clients::ClientRecord;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::parameters::QueryOrForm;
use crate::web::session::{Browser, SignedIn, take_session, whereabouts};
use crate::web::sign_out::{clear_site_data, leave_to};

/// What an ID token that we signed says of whom it was for; its age does not matter.
pub struct Hint {
    /// The subject, as that client knows it.
    pub subject: String,
    /// The client.
    pub client_id: String,
    /// The session, as that client knows it.
    pub session_id: Option<String>,
}

/// Reads an `id_token_hint`. `None` unless it is an ID token with our signature: access tokens
/// and logout tokens are of another type and do not pass.
#[must_use]
pub fn read_hint(app: &App, token: &str) -> Option<Hint> {
    let expect = Expect { typ: Some(&[ID_TOKEN_TYP]), algs: &SigningAlg::ALL };
    let claims = jwt::verify(token, app.ring().verifying_keys(), &expect).ok()?;
    if jwt::string(&claims, "iss").ok()?? != app.config.issuer {
        return None;
    }
    // A signed userinfo response looks alike, but tells of no sign-in.
    jwt::numeric_date(&claims, "auth_time").ok()??;
    Some(Hint {
        subject: jwt::string(&claims, "sub").ok()??.to_owned(),
        client_id: jwt::string(&claims, "aud").ok()??.to_owned(),
        session_id: jwt::string(&claims, "sid").ok()?.map(str::to_owned),
    })
}

/// Signs the person out if the client shows an ID token of this very session; otherwise asks the
/// person first, because any page can send a browser here.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    (ClientAddress(address), headers): (ClientAddress, HeaderMap),
    parameters: Result<QueryOrForm, OAuthError>,
) -> Result<Response, PageError> {
    let unreadable = || PageError::BadApplicationRequest(PersonError::Unreadable);
    let QueryOrForm(parameters) = parameters.map_err(|_| unreadable())?;
    parameters.refuse_repeats().map_err(|_| unreadable())?;
    let text = |name| parameters.once(name).map_err(|_| unreadable());
    let hint = match text("id_token_hint")? {
        Some(hint) => Some(read_hint(&app, hint).ok_or(PageError::BadLogoutRequest)?),
        None => None,
    };
    let named = text("client_id")?;
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.client_id != named
    {
        return Err(PageError::BadLogoutRequest);
    }
    let client_id = hint.as_ref().map(|hint| hint.client_id.as_str()).or(named);
    let client = match client_id {
        Some(id) => app.store.live().await?.client(id).await?,
        None => None,
    };
    let state = text("state")?;
    let target = match text("post_logout_redirect_uri")? {
        Some(uri) => {
            Some(leave_to(client.as_deref(), uri, state).ok_or(PageError::BadLogoutRequest)?)
        }
        None => None,
    };
    let Some(signed_in) = signed_in else {
        let mut response = see_other(target.as_deref().unwrap_or(SIGNED_OUT));
        take_session(&app, &mut response);
        return Ok(response);
    };
    let ours = match (&hint, &client) {
        (Some(hint), Some(client)) => is_this_session(&app, hint, client, &signed_in),
        _ => false,
    };
    if !ours {
        let mut response = see_other(&confirm(client_id, text("post_logout_redirect_uri")?, state));
        browser.remember(&app, &mut response);
        return Ok(response);
    }
    let whereabouts = whereabouts(&app, &headers, address);
    let by = Doer { session: &signed_in.session, whereabouts: &whereabouts };
    sessions::sign_out(&app, by).await?;
    let mut response = see_other(target.as_deref().unwrap_or(SIGNED_OUT));
    take_session(&app, &mut response);
    clear_site_data(&mut response);
    Ok(response)
}

/// The page that says so.
const SIGNED_OUT: &str = paths::LOGOUT;

fn is_this_session(app: &App, hint: &Hint, client: &ClientRecord, here: &SignedIn) -> bool {
    let session = app.session_id(&client.id, &here.session.id);
    app.subject(&client.metadata, &here.user.id) == hint.subject
        && hint.session_id.as_deref().is_none_or(|sid| sid == session)
}

/// The page that asks; it is told again what the client wants, and checks it again.
fn confirm(client_id: Option<&str>, target: Option<&str>, state: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let named = [("client_id", client_id), ("post_logout_redirect_uri", target), ("state", state)];
    for (name, value) in named {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{}?{}", paths::LOGOUT, query.finish())
}
