//! `/account/two-factor`: whether it is on, with which apps, how many backup codes are left, and
//! which browsers are trusted.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Serialize;

use super::set_up::in_place_of;
use super::{Here, done};
use crate::app::App;
use crate::clock::Timestamp;
use crate::identity::two_factor::{self, MAX_AUTHENTICATORS, is_by_backup_code};
use crate::secret::sha256;
use crate::store::backup_codes::{self, BackupCode};
use crate::store::credentials::{self, TotpCredential};
use crate::store::devices::{self, Device};
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::page::see_other;
use crate::web::parameters::of_query;
use crate::web::session::{Browser, SignedIn, devices as devices_of};
use crate::web::shell::{self, Shell};
use crate::web::views::TimeView;
use crate::{paths, user_agent};

/// From so many codes on, people are urged to make new ones.
pub(super) const FEW: usize = 3;

#[expect(clippy::struct_excessive_bools, reason = "what the page shows or leaves out")]
#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    shell: Shell,
    required: bool,
    trust_offered: bool,
    /// Signed in by a backup code: the phone may be lost.
    recovered: bool,
    may_add: bool,
    apps: Vec<AppView>,
    codes: CodesView,
    browsers: Vec<BrowserView>,
    links: Links,
}

#[derive(Serialize)]
struct AppView {
    name: String,
    added: TimeView,
    last_used: Option<TimeView>,
    remove_url: String,
    /// Where another takes its place; none where it is the only one.
    replace_url: Option<String>,
}

#[derive(Serialize)]
struct CodesView {
    made: Option<TimeView>,
    left: usize,
    few: bool,
    saved: bool,
    used: Vec<UsedView>,
}

#[derive(Serialize)]
struct UsedView {
    position: i64,
    at: TimeView,
}

#[derive(Serialize)]
struct BrowserView {
    name: Option<String>,
    here: bool,
    last_seen: TimeView,
    until: TimeView,
    distrust_url: String,
}

#[derive(Serialize)]
struct Links {
    saved: &'static str,
    set_up: &'static str,
    backup_codes: &'static str,
    off: &'static str,
    distrust_all: &'static str,
}

const LINKS: Links = Links {
    saved: paths::ACCOUNT_TWO_FACTOR,
    set_up: paths::ACCOUNT_TWO_FACTOR_SET_UP,
    backup_codes: paths::ACCOUNT_BACKUP_CODES,
    off: paths::ACCOUNT_TWO_FACTOR_OFF,
    distrust_all: paths::ACCOUNT_BROWSERS_DISTRUST,
};

/// Shows it.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    browser: Browser,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, PageError> {
    let now = app.clock.now();
    let (apps, codes, mut trusted) = {
        let mut db = app.store.read().await?;
        (
            credentials::list_confirmed_totp(&mut db, &user.id).await?,
            backup_codes::list(&mut db, &user.id).await?,
            devices::list(&mut db, &user.id).await?,
        )
    };
    trusted.retain(|device| two_factor::may_be_trusted(&app, device, now));
    let here: Vec<_> = devices_of(&app, &headers).iter().map(|token| sha256(token)).collect();
    let content = Overview {
        shell: Shell::of(&user).done(what_was_done(&uri)),
        required: two_factor::is_required(&app, &user),
        trust_offered: two_factor::is_offered(&app),
        recovered: !apps.is_empty() && is_by_backup_code(&session.amr),
        may_add: apps.len() < MAX_AUTHENTICATORS,
        apps: apps.iter().map(|one| app_view(one, apps.len() > 1, now)).collect(),
        codes: codes_view(&codes, now),
        browsers: trusted.iter().map(|one| browser_view(one, &here, now)).collect(),
        links: LINKS,
    };
    shell::page(&app, &browser, &user, "account/two_factor/overview.html")
        .await?
        .render(&app, &content)
}

/// Notes that the codes which were just shown are kept somewhere. It changes nothing but the
/// reminder, so it asks for no fresh proof: a person may take their time to write ten codes down.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { session, user }: SignedIn,
    here: Here,
    form: PageForm,
) -> Result<Response, PageError> {
    if form.text("saved").is_empty() {
        return Ok(see_other(paths::ACCOUNT_TWO_FACTOR));
    }
    two_factor::mark_saved(&app, &here.by(&user, &session)).await?;
    Ok(done("saved"))
}

fn what_was_done(uri: &Uri) -> Option<&'static str> {
    let query = of_query(uri).ok()?;
    match query.once("done").ok().flatten()? {
        "added" => Some(
            "The authenticator app was added. Its codes work from now on, and browsers that you trusted are \
             asked for one again.",
        ),
        "replaced" => Some(
            "The new authenticator app works, and what it replaced no longer does. Browsers that you \
             trusted are asked for a code again.",
        ),
        "removed" => Some(
            "The authenticator app was removed. Its codes no longer work, and every browser will be \
             asked for a code at its next sign-in.",
        ),
        "saved" => Some("Good. Keep your backup codes where only you can find them."),
        "off" => Some("Two-factor is off. Your password alone signs you in."),
        "distrusted" => Some("That browser will be asked for a code at its next sign-in."),
        "distrusted-all" => Some("Every browser will be asked for a code at its next sign-in."),
        _ => None,
    }
}

fn app_view(one: &TotpCredential, several: bool, now: Timestamp) -> AppView {
    AppView {
        name: one.name.clone(),
        added: TimeView::of(one.confirmed_at.unwrap_or(one.created_at), now),
        last_used: one.last_used_at.map(|at| TimeView::of(at, now)),
        remove_url: paths::about(paths::ACCOUNT_AUTHENTICATOR_REMOVE, &one.id),
        replace_url: several.then(|| in_place_of(&one.id)),
    }
}

fn codes_view(codes: &[BackupCode], now: Timestamp) -> CodesView {
    let left = codes.iter().filter(|code| code.used_at.is_none()).count();
    let used = |code: &BackupCode| {
        code.used_at.map(|at| UsedView { position: code.position, at: TimeView::of(at, now) })
    };
    CodesView {
        made: codes.first().map(|code| TimeView::of(code.created_at, now)),
        left,
        few: left <= FEW,
        saved: codes.iter().all(|code| code.saved_at.is_some()),
        used: codes.iter().filter_map(used).collect(),
    }
}

fn browser_view(device: &Device, here: &[String], now: Timestamp) -> BrowserView {
    BrowserView {
        name: user_agent::describe(&device.user_agent),
        here: here.contains(&device.token_hash),
        last_seen: TimeView::of(device.last_seen_at, now),
        until: TimeView::of(device.trusted_until.unwrap_or(now), now),
        distrust_url: paths::about(paths::ACCOUNT_BROWSER_DISTRUST, &device.id),
    }
}
