//! `/account/security`: the overview.

use latchkey::paths;
use latchkey::store::events::{self, Event};
use serde_json::json;

use super::scene::{NEW, Scene, change};
use crate::support::clients;
use crate::support::flow::sign_in_with;

async fn overview(scene: &mut Scene) -> crate::support::page::Page {
    scene.browser.open(paths::ACCOUNT_SECURITY).await
}

#[tokio::test]
async fn an_account_says_what_state_it_is_in_and_links_to_each_page() {
    let mut scene = Scene::set().await;
    let page = overview(&mut scene).await;
    assert!(page.says("One thing deserves your attention"), "{page}");
    assert!(page.says("Turn on two-factor") && page.says("Off"), "{page}");
    assert!(page.says("No other browser is signed in."), "{page}");
    for (link, path) in [
        ("Change password", paths::ACCOUNT_PASSWORD),
        ("See all sessions", "/account/sessions"),
        ("Full history", "/account/history"),
        ("See all changes", "/account/changes"),
        ("Secure my account", paths::ACCOUNT_PROTECT),
    ] {
        assert_eq!(page.link(link).path(), path);
    }
    assert_eq!(page.texts("[aria-labelledby=last-sign-ins] li").len(), 1);
    let password = scene.alice.password.clone();
    scene.signed_in(&password).await;
    change(&mut scene.browser, &password, NEW).await;
    scene.latchkey.pass_seconds(3600 * 24 * 3);
    scene.browser = scene.signed_in(NEW).await;
    let page = overview(&mut scene).await;
    assert!(page.says("Set 3 days ago") && page.says("Your password was changed"), "{page}");
}

#[tokio::test]
async fn connected_applications_are_listed_and_counted() {
    let mut scene = Scene::set().await;
    for name in ["Atlas", "Beacon", "Canoe", "Dune"] {
        let mut metadata = clients::web();
        metadata["client_name"] = json!(name);
        metadata["client_id"] = json!(name.to_lowercase());
        let client = scene.latchkey.client(metadata).await;
        scene.latchkey.tokens_in(&mut scene.browser, &scene.alice, &client, &[]).await;
        scene.latchkey.pass_seconds(1);
    }
    let page = overview(&mut scene).await;
    assert_eq!(page.texts("#applications li").len(), 3, "{page}");
    assert_eq!(page.link("See all 4").path(), "/account/applications");
    // The same words as on the page of changes; that each was used says nothing new.
    let changes = page.texts("[aria-labelledby=changes] .who-name");
    assert_eq!(changes, ["Dune was connected", "Canoe was connected", "Beacon was connected"]);
}

#[tokio::test]
async fn failures_from_elsewhere_are_asked_about_once_the_owner_is_back() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(600);
    for _ in 0..3 {
        sign_in_with(&mut scene.latchkey.browser(), "alice", "not-the-Passw0rd!").await;
    }
    // As if they had come from another network than Alice.
    let password = scene.alice.password.clone();
    let page = overview(&mut scene).await;
    assert!(!page.says("was it you?"), "her own slips: {page}");
    for second in 0..3 {
        record(&scene, "failed", second, json!({ "method": "password" })).await;
    }
    scene.latchkey.pass_seconds(600);
    scene.browser = scene.signed_in(&password).await;
    let page = overview(&mut scene).await;
    assert!(page.says("3 failed attempts to sign in: was it you?"), "{page}");
    assert!(page.says("198.51.100.7"), "{page}");
    assert_eq!(page.link("It wasn’t me").path(), paths::ACCOUNT_PROTECT);
}

#[tokio::test]
async fn an_unusual_sign_in_is_asked_about_until_the_password_is_new() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(60);
    record(&scene, "successful", 0, json!({ "unusual": ["new_country"] })).await;
    scene.latchkey.pass_seconds(60);
    let page = overview(&mut scene).await;
    assert!(page.says("Was this sign-in yours?") && page.says("new country"), "{page}");
    let password = scene.alice.password.clone();
    change(&mut scene.browser, &password, NEW).await;
    let page = overview(&mut scene).await;
    assert!(!page.says("Was this sign-in yours?"), "{page}");
}

#[tokio::test]
async fn with_two_factor_only_the_backup_codes_are_missing() {
    let mut scene = Scene::with_two_factor().await;
    let page = overview(&mut scene).await;
    assert!(page.says("Make backup codes") && page.says("no backup codes"), "{page}");
    assert!(!page.says("Turn on two-factor"), "{page}");
}

/// An attempt from another network.
async fn record(scene: &Scene, outcome: &str, second: u64, details: serde_json::Value) {
    let app = &scene.latchkey.app;
    let event = app.event("sign_in");
    let event = Event {
        at: event.at + std::time::Duration::from_secs(second),
        user_id: Some(scene.alice.id.clone()),
        address: Some("198.51.100.7".into()),
        outcome: outcome.into(),
        details,
        ..event
    };
    let mut db = app.store.write().await.expect("a write");
    events::record(&mut db, &event).await.expect("an event");
    db.commit().await.expect("a commit");
}
