//! The walk through the connected applications: one is looked at and put out, then all others.

use latchkey::paths;

use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients;
use crate::support::stage::{Ask, Stage};

async fn from_the_list_to_none(scripts: Scripts) {
    let mut stage = Stage::set().await;
    let calendar = stage.latchkey.client(clients::other()).await;
    let spa = stage.latchkey.client(clients::spa()).await;
    let photos = stage.grant(&stage.ask_offline()).await;
    let dates = stage.grant(&Ask::of(&calendar)).await;
    stage.grant(&Ask::of(&spa)).await;
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&stage.latchkey.at(paths::ACCOUNT_SECURITY)).await;
    chromium.sign_in("alice", &stage.alice.password).await;
    chromium.look("Your account").await;
    chromium.click("#applications .panel-head a").await;
    chromium.look("Applications").await;
    chromium.says("#apps", "3 applications").await;
    chromium.fill("search", "unicorn").await;
    chromium.click(".search button").await;
    chromium.words(".empty a").await;
    chromium.look("Applications").await;
    chromium.fill("search", "calen").await;
    chromium.click(".search button").await;
    chromium.says(".rows.apps li:only-child .who-name", "Calendar").await;
    chromium.look("Applications").await;
    chromium.click(".rows.apps .who-name a").await;
    chromium.look("Calendar").await;
    chromium.click("a.back").await;
    chromium.look("Applications").await;

    // From its own page; not at once after all.
    chromium.fill("search", "photo").await;
    chromium.click(".search button").await;
    chromium.says(".rows.apps li:only-child .who-name", "Photo Printer").await;
    chromium.click(".rows.apps .who-name a").await;
    chromium.look("Photo Printer").await;
    chromium.click("#revoke").await;
    chromium.look("Revoke access of Photo Printer?").await;
    chromium.click(".actions a").await;
    chromium.sees("Photo Printer").await;
    assert!(stage.is_alive(&photos.access).await);
    chromium.click("#revoke").await;
    chromium.sees("Revoke access of Photo Printer?").await;
    chromium.click("#revoke button").await;
    chromium.look("Applications").await;
    stage.is_dead("revoked on its page", &photos).await;
    assert!(stage.is_alive(&dates.access).await);

    chromium.click("#revoke-all").await;
    chromium.look("Revoke the access of all applications?").await;
    chromium.click("#revoke button").await;
    chromium.says(".blank h2", "No application is connected").await;
    chromium.look("Applications").await;
    stage.is_dead_to(&calendar, &dates).await;
    chromium.click(".nav a[href=\"/account/changes\"]").await;
    chromium.look("Recent changes").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_are_put_out_one_by_one_and_all_together() {
    from_the_list_to_none(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_without_scripts() {
    from_the_list_to_none(Scripts::Off).await;
}
