//! `/account/security`: the overview. What needs doing stands first, then the state of things.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::account::advice::{AdviceView, facts};
use crate::account::changes::{self, Change};
use crate::account::happenings::SignInView;
use crate::account::show;
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::advice::advise;
use crate::paths;
use crate::protocol::scope::Scope;
use crate::store::backup_codes::{self, BackupCode};
use crate::store::clients::ClientRecord;
use crate::store::consents::{self, Consent};
use crate::store::credentials::{self, PasswordCredential};
use crate::store::events::Event;
use crate::store::{recent_events, sessions};
use crate::user_agent;
use crate::web::error::PageError;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::Shell;
use crate::web::views::{ApplicationView, TimeView};

/// How far back the overview looks.
const LOOKS_BACK: std::time::Duration = std::time::Duration::from_hours(90 * 24);
/// Attempts that are read to find out what is unusual …
const READ_SIGN_INS: i64 = 50;
/// … those that are shown …
const SHOWN_SIGN_INS: usize = 5;
/// … and how much else is: the rest is one link away.
const SHOWN_OTHERS: usize = 3;

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    shell: Shell,
    advice: Vec<AdviceView>,
    password_set: Option<TimeView>,
    two_factor: TwoFactorView,
    session: SessionView,
    other_sessions: usize,
    sign_ins: Vec<SignInView>,
    applications: Vec<ConnectedApplication>,
    application_count: usize,
    changes: Vec<Change>,
    protect_url: &'static str,
}

#[derive(Serialize)]
struct TwoFactorView {
    on: bool,
    codes_made: usize,
    codes_left: usize,
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

/// What the database knows about the account.
pub(super) struct Known {
    pub(super) password: Option<PasswordCredential>,
    pub(super) two_factor: bool,
    pub(super) codes: Vec<BackupCode>,
    pub(super) sign_ins: Vec<Event>,
    other_sessions: usize,
    allowed: Vec<(Consent, Scope)>,
}

async fn known(app: &App, signed_in: &SignedIn, now: Timestamp) -> Result<Known, PageError> {
    let SignedIn { session, user } = signed_in;
    let since = now - LOOKS_BACK;
    let mut db = app.store.read().await?;
    let open = sessions::list(&mut db, &user.id).await?;
    Ok(Known {
        password: credentials::find(&mut db, &user.id).await?,
        two_factor: credentials::has_second_factor(&mut db, &user.id).await?,
        codes: backup_codes::list(&mut db, &user.id).await?,
        sign_ins: recent_events::sign_ins(&mut db, &user.id, since, READ_SIGN_INS).await?,
        other_sessions: open.iter().filter(|one| one.is_live(now) && one.id != session.id).count(),
        allowed: consents::list(&mut db, &user.id).await?,
    })
}

/// Shows the overview.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let known = known(&app, &signed_in, now).await?;
    let SignedIn { session, user } = &signed_in;
    let advice = advise(&facts(&known, &signed_in, now));
    let mut applications = Vec::new();
    for (consent, scope) in known.allowed.iter().take(SHOWN_OTHERS) {
        if let Some(client) = app.store.live().await?.client(&consent.client_id).await? {
            applications.push(connected(&client, consent, scope, now));
        }
    }
    let content = Overview {
        shell: Shell::of(user),
        advice: advice.iter().map(|one| AdviceView::of(one, now)).collect(),
        password_set: known.password.map(|password| TimeView::of(password.set_at, now)),
        two_factor: TwoFactorView {
            on: known.two_factor,
            codes_made: known.codes.len(),
            codes_left: known.codes.iter().filter(|code| code.used_at.is_none()).count(),
        },
        session: SessionView {
            device: user_agent::describe(&session.user_agent),
            address: Some(session.address.clone()).filter(|address| !address.is_empty()),
            signed_in: TimeView::of(session.created_at, now),
            last_active: TimeView::of(session.last_active_at, now),
        },
        other_sessions: known.other_sessions,
        sign_ins: known
            .sign_ins
            .iter()
            .take(SHOWN_SIGN_INS)
            .map(|event| SignInView::of(&app, event, now))
            .collect(),
        applications,
        application_count: known.allowed.len(),
        changes: changes::newest(&app, &user.id, SHOWN_OTHERS).await?,
        protect_url: paths::ACCOUNT_PROTECT,
    };
    show(&app, &browser, user, "account/security.html", &content)
}

fn connected(
    client: &ClientRecord,
    consent: &Consent,
    scope: &Scope,
    now: Timestamp,
) -> ConnectedApplication {
    ConnectedApplication {
        application: ApplicationView::of(client),
        scopes: scope.words().into_iter().map(|words| words.title).collect(),
        connected: TimeView::of(consent.granted_at, now),
        last_used: Some(TimeView::of(consent.last_used_at, now)),
    }
}
