//! `/account/sessions`: where a person is signed in, ended from afar.

use std::time::Duration;

use latchkey::clock::Timestamp;
use latchkey::identity::{logout_notices, people, two_factor};
use latchkey::paths;
use latchkey::server::sweeping::sweep;
use latchkey::store::events::{self, Event};
use latchkey::store::sessions::{self, BrowserSession};
use latchkey::store::{devices, queue};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{sign_in, totp};
use crate::support::happenings::disconnect;
use crate::support::page::Page;
use crate::support::stage::{Ask, Stage, walk_on};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// The address of a test's browser: the instance does not see the connection.
const NOWHERE: &str = "127.0.0.1";

const SEED: &[u8] = b"twenty bytes of seed";

/// What each session's row says.
fn rows(page: &Page) -> Vec<String> {
    page.texts("#active-sessions > li")
}

async fn events_of(latchkey: &Latchkey, user_id: &str, kind: &str) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.unwrap();
    let filter = events::Filter { user_id: Some(user_id), since: None, before: None, limit: 1000 };
    let mut all = events::list(&mut db, filter).await.unwrap();
    all.retain(|event| event.kind == kind);
    all
}

async fn is_out(browser: &mut Browser) -> bool {
    browser.open(paths::ACCOUNT_SECURITY).await.has("password")
}

/// Alice's phone, signed in with "keep me signed in".
async fn phone_of(stage: &Stage) -> Browser {
    let mut phone = stage.latchkey.browser();
    IPHONE.clone_into(&mut phone.user_agent);
    let login = phone.open(paths::LOGIN).await;
    let login = login.fill("username", "alice").fill("password", &stage.alice.password);
    let page = phone.submit(&login.tick("remember"), "Sign in").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    phone
}

#[tokio::test]
async fn the_page_shows_each_browser_with_what_is_known_of_it_and_this_one_first() {
    let mut stage = Stage::set().await;
    let mut phone = phone_of(&stage).await;
    let calendar = stage.latchkey.client(clients::other()).await;
    let arrival = phone.arrive(&stage.ask().address()).await;
    walk_on(&mut phone, &stage.alice, arrival).await.departure();
    let arrival = phone.arrive(&Ask::of(&calendar).address()).await;
    walk_on(&mut phone, &stage.alice, arrival).await.departure();
    stage.latchkey.pass(Duration::from_hours(2));
    stage.grant(&stage.ask()).await;
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    assert_eq!(page.heading(), "Active sessions");
    let rows = rows(&page);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let wanted = ["Chrome 149 on Linux Current session", NOWHERE, "Active now"];
    for words in wanted.into_iter().chain(["with password", "Used for Photo Printer"]) {
        assert!(rows[0].contains(words), "{words}: {}", rows[0]);
    }
    assert!(!rows[0].contains("Kept signed in") && !rows[0].contains("Calendar"), "{}", rows[0]);
    for words in [
        "Safari 18 on iPhone Kept signed in",
        "Last active 2 hours ago",
        "Signed in 2 hours ago with password",
        "Calendar",
        "Photo Printer",
    ] {
        assert!(rows[1].contains(words), "{words}: {}", rows[1]);
    }
    assert!(!rows[1].contains("Current session"), "{}", rows[1]);
    // The same from the other side.
    let page = phone.open(paths::ACCOUNT_SESSIONS).await;
    assert!(
        page.texts("#active-sessions > li")[0].contains("iPhone Current session Kept"),
        "{page}"
    );
    assert!(page.body.len() < 40_000);
}

#[tokio::test]
async fn a_second_factor_is_told() {
    let stage = Stage::set().await;
    stage.latchkey.enrol(&stage.alice, SEED).await;
    let mut browser = stage.browser.clone();
    let login = browser.open(paths::LOGIN).await;
    let login = login.fill("username", "alice").fill("password", &stage.alice.password);
    let page = browser.submit(&login, "Sign in").await.page();
    let page = page.fill("code", &totp(SEED, stage.latchkey.clock.now().seconds()));
    browser.submit(&page, "Verify").await.page();
    let page = browser.open(paths::ACCOUNT_SESSIONS).await;
    assert!(rows(&page)[0].contains("with password and two-factor"), "{page}");
}

#[tokio::test]
async fn many_applications_are_counted() {
    let mut stage = Stage::set().await;
    for n in 1..=5 {
        let mut metadata = clients::other();
        metadata["client_id"] = json!(format!("app-{n}"));
        metadata["client_name"] = json!(format!("Application {n}"));
        let client = stage.latchkey.client(metadata).await;
        stage.latchkey.pass_seconds(1);
        stage.walk(&Ask::of(&client)).await.departure();
    }
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    let row = rows(&page).remove(0).replace(" ,", ",");
    let used = "Used for Application 5, Application 4, Application 3 and 2 more";
    assert!(row.contains(used), "{row}");
}

#[tokio::test]
async fn a_browser_that_another_ends_is_out_at_its_next_request() {
    let mut stage = Stage::set().await;
    let mut phone = phone_of(&stage).await;
    sign_in(&mut stage.browser, &stage.alice).await;
    assert!(!is_out(&mut phone).await);
    let list = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    let end = list.link("Sign out Safari 18 on iPhone");
    let page = stage.browser.open(end.as_str()).await;
    assert_eq!(page.heading(), "Sign out Safari 18 on iPhone?");
    assert!(page.says("signed out at once") && page.says("change your password"), "{page}");
    assert!(!is_out(&mut phone).await, "asking does nothing");
    let page = stage.browser.submit(&page, "Sign out that browser").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SESSIONS);
    assert_eq!(page.texts("main [role=status]"), ["That browser is signed out."]);
    assert_eq!(rows(&page).len(), 1, "{page}");
    assert!(page.says("No other browser is signed in."), "{page}");
    assert!(is_out(&mut phone).await && !is_out(&mut stage.browser).await);
    // It is gone: nothing to ask about, nothing to end.
    let gone = stage.browser.open(end.as_str()).await;
    assert_eq!(gone.status, 404, "{gone}");
    let told = events_of(&stage.latchkey, &stage.alice.id, "session_ended").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].address.as_deref(), Some(NOWHERE));
    assert_eq!(told[0].user_agent.as_deref(), Some(stage.browser.user_agent.as_str()));
    assert_eq!(told[0].details["device"], "Safari 18 on iPhone");
    assert_eq!(told[0].actor.as_deref(), Some(stage.alice.id.as_str()));
}

#[tokio::test]
async fn ending_the_session_in_this_browser_is_signing_out() {
    let mut stage = Stage::set().await;
    let mut phone = phone_of(&stage).await;
    sign_in(&mut stage.browser, &stage.alice).await;
    // Long after signing in: to leave, nobody has to prove anything.
    stage.latchkey.pass(Duration::from_mins(20));
    let page = stage.end_session("Current session").await;
    assert_eq!(page.heading(), "You are signed out");
    assert!(is_out(&mut stage.browser).await && !is_out(&mut phone).await);
    let told = events_of(&stage.latchkey, &stage.alice.id, "signed_out").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].address.as_deref(), Some(NOWHERE));
    assert!(told[0].user_agent.is_some() && told[0].session_id.is_some());
}

#[tokio::test]
async fn all_others_are_ended_at_once() {
    let mut stage = Stage::set().await;
    let mut others = [phone_of(&stage).await, phone_of(&stage).await, stage.latchkey.browser()];
    sign_in(&mut others[2], &stage.alice).await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let bob = stage.latchkey.bob().await;
    let mut bobs = stage.latchkey.browser();
    sign_in(&mut bobs, &bob).await;
    let list = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    let page = stage.browser.open(list.link("Terminate all other sessions").as_str()).await;
    assert_eq!(page.heading(), "Terminate all other sessions?");
    assert!(page.says("3 browsers will be signed out at once"), "{page}");
    let page = stage.browser.submit(&page, "Terminate 3 sessions").await.page();
    assert_eq!(page.texts("main [role=status]"), ["All other browsers are signed out."]);
    for other in &mut others {
        assert!(is_out(other).await);
    }
    assert!(!is_out(&mut bobs).await && !is_out(&mut stage.browser).await);
    let told = events_of(&stage.latchkey, &stage.alice.id, "sessions_ended").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].details["sessions"], 3);
    assert_eq!(told[0].address.as_deref(), Some(NOWHERE));
    // Without others the page says so, and has no form.
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
    assert!(page.says("There is nothing to sign out.") && !page.has("Sign out 0"), "{page}");
}

/// Puts `count` sessions of a person beside those that are there.
async fn add_sessions(latchkey: &Latchkey, user_id: &str, count: usize) {
    let (app, now) = (&latchkey.app, latchkey.clock.now());
    let mut db = app.store.write().await.unwrap();
    for _ in 0..count {
        let id = app.random.id(now);
        let session = BrowserSession {
            token_hash: id.clone(),
            id,
            user_id: user_id.to_owned(),
            created_at: now,
            last_active_at: now,
            auth_time: now,
            amr: "pwd".into(),
            acr: "1".into(),
            address: "129.132.1.1".into(),
            user_agent: IPHONE.into(),
            idle_ttl: 3_600_000,
            expires_at: now + Duration::from_hours(10),
            remembered_at: None,
            ended_at: None,
            end_reason: None,
            device_id: None,
        };
        sessions::insert(&mut db, &session).await.unwrap();
    }
    db.commit().await.unwrap();
}

#[tokio::test]
async fn of_a_thousand_sessions_a_hundred_are_shown_and_all_can_be_ended() {
    let mut stage = Stage::set().await;
    sign_in(&mut stage.browser, &stage.alice).await;
    add_sessions(&stage.latchkey, &stage.alice.id, 1000).await;
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    assert_eq!(rows(&page).len(), 100);
    assert!(rows(&page)[0].contains("Current session"), "{}", rows(&page)[0]);
    assert!(rows(&page)[1].contains("Switzerland (approximate)"), "{}", rows(&page)[1]);
    assert!(page.says("signed in in 1001 browsers") && page.says("901 more are not"), "{page}");
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
    let page = stage.browser.submit(&page, "Terminate 1000 sessions").await.page();
    assert_eq!(rows(&page).len(), 1, "{page}");
}

#[tokio::test]
async fn what_is_over_is_not_shown() {
    let mut stage = Stage::set().await;
    let rules = stage.latchkey.app.config.sessions.clone();
    // One that rests too long, one that was signed out.
    sign_in(&mut stage.latchkey.browser(), &stage.alice).await;
    let mut left = stage.latchkey.browser();
    sign_in(&mut left, &stage.alice).await;
    let logout = left.open(paths::LOGOUT).await;
    left.submit(&logout, "Sign out").await.page();
    stage.latchkey.pass(rules.idle.get());
    sign_in(&mut stage.browser, &stage.alice).await;
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    assert_eq!(rows(&page).len(), 1, "{page}");
    let overview = stage.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(overview.says("No other browser is signed in"), "{overview}");
}

#[tokio::test]
async fn known_browsers_are_listed_and_can_be_forgotten() {
    let mut stage = Stage::set().await;
    let mut phone = phone_of(&stage).await;
    stage.latchkey.pass_seconds(60);
    sign_in(&mut stage.browser, &stage.alice).await;
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    let known = page.texts("#known-browsers > li");
    assert_eq!(known.len(), 2, "{page}");
    assert!(known[0].contains("Chrome 149 on Linux This browser"), "{}", known[0]);
    assert!(known[1].contains("Safari 18 on iPhone Local network"), "{}", known[1]);
    let ask = page.link("Forget Safari 18 on iPhone");
    let page = stage.browser.open(ask.as_str()).await;
    assert_eq!(page.heading(), "Forget Safari 18 on iPhone?");
    assert!(page.says("told to you by mail") && !page.says("asked for a code"), "{page}");
    let page = stage.browser.submit(&page, "Forget this browser").await.page();
    assert_eq!(page.texts("main [role=status]"), ["That browser is forgotten."]);
    assert_eq!(page.texts("#known-browsers > li").len(), 1, "{page}");
    assert!(!is_out(&mut phone).await, "it stays signed in");
    assert_eq!(stage.browser.open(ask.as_str()).await.status, 404);
    let told = events_of(&stage.latchkey, &stage.alice.id, "device_forgotten").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].address.as_deref(), Some(NOWHERE));
}

#[tokio::test]
async fn trust_is_shown_and_goes_with_the_browser() {
    let mut stage = Stage::set().await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let (app, now) = (stage.latchkey.app.clone(), stage.latchkey.clock.now());
    let mut db = app.store.write().await.unwrap();
    let device = devices::list(&mut db, &stage.alice.id).await.unwrap().remove(0);
    let until = now + Duration::from_hours(24 * 30);
    devices::trust(&mut db, &stage.alice.id, &device.token_hash, until, now).await.unwrap();
    db.commit().await.unwrap();
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    let row = &page.texts("#known-browsers > li")[0];
    assert!(row.contains("Trusted") && row.contains("Needs no code until 1 April 2026"), "{row}");
    let page = stage.browser.open(page.link("Forget Chrome").as_str()).await;
    assert!(page.says("asked for a code again"), "{page}");
    stage.browser.submit(&page, "Forget this browser").await.page();
    let mut db = app.store.read().await.unwrap();
    let kept = devices::find(&mut db, &stage.alice.id, std::slice::from_ref(&device.token_hash))
        .await
        .unwrap();
    assert!(kept.is_none(), "{kept:?}");
}

/// The notices that wait, each once.
async fn notices(latchkey: &Latchkey) -> Vec<logout_notices::LogoutNotice> {
    let now = latchkey.clock.now();
    let mut db = latchkey.app.store.write().await.unwrap();
    let again = now + Duration::from_mins(1);
    let jobs = queue::claim(&mut db, logout_notices::KIND, now, again, 100).await.unwrap();
    db.commit().await.unwrap();
    jobs.iter().map(|job| logout_notices::read(&latchkey.app, job).unwrap()).collect()
}

#[tokio::test]
async fn applications_that_want_to_know_are_told_once_for_each_session() {
    let mut stage = Stage::set().await;
    let mut metadata = clients::other();
    metadata["backchannel_logout_uri"] = json!("https://other.example/out");
    let calendar = stage.latchkey.client(metadata).await;
    // Both applications in both browsers; the calendar twice in one.
    let mut phone = phone_of(&stage).await;
    for _ in 0..2 {
        let code = walk_on_code(&mut phone, &stage, &Ask::of(&calendar)).await;
        assert_eq!(code, 200);
    }
    stage.latchkey.pass_seconds(1);
    stage.grant(&stage.ask()).await;
    stage.grant(&Ask::of(&calendar)).await;
    assert_eq!(notices(&stage.latchkey).await, [], "nothing has ended");
    stage.latchkey.pass_seconds(1);
    stage.end_session("iPhone").await;
    let told = notices(&stage.latchkey).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].client_id, calendar.id);
    assert_eq!(told[0].user_id, stage.alice.id);
    let ended = events_of(&stage.latchkey, &stage.alice.id, "session_ended").await;
    assert_eq!(ended[0].details["session"], json!(told[0].session_id));
    // Signing out, and being signed out by support, tell the same way.
    stage.latchkey.pass_seconds(1);
    people::sign_out(&stage.latchkey.app, "alice").await.unwrap();
    let told = notices(&stage.latchkey).await;
    assert_eq!(told.len(), 1, "{told:?}");
    // What could not be told in ten minutes is not told any more.
    stage.latchkey.pass(Duration::from_mins(11));
    assert_eq!(notices(&stage.latchkey).await, []);
    stage.latchkey.pass(Duration::from_hours(72));
    sweep(&stage.latchkey.app).await.unwrap();
    let mut db = stage.latchkey.app.store.write().await.unwrap();
    let (far, none) = (Timestamp::from_millis(i64::MAX), queue::sweep);
    assert_eq!(none(&mut db, far, 100).await.unwrap(), 0, "it was swept");
}

#[tokio::test]
async fn applications_that_lose_their_access_are_told_once_as_well() {
    let latchkey = Latchkey::start_with(|config| config.login.max_failures = 100).await;
    let mut stage = Stage::on(latchkey).await;
    let mut metadata = clients::other();
    metadata["backchannel_logout_uri"] = json!("https://other.example/out");
    let calendar = stage.latchkey.client(metadata).await;
    let mut phone = phone_of(&stage).await;
    let ask = Ask::of(&calendar);
    // Disconnected by itself, and with all others.
    stage.grant(&ask).await;
    stage.latchkey.pass_seconds(1);
    disconnect(&mut stage.browser, "Calendar").await;
    let told = notices(&stage.latchkey).await;
    assert_eq!(told.len(), 1, "{told:?}");
    stage.grant(&ask).await;
    stage.latchkey.pass_seconds(1);
    let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL).await;
    stage.browser.submit(&page, "Revoke all").await.page();
    assert_eq!(notices(&stage.latchkey).await.len(), 1);
    // With a new password: one for the browser that is put out, one for the one that stays.
    stage.grant(&ask).await;
    assert_eq!(walk_on_code(&mut phone, &stage, &ask).await, 200);
    stage.latchkey.pass_seconds(1);
    let page = stage.browser.open(paths::ACCOUNT_PASSWORD).await;
    let new = "w1nter-Kettle-Falls%7";
    let page = page.fill("password", &stage.alice.password).fill("new_password", new);
    let page = page.fill("new_password_again", new).tick("end_applications");
    stage.browser.submit(&page, "Change password").await.page();
    let mut told: Vec<_> =
        notices(&stage.latchkey).await.into_iter().map(|one| one.session_id).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(notices(&stage.latchkey).await, [], "each once");
}

#[tokio::test]
async fn applications_whose_session_is_long_over_are_told_when_support_or_a_mail_ends_their_access()
{
    for ending in ["mail", "password", "two-factor"] {
        let mut stage = Stage::set().await;
        let mut metadata = clients::other();
        metadata["backchannel_logout_uri"] = json!("https://other.example/out");
        let calendar = stage.latchkey.client(metadata).await;
        let ask =
            Ask::of(&calendar).with("scope", "openid offline_access").with("prompt", "consent");
        let grant = stage.grant(&ask).await;
        stage.latchkey.pass_seconds(1);
        people::sign_out(&stage.latchkey.app, "alice").await.unwrap();
        notices(&stage.latchkey).await;
        assert!(stage.is_alive(&grant.access).await, "{ending}: it outlives the session");
        stage.latchkey.pass_seconds(1);
        let app = &stage.latchkey.app;
        match ending {
            "mail" => {
                let link = stage.latchkey.recovery_link(&stage.alice).await;
                let new = "w1nter-Kettle-Falls%7";
                let page = stage.browser.open(&link).await.fill("password", new);
                let page = page.fill("repeat", new);
                stage.browser.submit(&page, "Set new password").await.page();
            }
            "password" => {
                people::set_password(app, "alice", &"w1nter-Kettle-Falls%7".into()).await.unwrap();
            }
            _ => drop(two_factor::reset(app, "alice").await.unwrap()),
        }
        stage.is_dead(ending, &grant).await;
        let told = notices(&stage.latchkey).await;
        assert_eq!(told.len(), 1, "{ending}: {told:?}");
        assert_eq!(told[0].client_id, calendar.id);
    }
}

/// Signs in to an application and redeems the code; the status of the answer.
async fn walk_on_code(browser: &mut Browser, stage: &Stage, ask: &Ask) -> u16 {
    let arrival = browser.arrive(&ask.address()).await;
    let came = walk_on(browser, &stage.alice, arrival).await.departure();
    let code = came.parameter("code").expect("a code");
    stage.redeem(ask, &code).await.status.as_u16()
}

#[tokio::test]
async fn support_signs_somebody_out_everywhere() {
    let mut stage = Stage::set().await;
    let mut phone = phone_of(&stage).await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let (_, ended) = people::sign_out(&stage.latchkey.app, "alice").await.unwrap();
    assert_eq!(ended, 2);
    assert!(is_out(&mut stage.browser).await && is_out(&mut phone).await);
    let told = events_of(&stage.latchkey, &stage.alice.id, "user_signed_out").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].actor.as_deref(), Some("administrator"));
    assert_eq!((&told[0].address, &told[0].user_agent), (&None, &None));
    sign_in(&mut stage.browser, &stage.alice).await;
    let page = stage.browser.open(paths::ACCOUNT_SESSIONS).await;
    assert_eq!(rows(&page).len(), 1, "nothing is left of the others: {page}");
}
