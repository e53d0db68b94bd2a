//! What the overview asks about attempts to sign in, and the answer "It was me".

use std::time::Duration;

use latchkey::identity::attempts;
use latchkey::paths;
use latchkey::store::events::{self, Event};
use serde_json::{Value, json};

use super::scene::Scene;
use crate::support::flow::sign_in;
use crate::support::page::Page;

const QUESTION: &str = "Was this sign-in yours?";
const BRAZIL: &str = "200.160.0.8";

async fn overview(scene: &mut Scene) -> Page {
    scene.browser.open(paths::ACCOUNT_SECURITY).await
}

/// Presses the button beside the question about `about`.
async fn it_was_me(scene: &mut Scene, page: &Page, about: &str) -> Page {
    scene.latchkey.pass_seconds(1);
    let field = ("about".to_owned(), about.to_owned());
    let mut forms = page.forms().iter().map(|form| form.submission(None));
    let form = forms.find(|form| form.fields.contains(&field)).expect("the question");
    let page = scene.browser.send(page, form).await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    assert!(page.says("Thank you."), "{page}");
    page
}

/// An attempt of now, from Brazil.
fn attempt(scene: &Scene, outcome: &str, details: Value) -> Event {
    Event {
        user_id: Some(scene.alice.id.clone()),
        address: Some(BRAZIL.into()),
        outcome: outcome.into(),
        details,
        ..scene.latchkey.app.event("sign_in")
    }
}

/// A sign-in from Brazil that was not as usual; gives its id.
async fn unusual(scene: &Scene) -> String {
    scene.latchkey.pass_seconds(1);
    let details = json!({ "method": "password", "unusual": ["new_country"] });
    let event = attempt(scene, "successful", details);
    let mut db = scene.latchkey.app.store.write().await.expect("a write");
    events::record(&mut db, &event).await.expect("an event");
    db.commit().await.expect("a commit");
    event.id
}

/// So many attempts from Brazil that led nowhere, a second apart.
async fn strangers(scene: &Scene, outcome: &str, count: usize) {
    let app = &scene.latchkey.app;
    for _ in 0..count {
        scene.latchkey.pass_seconds(1);
        let mut db = app.store.write().await.expect("a write");
        let event = attempt(scene, outcome, json!({ "method": "password" }));
        attempts::failed(app, &mut db, event).await.expect("recorded");
        db.commit().await.expect("a commit");
    }
}

#[tokio::test]
async fn an_unusual_sign_in_is_asked_about_and_listed_whatever_fails_afterwards() {
    let mut scene = Scene::set().await;
    unusual(&scene).await;
    strangers(&scene, "failed", 60).await;
    strangers(&scene, "blocked", 60).await;
    let page = overview(&mut scene).await;
    assert!(page.says(QUESTION) && page.says("new country"), "{page}");
    let listed = page.texts("[aria-labelledby=last-sign-ins] li");
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[0].contains("Unusual") && listed[1].contains("This session"), "{listed:?}");
    let tally = page.texts(".tally").join("");
    assert!(tally.contains("60 failed") && tally.contains("60 blocked"), "{tally}");
    assert_eq!(page.link("60 failed").query(), Some("show=failed"));
    assert_eq!(page.link("60 blocked").query(), Some("show=blocked"));
    // Nor do many sign-ins that are as usual: whoever got in once is known the next time.
    for _ in 0..60 {
        scene.latchkey.pass_seconds(1);
        let event = attempt(&scene, "successful", json!({ "unusual": [] }));
        let mut db = scene.latchkey.app.store.write().await.expect("a write");
        events::record(&mut db, &event).await.expect("an event");
        db.commit().await.expect("a commit");
    }
    assert!(overview(&mut scene).await.says(QUESTION));
}

#[tokio::test]
async fn a_sign_in_that_is_recognized_is_asked_about_no_more() {
    let mut scene = Scene::set().await;
    unusual(&scene).await;
    let newer = unusual(&scene).await;
    let page = overview(&mut scene).await;
    assert_eq!(page.link("Look at it").query(), Some("show=unusual"));
    assert_eq!(page.value("which"), newer, "the newest comes first");
    let page = it_was_me(&mut scene, &page, "sign_in").await;
    assert!(page.says(QUESTION), "there is another one: {page}");
    let page = it_was_me(&mut scene, &page, "sign_in").await;
    assert!(!page.says(QUESTION), "{page}");
    let told = scene.browser.open(paths::ACCOUNT_CHANGES).await;
    assert_eq!(told.text().matches("You said that a sign-in was yours").count(), 2, "{told}");
    let events = scene.events("sign_in_recognized").await;
    assert_eq!(events[1].details["sign_in"], json!(newer));
    // A new one is asked about again.
    unusual(&scene).await;
    assert!(overview(&mut scene).await.says(QUESTION));
}

#[tokio::test]
async fn nobody_vouches_for_the_sign_in_they_came_by_or_for_somebody_elses() {
    let mut scene = Scene::set().await;
    unusual(&scene).await;
    let own = scene.events("sign_in").await.into_iter().find(|one| one.session_id.is_some());
    let own = own.expect("the sign-in of this session").id;
    let bob = scene.latchkey.bob().await;
    sign_in(&mut scene.latchkey.browser(), &bob).await;
    let mut db = scene.latchkey.app.store.read().await.expect("a read");
    let filter = events::Filter { user_id: Some(&bob.id), since: None, before: None, limit: 9 };
    let theirs = events::list(&mut db, filter).await.expect("events")[0].id.clone();
    drop(db);
    let page = overview(&mut scene).await;
    for (about, which, status) in [
        ("sign_in", own.as_str(), 404),
        ("sign_in", &theirs, 404),
        ("sign_in", "", 404),
        ("failures", "yesterday", 400),
        ("everything", "1", 400),
    ] {
        let mut form = page.submission("It was me");
        for (name, value) in &mut form.fields {
            match name.as_str() {
                "about" => about.clone_into(value),
                "which" => which.clone_into(value),
                _ => {}
            }
        }
        let answer = scene.browser.send(&page, form).await.page();
        assert_eq!(answer.status, status, "{about} {which}: {answer}");
    }
    assert!(overview(&mut scene).await.says(QUESTION));
    assert!(scene.events("sign_in_recognized").await.is_empty());
}

#[tokio::test]
async fn failures_are_told_by_their_place_until_they_are_recognized() {
    let mut scene = Scene::set().await;
    let password = scene.alice.password.clone();
    strangers(&scene, "failed", 3).await;
    scene.latchkey.pass(Duration::from_hours(24));
    scene.browser = scene.signed_in(&password).await;
    let title = "3 failed attempts from Brazil (approximate), where you have not signed in before. Was it you?";
    let page = overview(&mut scene).await;
    assert!(page.says(title) && page.says(BRAZIL) && page.says("1 day ago"), "{page}");
    assert_eq!(page.link("Look at them").query(), Some("show=unusual"));
    // Signing in once more does not answer the question.
    scene.latchkey.pass_seconds(60);
    scene.browser = scene.signed_in(&password).await;
    let page = overview(&mut scene).await;
    assert!(page.says(title), "{page}");
    // What came after the page was shown is not answered by its button.
    strangers(&scene, "blocked", 3).await;
    let page = it_was_me(&mut scene, &page, "failures").await;
    assert!(page.says(title) && page.says("just now"), "the three of now: {page}");
    let page = it_was_me(&mut scene, &page, "failures").await;
    assert!(!page.says("failed attempts from"), "{page}");
    let told = scene.browser.open(paths::ACCOUNT_CHANGES).await;
    assert_eq!(told.text().matches("failed attempts were yours").count(), 2, "{told}");
}
