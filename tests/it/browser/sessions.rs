//! The walk of a person who finds a browser that they don't know among their sessions.

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::flow::sign_in;
use crate::support::people::PASSWORD;

async fn a_stranger_is_put_out(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut stranger = latchkey.browser();
    sign_in(&mut stranger, &alice).await;
    let mut another = latchkey.browser();
    sign_in(&mut another, &alice).await;
    latchkey.pass_seconds(1);
    let chromium = Chromium::start(scripts).await;
    // Signing in leads back to the page that was asked for.
    chromium.visit(&latchkey.at(paths::ACCOUNT_SESSIONS)).await;
    chromium.sign_in(&alice.username, PASSWORD).await;
    chromium.look("Active sessions").await;
    let current = chromium.words("#active-sessions > li:first-child").await;
    assert!(current.contains("Current session"), "{current}");
    // One of them …
    chromium.click("#active-sessions > li:nth-child(2) > a").await;
    chromium.look("Sign out Chrome 149 on Linux?").await;
    chromium.click("#end").await;
    chromium.look("Active sessions").await;
    assert_eq!(chromium.words("[role=status]").await, "That browser is signed out.");
    // … then all others …
    chromium.click("#end-others").await;
    chromium.look("Terminate all other sessions?").await;
    chromium.click("#end").await;
    chromium.look("Active sessions").await;
    for browser in [&mut stranger, &mut another] {
        assert!(browser.open(paths::ACCOUNT_SESSIONS).await.has("password"));
    }
    // … and what was known of them.
    chromium.click("#known-browsers > li:nth-child(2) > a").await;
    chromium.look("Forget Chrome 149 on Linux?").await;
    chromium.click("#forget").await;
    chromium.look("Active sessions").await;
    assert_eq!(chromium.words("[role=status]").await, "That browser is forgotten.");
    // At last this one.
    chromium.click("#active-sessions > li > a").await;
    chromium.look("Sign out of this browser?").await;
    chromium.click("#end").await;
    chromium.look("You are signed out").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_puts_out_a_browser_that_they_dont_know() {
    a_stranger_is_put_out(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_without_scripts() {
    a_stranger_is_put_out(Scripts::Off).await;
}
