//! The walk through the sign-in history and the recent changes, by their own controls.

use std::time::Duration;

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::flow::sign_in_with;
use crate::support::people::PASSWORD;

async fn from_history_to_changes(scripts: Scripts) {
    // Here the failures are the story, and not that they end.
    let latchkey = Latchkey::start_with(|config| config.login.max_failures = 100).await;
    latchkey.alice().await;
    // A success long before, and more failures than fit on one page.
    sign_in_with(&mut latchkey.browser(), "alice", PASSWORD).await;
    for _ in 0..30 {
        latchkey.pass(Duration::from_secs(1));
        sign_in_with(&mut latchkey.browser(), "alice", "wrong").await;
    }
    latchkey.pass(Duration::from_secs(1));
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&latchkey.at(paths::ACCOUNT_HISTORY)).await;
    chromium.sign_in("alice", PASSWORD).await;
    chromium.look("Sign-in history").await;
    let newest = chromium.words(".log-row").await;
    assert!(newest.contains("This session") && newest.contains("Unusual"), "{newest}");
    assert!(chromium.words(".note.warned").await.contains("guessing"));
    chromium.click(".pager a").await;
    chromium.words(".log-row:nth-child(12) .badge.good").await;
    chromium.look("Sign-in history").await;
    chromium.click(".chip[value=failed]").await;
    chromium.words(".chip[value=failed][aria-pressed=true]").await;
    chromium.look("Sign-in history").await;
    chromium.click(".chip[value=blocked]").await;
    chromium.words(".empty").await;
    chromium.look("Sign-in history").await;
    chromium.click(".empty a").await;
    chromium.words(".log-row").await;
    chromium.click(".nav a[href=\"/account/changes\"]").await;
    chromium.look("Recent changes").await;
    assert!(chromium.words(".log-row").await.contains("Your account was made"));
    chromium.click(".panel a[href=\"/account/history\"]").await;
    chromium.sees("Sign-in history").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_read_with_scripts() {
    from_history_to_changes(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_read_without_scripts() {
    from_history_to_changes(Scripts::Off).await;
}
