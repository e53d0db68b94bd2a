//! An application that registered itself: nobody has checked who runs it, and each page on which it
//! matters says so.

use latchkey::paths;
use latchkey::protocol::client::RegisteredBy;
use latchkey::store::clients;
use serde_json::Value;

use crate::support::browser::Arrival;
use crate::support::clients as cast;
use crate::support::page::Page;
use crate::support::stage::{Ask, Stage, sign_in};

const WARNING: &str = "has not checked who runs it";

/// Calendar, which registered itself two hours ago.
async fn calendar(stage: &Stage) -> Ask {
    let mut metadata = cast::other();
    metadata["client_uri"] = "https://calendar.example/".into();
    let client = stage.latchkey.client(metadata).await;
    let app = &stage.latchkey.app;
    let mut db = app.store.write().await.expect("a write");
    let found = clients::find(&mut db, &client.id).await.expect("an answer").expect("Calendar");
    clients::remove(&mut db, &client.id, app.clock.now()).await.expect("removed");
    let itself = clients::ClientRecord { registered_by: RegisteredBy::Itself, ..found };
    clients::insert(&mut db, &itself).await.expect("added");
    db.commit().await.expect("a commit");
    stage.latchkey.pass(std::time::Duration::from_hours(2));
    Ask::of(&client)
}

/// The page that asks Alice for consent.
async fn consent(stage: &mut Stage, ask: &Ask) -> Page {
    let page = stage.browser.arrive(&ask.address()).await.page();
    if page.has("allow") {
        return page;
    }
    match sign_in(&mut stage.browser, page, &stage.alice).await {
        Arrival::Page(page) => *page,
        Arrival::Client(departure) => panic!("not asked: {departure:?}"),
    }
}

#[tokio::test]
async fn a_person_is_told_that_nobody_vouches_for_it() {
    let mut stage = Stage::set().await;
    let ask = calendar(&stage).await;
    let page = consent(&mut stage, &ask).await;
    assert!(page.says(WARNING) && page.says("registered itself here 2 hours ago"), "{page}");
    stage.browser.submit(&page, "allow").await.departure();
    let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
    assert_eq!(page.texts(".badge.warn"), ["Registered itself"], "{page}");
    assert!(page.says("Says it is published by calendar.example"), "{page}");
    let overview = stage.browser.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(overview.texts("#applications .badge"), ["Registered itself"], "{overview}");
    let page = stage.browser.open(page.link("Calendar").as_str()).await;
    assert!(page.says(WARNING) && page.says("Registered itself"), "{page}");
    assert!(page.says("Says it is published by calendar.example"), "{page}");
}

#[tokio::test]
async fn what_the_operator_registered_bears_no_badge() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let page = consent(&mut stage, &ask).await;
    assert!(!page.says(WARNING) && page.has("allow"), "{page}");
    stage.browser.submit(&page, "allow").await.departure();
    let page = stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
    assert!(page.texts(".badge.warn").is_empty() && page.says("Photo Printer"), "{page}");
}

#[tokio::test]
async fn no_metadata_make_an_application_look_vouched_for() {
    let stage = Stage::set().await;
    let ask = calendar(&stage).await;
    let app = &stage.latchkey.app;
    let id = ask.get("client_id").to_owned();
    let found = latchkey::identity::clients::find(app, &id).await.expect("Calendar");
    let mut metadata = serde_json::to_value(&found.metadata).expect("JSON");
    metadata["registered_by"] = "operator".into();
    metadata["client_name"] = Value::from("Operator's own");
    let changed = latchkey::identity::clients::update(app, &id, metadata).await.expect("changed");
    assert_eq!(changed.registered_by, RegisteredBy::Itself);
    let kept = latchkey::identity::clients::find(app, &id).await.expect("Calendar");
    assert!(kept.is_self_registered() && kept.metadata.client_name == "Operator's own");
}
