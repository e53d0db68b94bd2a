//! Mails that wait: tried again, by whichever node, and at last given up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use latchkey::identity::people;
use latchkey::paths;
use latchkey::server::background::Background;
use latchkey::server::post;
use latchkey::store::events;
use latchkey::store::queue;
use tokio_util::sync::CancellationToken;

use super::server::MailServer;
use crate::support::Latchkey;
use crate::support::flow::sign_in;

/// An instance that sends through this server.
async fn with(server: &MailServer) -> Latchkey {
    let transport = server.transport();
    let latchkey = Latchkey::start_with(|config| config.mail.transport = transport).await;
    latchkey.alice().await;
    latchkey
}

/// Something that Alice is told.
async fn happens(latchkey: &Latchkey) {
    people::unlock(&latchkey.app, "alice").await.expect("unlocked");
}

async fn waiting(latchkey: &Latchkey) -> bool {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let never = latchkey.clock.now() + Duration::from_hours(1000);
    queue::is_due(&mut db, "mail", never).await.expect("an answer")
}

async fn given_up(latchkey: &Latchkey) -> Vec<events::Event> {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let filter = events::Filter { user_id: None, since: None, before: None, limit: 100 };
    let mut events = events::list(&mut db, filter).await.expect("events");
    events.retain(|event| event.kind == "mail_given_up");
    events
}

#[tokio::test]
async fn a_mail_that_is_refused_is_tried_again_after_growing_pauses() {
    let server = MailServer::refusing(2).await;
    let latchkey = with(&server).await;
    happens(&latchkey).await;
    latchkey.deliver().await;
    latchkey.pass_seconds(9);
    latchkey.deliver().await;
    assert_eq!(server.greeted.load(Ordering::SeqCst), 1, "it is left in peace for 10 seconds");
    latchkey.pass_seconds(1);
    latchkey.deliver().await;
    latchkey.pass_seconds(29);
    latchkey.deliver().await;
    assert!(server.mails().is_empty() && waiting(&latchkey).await);
    latchkey.pass_seconds(1);
    latchkey.deliver().await;
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "the third try");
    assert_eq!(mails[0].headers["date"], "Mon, 02 Mar 2026 09:00:00 +0000", "as it was written");
    assert!(!waiting(&latchkey).await);
    latchkey.pass(Duration::from_hours(2));
    latchkey.deliver().await;
    assert_eq!(server.mails().len(), 1, "sent once");
}

#[tokio::test]
async fn a_mail_that_nobody_takes_for_a_day_is_given_up_and_written_down() {
    let server = MailServer::refusing(usize::MAX).await;
    let latchkey = with(&server).await;
    happens(&latchkey).await;
    for _ in 0..40 {
        latchkey.deliver().await;
        latchkey.pass(Duration::from_mins(40));
    }
    assert!(!waiting(&latchkey).await);
    let tries = server.greeted.load(Ordering::SeqCst);
    assert!((15..40).contains(&tries), "{tries} tries");
    let events = given_up(&latchkey).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].details["mail"], "account_unlocked");
    assert!(events[0].user_id.is_some());
}

#[tokio::test]
async fn what_waits_outlives_the_program_and_is_sent_by_one_node() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for _ in 0..9 {
        happens(&latchkey).await;
    }
    assert!(crate::support::mails::files_in(&latchkey.outbox()).is_empty());
    let (one, two) = (latchkey.another_node().await, latchkey.another_node().await);
    tokio::join!(one.deliver(), two.deliver(), latchkey.deliver());
    let mails = latchkey.mails_to(&alice.email).await;
    assert_eq!(mails.len(), 9);
    assert!(!waiting(&latchkey).await);
}

#[tokio::test]
async fn a_node_that_dies_while_it_sends_loses_nothing() {
    let silent = MailServer::silent().await;
    let latchkey = with(&silent).await;
    happens(&latchkey).await;
    let app = Arc::clone(&latchkey.app);
    let sending = tokio::spawn(async move { post::deliver(&app, &CancellationToken::new()).await });
    while silent.greeted.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    // Meanwhile nobody waits for the mail server: not readers, not writers.
    let bob = latchkey.bob().await;
    sign_in(&mut latchkey.browser(), &bob).await;
    sending.abort();
    assert!(waiting(&latchkey).await);
    latchkey.pass(Duration::from_mins(2));
    let app = Arc::clone(&latchkey.app);
    let sending = tokio::spawn(async move { post::deliver(&app, &CancellationToken::new()).await });
    while silent.greeted.load(Ordering::SeqCst) == 1 {
        tokio::task::yield_now().await;
    }
    sending.abort();
}

#[tokio::test]
async fn a_running_provider_sends_by_itself_and_stops_in_time() {
    let server = MailServer::refusing(0).await;
    let latchkey = with(&server).await;
    let background = Background::default();
    post::start(&background, &latchkey.app);
    happens(&latchkey).await;
    while server.mails().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(background.stop(Duration::from_secs(5)).await);
    assert_eq!(latchkey.browser().open(paths::LOGIN).await.status, 200);
}
