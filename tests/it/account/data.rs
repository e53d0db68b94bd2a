//! What is held about a person, and their copy of it.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey::identity::export::TABLES;
use latchkey::identity::people;
use latchkey::paths;
use latchkey::server::sweeping;
use latchkey::store::{authorizations, devices, held};
use serde_json::Value;

use crate::support::Latchkey;
use crate::support::dump::{dump, only};
use crate::support::flow::sign_in;
use crate::support::page::Page;
use crate::support::stage::Stage;

/// Every table of the migrations with a `user_id`, and the people themselves.
fn tables_about_people() -> BTreeSet<String> {
    let folder = format!("{}/migrations", env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::from(["users".to_owned()]);
    for file in std::fs::read_dir(folder).expect("a folder of migrations") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a migration");
        for table in text.split("CREATE TABLE ").skip(1) {
            let columns = table.split(';').next().unwrap_or_default();
            if columns.contains("user_id TEXT") {
                let name = columns.split_whitespace().next().unwrap_or_default();
                found.insert(name.to_owned());
            }
        }
        for change in text.split("ALTER TABLE ").skip(1) {
            let change = change.split(';').next().unwrap_or_default();
            if change.contains("ADD COLUMN user_id ") {
                found.insert(change.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

async fn export(stage: &mut Stage) -> (Page, Value) {
    let page = stage.browser.open(paths::ACCOUNT_DATA).await;
    let page = stage.browser.open(page.link("Download your data").path()).await;
    let file = stage.browser.submit(&page, "Download").await.page();
    let held = serde_json::from_str(&file.body).expect("a file of JSON");
    (file, held)
}

#[test]
fn every_table_about_people_is_exported_or_left_out_for_a_reason() {
    let known: BTreeSet<String> = TABLES.iter().map(|(table, _)| (*table).to_owned()).collect();
    let missing: Vec<_> = tables_about_people().difference(&known).cloned().collect();
    assert!(missing.is_empty(), "add {missing:?} to TABLES of identity/export.rs");
}

#[tokio::test]
async fn the_copy_holds_everything_but_nothing_that_opens_the_account() {
    let mut stage = Stage::signed_in().await;
    let seed = b"a seed of twenty bytes";
    let grant = stage.grant(&stage.ask_offline()).await;
    stage.latchkey.enrol(&stage.alice, seed).await;
    // A proof by password alone is not fresh any more.
    stage.browser = stage.latchkey.browser();
    let login = stage.browser.open(paths::LOGIN).await.fill("username", "alice");
    let login = login.fill("password", &stage.alice.password);
    let page = stage.browser.submit(&login, "Sign in").await.page();
    let code = crate::support::flow::totp(seed, stage.latchkey.clock.now().seconds());
    let page = page.fill("code", &code);
    let form = page.form_with("code").submission(None);
    stage.browser.send(&page, form).await.page();
    let (file, held) = export(&mut stage).await;
    let disposition = file.headers["content-disposition"].to_str().expect("ASCII");
    assert_eq!(disposition, "attachment; filename=\"account-2026-03-02.json\"");
    assert_eq!(file.headers["content-type"], "application/json");
    for (table, member) in TABLES.iter().filter(|(_, member)| !member.starts_with('(')) {
        assert!(!held[*member].is_null(), "{table} is not in the copy as {member}");
    }
    assert_eq!(held["account"]["username"], "alice");
    assert_eq!(held["claims"]["name"], "Alice Moreau");
    assert_eq!(held["two_factor"]["authenticator_apps"].as_array().map(Vec::len), Some(1));
    assert_eq!(held["sessions"].as_array().map(Vec::len), Some(2));
    assert_eq!(held["applications"][0]["name"], "Photo Printer");
    assert_eq!(held["applications"][0]["scopes"], serde_json::json!(["offline_access", "openid"]));
    assert_eq!(held["authorizations"].as_array().map(Vec::len), Some(1));
    let kinds: Vec<_> =
        held["events"].as_array().expect("events").iter().map(|e| e["kind"].clone()).collect();
    assert!(kinds.contains(&"sign_in".into()) && kinds.contains(&"data_exported".into()));
    for secret in ["argon2", "$argon2id", "sealed", "token_hash", "code_hash"] {
        assert!(!file.body.contains(secret), "the copy has {secret}: {}", file.body);
    }
    for secret in [&grant.access, &grant.refresh, &stage.alice.password] {
        assert!(!file.body.contains(secret.as_str()));
    }
    let cookies = stage.browser.cookies().value("latchkey_session");
    assert!(!file.body.contains(&cookies.expect("a session")));
    assert_eq!(stage.events("data_exported").await, 1);
}

#[tokio::test]
async fn the_copy_holds_every_row_however_many_there_are() {
    let mut stage = Stage::signed_in().await;
    stage.grant(&stage.ask()).await;
    let app = stage.latchkey.app.clone();
    let mut db = app.store.write().await.expect("a transaction");
    let first = held::authorizations(&mut db, &stage.alice.id).await.expect("a list");
    let first = authorizations::find(&mut db, &first[0].id).await.expect("an answer").expect("it");
    for _ in 0..1000 {
        let another = app.random.id(app.clock.now());
        let another = authorizations::Authorization { id: another, ..first.clone() };
        authorizations::insert(&mut db, &another).await.expect("another one");
    }
    let known = devices::list(&mut db, &stage.alice.id).await.expect("a list");
    for n in 0..200 {
        let (id, token_hash) = (app.random.id(app.clock.now()), format!("token {n}"));
        let another = devices::Device { id, token_hash, ..known[0].clone() };
        devices::see(&mut db, &another).await.expect("another one");
    }
    db.commit().await.expect("a commit");
    let (_, held) = export(&mut stage).await;
    assert_eq!(held["authorizations"].as_array().map(Vec::len), Some(1001));
    assert_eq!(held["browsers"].as_array().map(Vec::len), Some(201));
}

#[tokio::test]
async fn why_support_locked_the_account_is_for_the_audit_trail_alone() {
    let mut stage = Stage::set().await;
    let app = stage.latchkey.app.clone();
    people::lock(&app, "alice", "a neighbour rang us up").await.expect("locked");
    assert_eq!(stage.events("user_locked").await, 1);
    people::unlock(&app, "alice").await.expect("unlocked");
    let alice = stage.alice.clone();
    sign_in(&mut stage.browser, &alice).await;
    let changes = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    assert!(changes.says("Your account was locked"), "{changes}");
    let (file, held) = export(&mut stage).await;
    let locked = held["events"].as_array().expect("events");
    let locked = locked.iter().find(|event| event["kind"] == "user_locked").expect("the event");
    assert_eq!(locked["details"], serde_json::json!({ "reason_held_by_support": true }));
    let told = stage.latchkey.mail_about("is locked").await;
    for shown in [&changes.body, &file.body, &told.raw] {
        assert!(!shown.contains("neighbour"), "{shown}");
    }
}

#[tokio::test]
async fn the_page_says_how_long_each_thing_is_kept_in_truth() {
    let latchkey = Latchkey::start_with(|config| {
        config.account.audit_retention = "120d".parse().expect("a duration");
    })
    .await;
    let mut stage = Stage::on(latchkey).await;
    let alice = stage.alice.clone();
    sign_in(&mut stage.browser, &alice).await;
    let page = stage.browser.open(paths::ACCOUNT_DATA).await;
    let days = |row: &str| {
        let texts = page.texts(&format!("#{row} .rows-end"));
        let first = texts[0].split(' ').next().expect("a number");
        first.parse::<u64>().expect("a number of days")
    };
    let (sign_ins, sessions) = (days("kept-sign-ins"), days("kept-sessions"));
    let (browsers, changes) = (days("kept-browsers"), days("kept-changes"));
    assert_eq!((sign_ins, sessions, browsers, changes), (90, 90, 400, 120), "{page}");
    // Signed out or not, a session has run out by then; nothing else happens from here on.
    let runs_out = stage.latchkey.app.config.sessions.absolute.as_secs().div_ceil(86_400);
    let page = stage.browser.open(paths::LOGOUT).await;
    stage.browser.submit(&page, "sign out").await.page();
    let rows = async |table: &str| {
        sweeping::sweep(&stage.latchkey.app).await.expect("a sweep");
        sweeping::sweep_history(&stage.latchkey.app).await.expect("a sweep");
        let dump = dump(&stage.latchkey.app.config.database.url).await;
        only(dump, &[table]).values().map(Vec::len).sum::<usize>()
    };
    let mut gone_by = 0;
    let mut wait = |until: u64| {
        stage.latchkey.pass(Duration::from_secs((until - gone_by) * 86_400));
        gone_by = until;
    };
    wait(runs_out + sessions - 1);
    assert_eq!(rows("browser_sessions").await, 1);
    wait(runs_out + sessions + 1);
    assert_eq!(rows("browser_sessions").await, 0);
    wait(browsers - 1);
    assert_eq!(rows("devices").await, 1);
    wait(browsers + 1);
    assert_eq!(rows("devices").await, 0);
}

#[tokio::test]
async fn nobody_elses_data_is_in_it() {
    let mut stage = Stage::signed_in().await;
    let bob = stage.latchkey.bob().await;
    let mut other = stage.latchkey.browser();
    sign_in(&mut other, &bob).await;
    let (file, _) = export(&mut stage).await;
    assert!(!file.body.contains(&bob.id) && !file.body.contains("bob"));
}
