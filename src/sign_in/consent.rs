//! `/consent`: what an application asks for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::paths;
use crate::protocol::scope::{Scope, ScopeWords};
use crate::store::authorization_requests as requests;
use crate::store::{StoreError, acting, consents};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::steps::{Onward, deny, page_of};
use crate::web::views::{AccountView, ApplicationView};

#[derive(Serialize)]
struct ConsentPage<'a> {
    action: &'a str,
    request: &'a str,
    application: ApplicationView,
    account: AccountView,
    scopes: Vec<AskedScope>,
    any_new: bool,
    redirect_host: String,
    switch_url: Option<String>,
}

#[derive(Serialize)]
struct AskedScope {
    #[serde(flatten)]
    words: ScopeWords,
    is_new: bool,
}

/// Shows what is asked, who asks, and who is asked.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let query = of_query(&uri).map_err(|_| PageError::NotFound)?;
    let id = query.once("request").ok().flatten().unwrap_or_default();
    let pending = Onward::request(&app, &browser, id).await?;
    let Some(signed_in) = signed_in else { return Ok(see_other(&paths::resume(&pending.id))) };
    if pending.decided_at.is_some() {
        return Ok(see_other(&paths::resume(&pending.id)));
    }
    let (page, client) = page_of(&app, &browser, "sign_in/consent.html", Some(&pending)).await?;
    let client = client.ok_or(PageError::RequestGone)?;
    let known = {
        let mut db = app.store.read().await?;
        consents::find(&mut db, &signed_in.user.id, &client.id).await?
    };
    let known = known.map(|(_, scope)| scope).unwrap_or_default();
    let scopes = asked(&pending.request.consent_scope(), &known);
    let content = ConsentPage {
        action: paths::CONSENT,
        request: &pending.id,
        application: ApplicationView::with_age(&client, app.clock.now()),
        account: AccountView::of(&signed_in.user),
        any_new: !known.is_empty() && scopes.iter().any(|scope| scope.is_new),
        scopes,
        redirect_host: host_of(&pending.request.redirect_uri),
        switch_url: Some(format!("{}?request={}&switch=1", paths::LOGIN, pending.id)),
    };
    page.render(&app, &content)
}

/// The scopes in the order asked, what is new first.
fn asked(scope: &Scope, known: &Scope) -> Vec<AskedScope> {
    let mut asked: Vec<_> = scope
        .words()
        .into_iter()
        .map(|words| AskedScope { is_new: !known.contains(&words.scope), words })
        .collect();
    asked.sort_by_key(|scope| !scope.is_new);
    asked
}

/// Where Allow leads, as a person can recognize it.
fn host_of(redirect_uri: &str) -> String {
    let Ok(url) = url::Url::parse(redirect_uri) else { return String::new() };
    match url.host_str() {
        Some(host) if matches!(url.scheme(), "http" | "https") => host.to_owned(),
        _ => format!("an application on this device ({})", url.scheme()),
    }
}

/// Takes the decision: once, by the person who is asked, about what was stored.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    signed_in: Option<SignedIn>,
    form: PageForm,
) -> Result<Response, PageError> {
    let pending = Onward::request(&app, &form.browser, form.text("request")).await?;
    let Some(signed_in) = signed_in else { return Ok(see_other(&paths::resume(&pending.id))) };
    match form.text("decision") {
        "deny" => Ok(see_other(&deny(&app, &pending, Some(&signed_in.user.id)).await?)),
        "allow" => {
            let mut db = app.store.write().await?;
            let now = app.clock.now();
            match acting::begin(&mut db, &signed_in.session, now).await {
                // The request asks again who is here.
                Err(StoreError::SignedOut) => return Ok(see_other(&paths::resume(&pending.id))),
                begun => begun?,
            }
            let user = Some(signed_in.user.id.as_str());
            if !requests::decide(&mut db, &pending.id, "allowed", user, now).await? {
                return Err(PageError::RequestGone);
            }
            db.commit().await?;
            Ok(see_other(&paths::resume(&pending.id)))
        }
        _ => Err(PageError::BadForm("The form says neither Allow nor Deny.")),
    }
}
