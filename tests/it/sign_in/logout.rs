//! `/logout`: signing out, after asking.

use latchkey::paths;
use latchkey::store::events::{self, Filter};

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::flow::{sign_in, text};

const SESSION: &str = "latchkey_session";

#[tokio::test]
async fn signing_out_ends_the_session_and_its_tokens() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let page = browser.open(paths::LOGOUT).await;
    assert!(page.says("alice") || page.says("Alice"), "it says who: {page}");
    let gone = browser.submit(&page, "Sign out").await.page();
    assert!(gone.says("signed out"), "{gone}");
    assert!(browser.cookies().value(SESSION).is_none());
    assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
    latchkey.userinfo(text(&tokens, "access_token")).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn a_visit_alone_signs_nobody_out() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    browser.arrive(&latchkey.at(paths::LOGOUT)).await.page();
    let asked = browser.open(paths::LOGOUT).await;
    let page = browser.submit(&asked, "Stay signed in").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
}

#[tokio::test]
async fn signing_out_here_leaves_other_browsers_alone() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let (mut here, mut there) = (latchkey.browser(), latchkey.browser());
    sign_in(&mut here, &alice).await;
    sign_in(&mut there, &alice).await;
    let asked = here.open(paths::LOGOUT).await;
    here.submit(&asked, "Sign out").await.page();
    let page = there.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY);
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: Some(&alice.id), since: None, before: None, limit: 50 };
    let trail = events::list(&mut db, filter).await.expect("events");
    assert_eq!(trail.iter().filter(|event| event.kind == "signed_out").count(), 1);
}

#[tokio::test]
async fn the_answer_clears_what_the_browser_kept() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let form = browser.open(paths::LOGOUT).await.submission("Sign out");
    let origin = latchkey.issuer.as_str();
    let headers = [("origin", origin), ("sec-fetch-site", "same-origin")];
    let answer =
        crate::support::flow::post_raw(&browser, &form.action, &form.fields, &headers).await;
    let clears = answer.headers().get("clear-site-data").and_then(|value| value.to_str().ok());
    assert!(
        clears.is_some_and(|value| value.contains("\"storage\"") && !value.contains("cookies")),
        "{clears:?}"
    );
}
