//! `/account/history`: who signed in or tried to, how that is told, and what is unusual.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{post_raw, sign_in, sign_in_with, totp};
use crate::support::page::Page;
use crate::support::people::{PASSWORD, TestUser};

const SEED: &[u8] = b"twenty bytes of seed";
const MINUTE: Duration = Duration::from_mins(1);

/// The rows of the page, each as one line of words.
fn rows(page: &Page) -> Vec<String> {
    page.texts(".log-row")
}

/// What the history shows in `browser`.
async fn history(browser: &mut Browser) -> Vec<String> {
    rows(&browser.open(paths::ACCOUNT_HISTORY).await)
}

/// What the history shows of one kind.
async fn only(browser: &mut Browser, show: &str) -> Vec<String> {
    rows(&browser.open(&format!("{}?show={show}", paths::ACCOUNT_HISTORY)).await)
}

/// The events about sign-ins, the newest first.
async fn sign_ins(latchkey: &Latchkey) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: None, since: None, before: None, limit: 500 };
    let mut events = events::list(&mut db, filter).await.expect("events");
    events.retain(|event| event.kind == "sign_in");
    events
}

/// A failed attempt on `user`'s account, as it is written down.
fn failure(latchkey: &Latchkey, user: &TestUser) -> Event {
    Event {
        user_id: Some(user.id.clone()),
        address: Some("192.0.2.1".into()),
        outcome: "failed".into(),
        details: json!({ "method": "password" }),
        ..latchkey.app.event("sign_in")
    }
}

#[tokio::test]
async fn each_attempt_is_told_with_when_where_and_how() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in_with(&mut browser, "alice", "wrong").await;
    latchkey.pass(MINUTE);
    sign_in(&mut browser, &alice).await;
    let told = history(&mut browser).await;
    assert_eq!(told.len(), 2, "{told:?}");
    for words in ["Signed in", "Successful", "This session", "Password", "Chrome 149 on Linux"] {
        assert!(told[0].contains(words), "{words}: {told:?}");
    }
    for words in ["Wrong password", "Failed", "127.0.0.1", "Local network", "1 minute ago"] {
        assert!(told[1].contains(words), "{words}: {told:?}");
    }
    assert!(told.iter().all(|row| !row.contains("Unusual")), "the first is not unusual: {told:?}");
    let events = sign_ins(&latchkey).await;
    assert!(events[0].session_id.is_some(), "a success names the session that came of it");
    assert_eq!(events[0].details["method"], "password");
    assert_eq!(events[0].details["unusual"], json!([]));
    // Somebody else's history is not hers.
    let bob = latchkey.bob().await;
    let mut other = latchkey.browser();
    sign_in(&mut other, &bob).await;
    assert_eq!(history(&mut other).await.len(), 1);
}

#[tokio::test]
async fn the_history_is_shown_only_after_signing_in_and_then_at_once() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    let login = browser.open(paths::ACCOUNT_HISTORY).await;
    assert_eq!(login.heading(), "Sign in");
    let filled = login.fill("username", &alice.username).fill("password", PASSWORD);
    let page = browser.submit(&filled, "Sign in").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_HISTORY, "{page}");
    assert_eq!(page.heading(), "Sign-in history");
}

#[tokio::test]
async fn a_right_password_without_its_code_is_a_warning_until_the_code_comes() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut own = latchkey.browser();
    sign_in(&mut own, &alice).await;
    latchkey.enrol(&alice, SEED).await;
    latchkey.pass(MINUTE);
    // Somebody knows the password and gives up at the code.
    let mut stranger = latchkey.browser();
    sign_in_with(&mut stranger, "alice", PASSWORD).await;
    let told = history(&mut own).await;
    assert!(told[0].contains("No code yet") && told[0].contains("password was right"), "{told:?}");
    assert!(told[0].contains("New browser or device"), "{told:?}");
    latchkey.pass(11 * MINUTE);
    let told = history(&mut own).await;
    assert!(told[0].contains("Stopped at the code") && told[0].contains("Failed"), "{told:?}");
    assert!(told[0].contains("The password was right, but no right code followed."), "{told:?}");
    // She signs in herself: a wrong code, then the right one.
    let mut phone = latchkey.browser();
    let page = sign_in_with(&mut phone, "alice", PASSWORD).await;
    latchkey.pass_seconds(1);
    let page = phone.submit(&page.fill("code", "000000"), "Verify").await.page();
    latchkey.pass_seconds(1);
    let code = totp(SEED, latchkey.clock.now().seconds());
    phone.submit(&page.fill("code", &code), "Verify").await.page();
    let told = history(&mut phone).await;
    assert_eq!(told.len(), 4, "the password and the code of one sign-in are one row: {told:?}");
    assert!(told[0].contains("Signed in") && told[0].contains("Password and code"), "{told:?}");
    assert!(told[1].contains("Wrong code") && told[1].contains("password was right"), "{told:?}");
    assert!(told[2].contains("Stopped at the code"), "{told:?}");
    let attempts: BTreeSet<_> =
        sign_ins(&latchkey).await.into_iter().filter_map(|event| event.attempt).collect();
    assert_eq!(attempts.len(), 2, "each sign-in has a name of its own");
    // The one that led nowhere stays a failure, and unusual.
    let failed = only(&mut phone, "failed").await;
    assert_eq!(failed.len(), 2, "{failed:?}");
    let unusual = only(&mut phone, "unusual").await;
    assert_eq!(unusual.len(), 2, "hers from the phone and the stranger's: {unusual:?}");
}

#[tokio::test]
async fn each_filter_shows_what_it_names() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let mut stranger = latchkey.browser();
    sign_in_with(&mut stranger, "alice", "wrong").await;
    let mut db = latchkey.app.store.write().await.expect("a write");
    let blocked = Event { outcome: "blocked".into(), ..failure(&latchkey, &alice) };
    events::record(&mut db, &blocked).await.expect("an event");
    db.commit().await.expect("a commit");
    for (button, words) in
        [("Successful", "Signed in"), ("Failed", "Wrong password"), ("Blocked", "Not checked")]
    {
        let page = browser.open(paths::ACCOUNT_HISTORY).await;
        let page = browser.submit(&page, button).await.page();
        let told = rows(&page);
        assert_eq!(told.len(), 1, "{button}: {told:?}");
        assert!(told[0].contains(words), "{button}: {told:?}");
        let current = page.texts(".chip[aria-pressed=true]");
        assert_eq!(current, [button], "the page says what it shows");
    }
    assert!(only(&mut browser, "unusual").await.is_empty());
    assert_eq!(only(&mut browser, "anything").await.len(), 3, "an unknown word shows all");
    let page = browser.open(&format!("{}?show=unusual", paths::ACCOUNT_HISTORY)).await;
    assert!(page.says("There is nothing of this kind"), "{page}");
}

#[tokio::test]
async fn the_pages_show_every_attempt_once() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut db = latchkey.app.store.write().await.expect("a write");
    for number in 0..50 {
        // Several of one instant: the order must hold within it too.
        if number % 7 == 0 {
            latchkey.pass_seconds(1);
        }
        let address = Some(format!("198.51.100.{number}"));
        let event = Event { address, ..failure(&latchkey, &alice) };
        events::record(&mut db, &event).await.expect("an event");
    }
    db.commit().await.expect("a commit");
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let mut page = browser.open(&format!("{}?show=failed", paths::ACCOUNT_HISTORY)).await;
    let mut seen = Vec::new();
    for expected in [20, 20, 10] {
        assert_eq!(rows(&page).len(), expected);
        seen.extend(page.texts(".log-where p:last-child"));
        if expected == 20 {
            let older = page.link("Older");
            page = browser.open(older.as_str()).await;
        }
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (50, 50));
    assert!(!page.body.contains(">Older"), "there is nothing more");
    let newest = browser.open(page.link("Newest").as_str()).await;
    assert_eq!(rows(&newest).len(), 20);
    assert!(newest.body.len() < 40_000, "{} bytes", newest.body.len());
}

/// Signs `user` in from `address`, as a proxy tells it; nothing of it stays in `browser`.
async fn sign_in_from(browser: &mut Browser, user: &TestUser, address: &str) {
    let login = browser.open(&format!("{}?switch=1", paths::LOGIN)).await;
    let filled = login.fill("username", &user.username).fill("password", PASSWORD);
    let form = filled.form_with("password").submission(None);
    let origin = form.action.origin().ascii_serialization();
    let headers = [
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", address),
    ];
    let answer = post_raw(browser, &form.action, &form.fields, &headers).await;
    assert_eq!(answer.status(), 303, "signed in from {address}");
}

#[tokio::test]
async fn another_country_or_browser_is_unusual_once() {
    let latchkey = Latchkey::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in_from(&mut browser, &alice, "8.8.8.8").await;
    latchkey.pass(MINUTE);
    // At home, in a browser that is remembered from now on.
    sign_in(&mut browser, &alice).await;
    for address in ["193.0.6.139", "193.0.6.139", "127.0.0.1"] {
        latchkey.pass(MINUTE);
        browser.cookies().close();
        sign_in_from(&mut browser, &alice, address).await;
    }
    latchkey.pass(MINUTE);
    sign_in(&mut browser, &alice).await;
    let events = sign_ins(&latchkey).await;
    let unusual: Vec<Value> =
        events.iter().rev().map(|event| event.details["unusual"].clone()).collect();
    let (none, device) = (json!([]), json!(["new_device"]));
    let expected = [&none, &device, &json!(["new_country"]), &none, &none, &none];
    assert_eq!(unusual.iter().collect::<Vec<_>>(), expected, "{events:#?}");
    assert_eq!(events[2].details["country"], "NL");
    let told = history(&mut browser).await;
    assert!(told[3].contains("Unusual: New country"), "{told:?}");
    assert!(told[3].contains("Netherlands (approximate)"), "{told:?}");
    assert!(told[5].contains("United States (approximate)"), "{told:?}");
}

#[tokio::test]
async fn several_failures_before_a_success_are_unusual() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    for _ in 0..5 {
        latchkey.pass(MINUTE);
        sign_in_with(&mut latchkey.browser(), "alice", "wrong").await;
    }
    latchkey.pass(MINUTE);
    // She closes the browser; it is remembered all the same.
    browser.cookies().close();
    sign_in(&mut browser, &alice).await;
    let told = only(&mut browser, "unusual").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("After several failed attempts"), "{told:?}");
    assert!(!told[0].contains("New browser"), "the browser is known: {told:?}");
}

#[tokio::test]
async fn the_history_can_be_taken_away_as_a_file() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut stranger = latchkey.browser();
    stranger.user_agent = "=cmd|' /C calc'!A0".into();
    sign_in_with(&mut stranger, "alice", "wrong").await;
    latchkey.pass(MINUTE);
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    let csv = browser.submit(&page, "CSV for spreadsheets").await.page();
    let header = |page: &Page, name: &str| page.headers[name].to_str().expect("ASCII").to_owned();
    assert_eq!(header(&csv, "content-type"), "text/csv; charset=utf-8; header=present");
    let attachment = "attachment; filename=\"sign-in-history-2026-03-02.csv\"";
    assert_eq!(header(&csv, "content-disposition"), attachment);
    assert_eq!(header(&csv, "cache-control"), "no-store");
    let lines: Vec<_> = csv.body.split("\r\n").collect();
    assert_eq!(lines.len(), 4, "a header, two attempts, the end: {lines:?}");
    assert!(lines[0].starts_with("time,result,what,method,address,"), "{lines:?}");
    assert!(lines[1].starts_with("2026-03-02T09:01:00Z,successful,Signed in,Password,127.0.0.1"));
    assert!(lines[2].contains(",'=cmd|' /C calc'!A0,"), "no formula: {lines:?}");
    let json = browser.submit(&page, "JSON").await.page();
    assert_eq!(header(&json, "content-type"), "application/json");
    let file: Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(file["sign_ins"].as_array().map(Vec::len), Some(2));
    assert_eq!(file["sign_ins"][1]["result"], "failed");
    assert_eq!(file["sign_ins"][1]["user_agent"], "=cmd|' /C calc'!A0");
    let mut odd = page.submission("JSON");
    for (name, value) in &mut odd.fields {
        if name == "format" {
            "exe".clone_into(value);
        }
    }
    assert_eq!(browser.send(&page, odd).await.page().status, 400);
    let changes = browser.open(paths::ACCOUNT_CHANGES).await;
    assert_eq!(changes.text().matches("Your data was downloaded").count(), 2, "{changes}");
}

#[tokio::test]
async fn the_file_is_given_only_after_a_fresh_proof_and_then_without_a_detour() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    latchkey.pass(6 * MINUTE);
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    let page = browser.submit(&page, "JSON").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
    let page = page.fill("password", PASSWORD);
    let page = browser.submit(&page, "Confirm").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_HISTORY_EXPORT, "{page}");
    assert_eq!(page.texts(".button.primary"), ["JSON"], "what was asked for stands out");
    let file = browser.submit(&page, "JSON").await.page();
    assert_eq!(file.headers["content-type"].to_str().expect("ASCII"), "application/json");
    let changes = browser.open(paths::ACCOUNT_CHANGES).await;
    assert_eq!(changes.text().matches("Your data was downloaded").count(), 1, "{changes}");
}

#[tokio::test]
async fn a_flood_is_called_one_also_while_it_is_blocked() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    for _ in 0..20 {
        latchkey.pass_seconds(1);
        sign_in_with(&mut latchkey.browser(), "alice", "wrong").await;
    }
    let failed = only(&mut browser, "failed").await.len();
    assert_eq!((failed, only(&mut browser, "blocked").await.len()), (10, 10), "by default");
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    assert!(page.says("Somebody may be guessing"), "{page}");
}
