//! `/account/security`: the overview. What needs doing stands first, then the state of things.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::account::advice::{AdviceView, facts};
use crate::account::changes::{self, Change};
use crate::account::happenings::{FailuresView, SignInView};
use crate::account::show;
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::advice::{Asked, Trail, advise};
use crate::identity::two_factor;
use crate::paths;
use crate::protocol::scope::Scope;
use crate::store::backup_codes::{self, BackupCode};
use crate::store::clients::ClientRecord;
use crate::store::consents::{self, Consent};
use crate::store::credentials::{self, PasswordCredential};
use crate::store::sessions;
use crate::user_agent;
use crate::web::error::PageError;
use crate::web::here::Here;
use crate::web::session::{Browser, SignedIn};
use crate::web::shell::Shell;
use crate::web::views::{ApplicationView, TimeView};

/// So many sign-ins are shown …
const SHOWN_SIGN_INS: usize = 5;
/// … and so much else: the rest is one link away.
const SHOWN_OTHERS: usize = 3;

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    shell: Shell,
    advice: Vec<AdviceView>,
    recognize_action: &'static str,
    password_set: Option<TimeView>,
    two_factor: TwoFactorView,
    session: SessionView,
    other_sessions: usize,
    sign_ins: Vec<SignInView>,
    failures: Option<FailuresView>,
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
    pub(super) codes_blocked: bool,
    pub(super) codes: Vec<BackupCode>,
    pub(super) trail: Trail,
    other_sessions: usize,
    allowed: Vec<(Consent, Scope)>,
}

async fn known(app: &App, signed_in: &SignedIn, now: Timestamp) -> Result<Known, PageError> {
    let SignedIn { session, user } = signed_in;
    let mut db = app.store.read().await?;
    let open = sessions::list(&mut db, &user.id).await?;
    let password = credentials::find(&mut db, &user.id).await?;
    let password_set_at = password.as_ref().map(|one| one.set_at);
    Ok(Known {
        password,
        two_factor: credentials::has_second_factor(&mut db, &user.id).await?,
        codes_blocked: two_factor::are_codes_blocked(&mut db, &user.id).await?,
        codes: backup_codes::list(&mut db, &user.id).await?,
        trail: Trail::read(&mut db, &Asked { session, password_set_at, now }).await?,
        other_sessions: open.iter().filter(|one| one.is_live(now) && one.id != session.id).count(),
        allowed: consents::list(&mut db, &user.id).await?,
    })
}

/// Shows the overview.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    browser: Browser,
    here: Here,
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
        shell: Shell::of(user).done(done(here.query("done"))),
        advice: advice.iter().map(|one| AdviceView::of(one, now)).collect(),
        recognize_action: paths::ACCOUNT_RECOGNIZED,
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
        sign_ins: last_sign_ins(&app, &known.trail, &session.id, now),
        failures: FailuresView::of(&known.trail.failures, now),
        applications,
        application_count: known.allowed.len(),
        changes: changes::newest(&app, &user.id, SHOWN_OTHERS).await?,
        protect_url: paths::ACCOUNT_PROTECT,
    };
    show(&app, &browser, user, "account/security.html", &content).await
}

fn last_sign_ins(app: &App, trail: &Trail, session_id: &str, now: Timestamp) -> Vec<SignInView> {
    let last = trail.successes.iter().take(SHOWN_SIGN_INS);
    last.map(|event| SignInView::of(app, event, session_id, now)).collect()
}

fn done(word: &str) -> Option<&'static str> {
    (word == "recognized").then_some("Thank you. You will not be asked about that again.")
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
