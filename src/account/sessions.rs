//! `/account/sessions`: where a person is signed in, and the browsers they have signed in from.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::geoip::UNKNOWN;
use crate::identity::two_factor;
use crate::notices;
use crate::paths;
use crate::store::active_sessions::{self, Visit};
use crate::store::devices::{self, Device};
use crate::store::sessions::BrowserSession;
use crate::user_agent;
use crate::web::error::PageError;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::{self, Shell};
use crate::web::views::TimeView;

/// The most sessions that are shown; more are a sign of something that should be ended at once.
const SHOWN: i64 = 100;

/// The most browsers that are shown: who clears their cookies leaves one a visit.
const DEVICES_SHOWN: usize = 50;

/// How many applications a session names.
const NAMED: usize = 3;

/// What `?done=` may say, and the sentence for it.
const DONE: [(&str, &str); 3] = [
    ("ended", "That browser is signed out."),
    ("others", "All other browsers are signed out."),
    ("forgotten", "That browser is forgotten."),
];

#[derive(Serialize)]
struct SessionsPage {
    #[serde(flatten)]
    shell: Shell,
    sessions: Vec<SessionView>,
    other_count: i64,
    hidden_count: i64,
    end_others_url: &'static str,
    told_by_mail: bool,
    devices: Vec<DeviceView>,
    hidden_devices: usize,
}

/// A browser session as its person sees it.
#[derive(Serialize)]
pub(super) struct SessionView {
    end_url: String,
    is_current: bool,
    #[serde(flatten)]
    sender: Sender,
    signed_in: TimeView,
    last_active: TimeView,
    method: Option<&'static str>,
    kept: bool,
    applications: Vec<String>,
    more_applications: usize,
}

/// What is known of who sent something: the browser, and from where.
#[derive(Serialize)]
struct Sender {
    device: Option<String>,
    icon: &'static str,
    address: Option<String>,
    place: Option<String>,
}

/// A browser that was signed in from, as its person sees it.
#[derive(Serialize)]
pub(super) struct DeviceView {
    forget_url: String,
    is_here: bool,
    #[serde(flatten)]
    sender: Sender,
    first_seen: TimeView,
    last_seen: TimeView,
    trusted_until: Option<TimeView>,
}

impl Sender {
    /// What the two say.
    fn of(app: &App, user_agent: &str, address: &str) -> Self {
        let device = user_agent::Device::of(user_agent);
        let place = app.geoip.place(address);
        Self {
            icon: device.kind.icon(),
            device: device.words(),
            address: Some(address.to_owned()).filter(|address| !address.is_empty()),
            place: Some(place.words).filter(|words| words != UNKNOWN),
        }
    }
}

impl SessionView {
    /// `session` as seen by who sits in the session `here`, with the names of the applications
    /// used in it.
    pub(super) fn of(
        app: &App,
        session: &BrowserSession,
        here: &BrowserSession,
        mut applications: Vec<String>,
    ) -> Self {
        let now = app.clock.now();
        let more_applications = applications.len().saturating_sub(NAMED);
        applications.truncate(NAMED);
        Self {
            end_url: paths::about(paths::ACCOUNT_SESSION_END, &session.id),
            is_current: session.id == here.id,
            sender: Sender::of(app, &session.user_agent, &session.address),
            signed_in: TimeView::of(session.created_at, now),
            last_active: TimeView::of(session.last_active_at, now),
            method: method(&session.amr),
            kept: session.remembered_at.is_some(),
            applications,
            more_applications,
        }
    }
}

impl DeviceView {
    /// `device` as seen by who sits in the session `here`.
    pub(super) fn of(app: &App, device: &Device, here: &BrowserSession) -> Self {
        let now = app.clock.now();
        let trusted = device.trusted_until.filter(|_| two_factor::may_be_trusted(app, device, now));
        Self {
            forget_url: paths::about(paths::ACCOUNT_DEVICE_FORGET, &device.id),
            is_here: here.device_id.as_deref() == Some(&device.id),
            sender: Sender::of(app, &device.user_agent, &device.address),
            first_seen: TimeView::of(device.first_seen_at, now),
            last_seen: TimeView::of(device.last_seen_at, now),
            trusted_until: trusted.map(|until| TimeView::of(until, now)),
        }
    }
}

/// How somebody signed in, by their authentication methods (RFC 8176).
fn method(amr: &str) -> Option<&'static str> {
    let has = |wanted| amr.split(' ').any(|method| method == wanted);
    match (has("mfa") || has("otp"), has("pwd")) {
        (true, _) => Some("password and two-factor"),
        (false, true) => Some("password"),
        (false, false) => None,
    }
}

/// The names of the applications used in each session.
pub(super) async fn applications(
    app: &App,
    visits: Vec<Visit>,
) -> Result<HashMap<String, Vec<String>>, PageError> {
    let live = app.store.live().await?;
    let mut names: HashMap<String, Option<String>> = HashMap::new();
    let mut used: HashMap<String, Vec<String>> = HashMap::new();
    for Visit { session_id, client_id } in visits {
        if !names.contains_key(&client_id) {
            let client = live.client(&client_id).await?;
            let name = client.map(|client| client.metadata.client_name.clone());
            names.insert(client_id.clone(), name);
        }
        if let Some(name) = names.get(&client_id).cloned().flatten() {
            used.entry(session_id).or_default().push(name);
        }
    }
    Ok(used)
}

/// Where a person is signed in.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { session: here, user }: SignedIn,
    browser: Browser,
    uri: Uri,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let (others, other_count, visits, mut known) = {
        let mut db = app.store.read().await?;
        (
            active_sessions::list(&mut db, &user.id, &here.id, now, SHOWN - 1).await?,
            active_sessions::count(&mut db, &user.id, &here.id, now).await?,
            active_sessions::visits(&mut db, &user.id).await?,
            devices::list(&mut db, &user.id).await?,
        )
    };
    let mut used = applications(&app, visits).await?;
    let hidden_count = other_count - i64::try_from(others.len()).unwrap_or(other_count);
    let sessions = std::iter::once(&here).chain(&others);
    let sessions = sessions
        .map(|one| SessionView::of(&app, one, &here, used.remove(&one.id).unwrap_or_default()));
    let hidden_devices = known.len().saturating_sub(DEVICES_SHOWN);
    known.truncate(DEVICES_SHOWN);
    let content = SessionsPage {
        shell: Shell::of(&user).done(done(&uri)?),
        sessions: sessions.collect(),
        other_count,
        hidden_count,
        end_others_url: paths::ACCOUNT_SESSIONS_END_OTHERS,
        told_by_mail: notices::tells_of_sign_ins(&user),
        devices: known.iter().map(|device| DeviceView::of(&app, device, &here)).collect(),
        hidden_devices,
    };
    shell::page(&app, &browser, &user, "account/sessions.html").await?.render(&app, &content)
}

/// The sentence about what was just done.
fn done(uri: &Uri) -> Result<Option<&'static str>, PageError> {
    let query = of_query(uri).map_err(|_| PageError::NotFound)?;
    let word = query.once("done").ok().flatten();
    let found = DONE.iter().find(|(known, _)| Some(*known) == word);
    Ok(found.map(|(_, sentence)| *sentence))
}
