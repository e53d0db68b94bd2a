//! `/logout`: signing out, after asking.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::identity::sessions::{self, Doer};
use crate::paths;
use crate::protocol::parameters::Parameters;
use crate::store::clients::ClientRecord;
use crate::web::client_address::ClientAddress;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::{Page, see_other};
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, take_session, whereabouts};
use crate::web::sign_out::{clear_site_data, leave_to};
use crate::web::views::{AccountView, ApplicationView};

/// What the form carries along from the client's request.
const CARRIED: [&str; 3] = ["client_id", "post_logout_redirect_uri", "state"];

#[derive(Serialize)]
struct LogoutPage<'a> {
    action: &'a str,
    account: AccountView,
    application: Option<ApplicationView>,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct SignedOutPage<'a> {
    sign_in_url: &'a str,
    application: Option<()>,
}

/// Asks, or says that it is done.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let Some(signed_in) = signed_in else { return signed_out(&app) };
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let client = asking_client(&app, &query).await?;
    let mut page = Page::new("sign_in/logout.html").forms_of(&app, &browser);
    if let Some(uri) = query.once("post_logout_redirect_uri").ok().flatten()
        && leave_to(client.as_deref(), uri, None).is_some()
    {
        page = page.answering(uri);
    }
    let content = LogoutPage {
        action: paths::LOGOUT,
        account: AccountView::of(&signed_in.user),
        application: client.as_deref().map(ApplicationView::of),
        fields: CARRIED
            .into_iter()
            .filter_map(|name| {
                let value = query.once(name).ok().flatten()?;
                Some(Field { name, value: value.to_owned() })
            })
            .collect(),
    };
    page.render(&app, &content)
}

fn signed_out(app: &App) -> Result<Response, PageError> {
    let content = SignedOutPage { sign_in_url: paths::LOGIN, application: None };
    let mut response = Page::new("sign_in/signed_out.html").render(app, &content)?;
    take_session(app, &mut response);
    Ok(response)
}

async fn asking_client(
    app: &App,
    parameters: &Parameters,
) -> Result<Option<Arc<ClientRecord>>, PageError> {
    match parameters.once("client_id").ok().flatten() {
        Some(id) => Ok(app.store.live().await?.client(id).await?),
        None => Ok(None),
    }
}

/// Signs out. Where the browser goes then is checked again: the form is not trusted.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, PageError> {
    if form.text("decision") == "deny" {
        return Ok(see_other(paths::ACCOUNT_SECURITY));
    }
    if let Some(signed_in) = &signed_in {
        let whereabouts = whereabouts(&app, &headers, address);
        let by = Doer { session: &signed_in.session, whereabouts: &whereabouts };
        sessions::sign_out(&app, by).await?;
    }
    let client = asking_client(&app, form.fields()).await?;
    let state = Some(form.text("state")).filter(|state| !state.is_empty());
    let target = leave_to(client.as_deref(), form.text("post_logout_redirect_uri"), state);
    let mut response = see_other(target.as_deref().unwrap_or(paths::LOGOUT));
    take_session(&app, &mut response);
    clear_site_data(&mut response);
    Ok(response)
}
