//! `/not-me/{token}`: a session that its owner does not know.

use std::time::Duration;

use latchkey::notices::{self, Notice, Source};
use latchkey::paths;
use latchkey::store::{authorizations, devices, held, sessions, users};

use crate::support::browser::http;
use crate::support::flow::sign_in;
use crate::support::stage::Stage;

/// The link of a mail about Alice's only session.
async fn link(stage: &Stage) -> String {
    let app = &stage.latchkey.app;
    let mut db = app.store.write().await.expect("a transaction");
    let listed = sessions::list(&mut db, &stage.alice.id).await.expect("sessions");
    let alice = users::find(&mut db, &stage.alice.id).await.expect("an answer").expect("Alice");
    let reasons = ["A test wrote this".to_owned()];
    let notice = Notice::UnfamiliarSignIn { session_id: &listed[0].id, reasons: &reasons };
    notices::tell(app, &mut db, &alice, Source::default(), notice).await.expect("told");
    db.commit().await.expect("a commit");
    let mails = stage.latchkey.mails().await;
    let mail = mails.iter().find(|mail| mail.says("A test wrote this")).expect("the mail");
    mail.link("/not-me/")
}

#[tokio::test]
async fn whoever_holds_the_link_ends_that_session_with_all_its_tokens() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let link = link(&stage).await;
    // The owner sits at another device, signed out; her mail program was there before her.
    http().get(&link).send().await.expect("an answer");
    let mut phone = stage.latchkey.browser();
    let page = phone.open(&link).await;
    assert!(page.says("Chrome 149 on Linux") && page.says("alice"), "{page}");
    assert!(stage.is_alive(&grant.access).await, "looking ends nothing");
    let page = phone.submit(&page, "End that session").await.page();
    assert_eq!(
        (page.url.path(), page.heading().as_str()),
        (paths::RECOVER, "That session is ended")
    );
    stage.is_dead("called somebody else's", &grant).await;
    let there = stage.browser.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(there.url.path(), paths::LOGIN, "{there}");
    assert_eq!(stage.events("session_ended").await, 1);
    let mut db = stage.latchkey.app.store.read().await.expect("a connection");
    let known = devices::list(&mut db, &stage.alice.id).await.expect("devices");
    assert!(known.is_empty(), "that browser is a stranger again: {known:?}");
    drop(db);
    // The next step is right there.
    let page = phone.submit(&page.fill("username", "alice"), "Send me a link").await.page();
    assert_eq!(page.heading(), "Check your email");
    let mail = stage.latchkey.mail_about("Choose a new").await;
    assert_eq!(phone.open(&mail.link("/recover/")).await.heading(), "Choose a new password");
    let page = phone.open(&link).await;
    assert_eq!(page.status, 404, "{page}");
}

#[tokio::test]
async fn however_many_tokens_were_born_there_all_of_them_die() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let link = link(&stage).await;
    let app = &stage.latchkey.app;
    let mut db = app.store.write().await.expect("a transaction");
    let first = held::authorizations(&mut db, &stage.alice.id).await.expect("a list");
    let first = authorizations::find(&mut db, &first[0].id).await.expect("an answer").expect("it");
    for n in 1..=1001 {
        let mut newer = first.clone();
        newer.id = app.random.id(app.clock.now());
        newer.created_at = first.created_at + Duration::from_millis(n);
        authorizations::insert(&mut db, &newer).await.expect("another one");
    }
    db.commit().await.expect("a commit");
    assert!(stage.is_alive(&grant.access).await);
    let mut phone = stage.latchkey.browser();
    let page = phone.open(&link).await;
    phone.submit(&page, "End that session").await.page();
    stage.is_dead("the first of many", &grant).await;
    let mut db = app.store.read().await.expect("a connection");
    let all = held::authorizations(&mut db, &stage.alice.id).await.expect("a list");
    assert_eq!(all.len(), 1002);
    assert!(all.iter().all(|one| one.revoked_at.is_some()));
}

#[tokio::test]
async fn what_outlived_a_session_that_is_over_dies_as_well() {
    let mut stage = Stage::set().await;
    let grant = stage.grant(&stage.ask_offline()).await;
    let link = link(&stage).await;
    stage.sign_out().await;
    assert_eq!(stage.refresh(&grant.refresh).await.status, 200, "it was to outlive the session");
    let mut phone = stage.latchkey.browser();
    let page = phone.open(&link).await;
    phone.submit(&page, "End").await.page();
    assert!(!stage.is_alive(&grant.access).await);
}

#[tokio::test]
async fn who_is_signed_in_elsewhere_goes_on_to_make_the_account_safe() {
    let mut stage = Stage::set().await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let link = link(&stage).await;
    let mut own = stage.latchkey.browser();
    sign_in(&mut own, &stage.alice).await;
    let page = own.open(&link).await;
    let page = own.submit(&page, "End that session").await.page();
    assert_eq!(page.url.path(), "/account/security/protect");
    let page = own.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "her own session goes on");
}

#[tokio::test]
async fn the_link_is_good_for_a_week_and_for_nothing_else() {
    let mut stage = Stage::set().await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let link = link(&stage).await;
    let as_recovery = link.replace("/not-me/", "/recover/");
    assert_eq!(stage.latchkey.browser().open(&as_recovery).await.status, 404);
    stage.latchkey.pass(Duration::from_hours(24 * 7 - 1));
    let page = stage.latchkey.browser().open(&link).await;
    assert!(page.says("has ended meanwhile"), "{page}");
    stage.latchkey.pass(Duration::from_hours(1));
    let page = stage.latchkey.browser().open(&link).await;
    assert_eq!(
        (page.status.as_u16(), page.heading().as_str()),
        (404, "This link does not work any more")
    );
}
