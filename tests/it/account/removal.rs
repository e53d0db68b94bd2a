//! Removing one's own account: planned, called off, carried out.

use std::time::Duration;

use latchkey::paths;
use latchkey::server::sweeping;
use latchkey::store::users;

use super::about_oneself::user;
use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{sign_in, sign_in_with};
use crate::support::mails::Mail;
use crate::support::page::Page;
use crate::support::stage::Stage;

const DAY: u64 = 24 * 3600;

async fn remove(browser: &mut Browser, typed: &str) -> Page {
    let page = browser.open(paths::ACCOUNT_REMOVE).await.fill("username", typed);
    browser.submit(&page, "Remove my account").await.page()
}

/// The mail that tells that the account is gone, and that says nothing of keeping it.
async fn last_mail(latchkey: &Latchkey) -> Mail {
    let told = latchkey.mails_to("alice@people.example").await;
    let mut told: Vec<_> =
        told.into_iter().filter(|mail| mail.subject.contains("account was removed")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let mail = told.remove(0);
    assert!(!mail.says("will be removed") && !mail.says("keep it"), "{}", mail.text);
    mail
}

async fn is_there(latchkey: &Latchkey, id: &str) -> bool {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    users::find(&mut db, id).await.expect("an answer").is_some()
}

#[tokio::test]
async fn planned_removal_signs_out_everything_else_and_happens_on_its_day() {
    let mut stage = Stage::signed_in().await;
    let mut other = stage.latchkey.browser();
    sign_in(&mut other, &stage.alice).await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let planned = remove(&mut stage.browser, " ALICE ").await;
    assert_eq!(planned.url.path(), paths::ACCOUNT_DATA, "{planned}");
    assert!(planned.says("This account will be removed on 16 March 2026"), "{planned}");
    stage.is_dead("an application", &grant).await;
    let page = other.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN, "the other browser is signed out: {page}");
    assert_eq!(stage.events("removal_planned").await, 1);
    // Until then one can sign in, and each page says what is coming.
    stage.latchkey.pass_seconds(13 * DAY);
    sweeping::sweep(&stage.latchkey.app).await.expect("a sweep");
    sign_in(&mut other, &stage.alice).await;
    for path in [paths::ACCOUNT_SECURITY, paths::ACCOUNT_PROFILE] {
        let page = other.open(path).await;
        assert!(page.says("This account will be removed on 16 March 2026"), "{page}");
        assert!(page.has("Keep my account"), "{page}");
    }
    stage.latchkey.pass_seconds(DAY);
    sweeping::sweep(&stage.latchkey.app).await.expect("a sweep");
    assert!(!is_there(&stage.latchkey, &stage.alice.id).await);
    let page = sign_in_with(&mut other, "alice", &stage.alice.password).await;
    assert_eq!(page.status, 422, "{page}");
    assert_eq!(stage.events("user_removed").await, 1);
    let told = last_mail(&stage.latchkey).await;
    assert!(!told.says("From:"), "nobody sat anywhere when it happened: {}", told.text);
    // Somebody else of that name is somebody else.
    let again = stage.latchkey.alice().await;
    assert_ne!(again.id, stage.alice.id);
}

#[tokio::test]
async fn a_planned_removal_can_be_called_off() {
    let mut stage = Stage::signed_in().await;
    let planned = remove(&mut stage.browser, "alice").await;
    let kept = stage.browser.submit(&planned, "Keep my account").await.page();
    assert!(kept.says("Your account stays."), "{kept}");
    assert!(!kept.says("will be removed on"), "{kept}");
    stage.latchkey.pass(Duration::from_secs(30 * DAY));
    sweeping::sweep(&stage.latchkey.app).await.expect("a sweep");
    assert!(is_there(&stage.latchkey, &stage.alice.id).await);
    assert_eq!(stage.events("removal_called_off").await, 1);
    assert_eq!(stage.events("user_removed").await, 0);
}

#[tokio::test]
async fn the_wrong_name_removes_nothing() {
    let mut stage = Stage::signed_in().await;
    for typed in ["", "bob", "alice@people.example", "alice2"] {
        let page = remove(&mut stage.browser, typed).await;
        assert_eq!(page.status, 422, "{typed:?}: {page}");
        assert!(page.says("That is not your username."), "{page}");
    }
    assert_eq!(user(&stage.latchkey, &stage.alice.id).await.removal_at, None);
    assert_eq!(stage.events("removal_planned").await, 0);
}

#[tokio::test]
async fn without_a_grace_it_happens_at_once() {
    let latchkey = Latchkey::start_with(|config| {
        config.account.removal_grace = "0s".parse().expect("a duration");
    })
    .await;
    let mut stage = Stage::on(latchkey).await;
    let alice = stage.alice.clone();
    sign_in(&mut stage.browser, &alice).await;
    let page = stage.browser.open(paths::ACCOUNT_REMOVE).await;
    assert!(page.says("At the same moment"), "{page}");
    let gone = remove(&mut stage.browser, "alice").await;
    assert_eq!(gone.heading(), "Your account is removed");
    let told = last_mail(&stage.latchkey).await;
    assert!(told.says("are gone") && told.says("From:"), "{}", told.text);
    assert!(!is_there(&stage.latchkey, &alice.id).await);
    let page = stage.browser.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN, "{page}");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let mut stage = Stage::signed_in().await;
    let bob = stage.latchkey.bob().await;
    let now = stage.latchkey.clock.now();
    for id in [&stage.alice.id, &bob.id] {
        let mut db = stage.latchkey.app.store.write().await.expect("a transaction");
        assert!(users::set_admin(&mut db, id, Some(now), now).await.expect("an update"));
        db.commit().await.expect("a commit");
    }
    let planned = remove(&mut stage.browser, "alice").await;
    assert!(planned.says("will be removed on"), "bob is left: {planned}");
    let mut other = stage.latchkey.browser();
    sign_in(&mut other, &bob).await;
    let refused = remove(&mut other, "bob").await;
    assert_eq!(refused.status, 422, "{refused}");
    assert!(refused.says("You are the last administrator."), "{refused}");
    assert_eq!(user(&stage.latchkey, &bob.id).await.removal_at, None);
    let page = other.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "he is still signed in: {page}");
}
