//! A person's own door: this door's paths, and the overview.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use crate::app::App;
use crate::clock::Timestamp;
use crate::protocol::scope::Scope;
use crate::store::clients::ClientRecord;
use crate::store::{consents, sessions};
use crate::web::error::PageError;
use crate::web::page::see_other;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::{ApplicationView, TimeView};
use crate::{paths, user_agent};

/// This door's paths.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route(paths::ACCOUNT, get(account)).route(paths::ACCOUNT_SECURITY, get(overview))
}

async fn account() -> Response {
    see_other(paths::ACCOUNT_SECURITY)
}

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    shell: Shell,
    session: SessionView,
    other_sessions: usize,
    applications: Vec<ConnectedApplication>,
}

#[derive(Serialize)]
struct SessionView {
    device: Option<String>,
    address: Option<String>,
    signed_in: TimeView,
    last_active: TimeView,
}

#[derive(Serialize)]
struct ConnectedApplication {
    #[serde(flatten)]
    application: ApplicationView,
    scopes: Vec<&'static str>,
    connected: TimeView,
    last_used: Option<TimeView>,
}

/// The overview of a person's account.
async fn overview(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let SignedIn { session, user } = signed_in;
    let (others, allowed) = {
        let mut db = app.store.read().await?;
        let others = sessions::list(&mut db, &user.id).await?;
        (
            others.iter().filter(|one| one.is_live(now)).count().saturating_sub(1),
            consents::list(&mut db, &user.id).await?,
        )
    };
    let mut applications = Vec::new();
    for (consent, scope) in allowed {
        if let Some(client) = app.store.live().await?.client(&consent.client_id).await? {
            let connected = (consent.granted_at, consent.last_used_at);
            applications.push(connected_application(&client, &scope, connected, now));
        }
    }
    let content = Overview {
        shell: Shell::of(&user),
        session: SessionView {
            device: user_agent::describe(&session.user_agent),
            address: Some(session.address).filter(|address| !address.is_empty()),
            signed_in: TimeView::of(session.created_at, now),
            last_active: TimeView::of(session.last_active_at, now),
        },
        other_sessions: others,
        applications,
    };
    shell::page(&app, &browser, &user, "account/security.html").render(&app, &content)
}

fn connected_application(
    client: &ClientRecord,
    scope: &Scope,
    (granted_at, last_used_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> ConnectedApplication {
    ConnectedApplication {
        application: ApplicationView::of(client),
        scopes: scope.words().into_iter().map(|words| words.title).collect(),
        connected: TimeView::of(granted_at, now),
        last_used: Some(TimeView::of(last_used_at, now)),
    }
}
