//! The pages of connected applications in a real browser, with and without scripts.

use latchkey::paths;

use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients;
use crate::support::people::PASSWORD;
use crate::support::stage::{Ask, Stage};

async fn look(chromium: &Chromium, heading: &str) {
    chromium.sees(heading).await;
    chromium.audit().await;
    chromium.check_console().await;
}

/// Sign in, search, look at one, disconnect it, disconnect all.
async fn applications_are_taken_back(scripts: Scripts) {
    let mut stage = Stage::set().await;
    let other = stage.latchkey.client(clients::other()).await;
    let printer = stage.grant(&stage.ask_offline()).await;
    stage.latchkey.pass_seconds(1);
    let calendar = stage.grant(&Ask::of(&other).with("scope", "openid email")).await;
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&stage.latchkey.at(paths::ACCOUNT_APPLICATIONS)).await;
    chromium.fill("username", "alice").await;
    chromium.fill("password", PASSWORD).await;
    chromium.click("#sign-in").await;
    look(&chromium, "Applications").await;
    chromium.fill("search", "cal").await;
    chromium.click(".search button").await;
    chromium.sees("Applications").await;
    assert_eq!(chromium.words(".apps .who-name").await, "Calendar");
    chromium.fill("search", "nobody").await;
    chromium.click(".search button").await;
    chromium.words(".empty a").await;
    look(&chromium, "Applications").await;
    chromium.click(".empty a").await;
    chromium.click(".apps li:last-child .who-name a").await;
    look(&chromium, "Photo Printer").await;
    chromium.click("#revoke").await;
    look(&chromium, "Revoke access of Photo Printer?").await;
    chromium.click("main form button").await;
    look(&chromium, "Applications").await;
    assert!(chromium.words("[role=status]").await.contains("revoked"));
    stage.is_dead("Photo Printer", &printer).await;
    assert!(stage.is_alive(&calendar.access).await);
    chromium.visit(&stage.latchkey.at(paths::ACCOUNT_APPLICATIONS_REVOKE_ALL)).await;
    look(&chromium, "Revoke the access of all applications?").await;
    chromium.click("main form button").await;
    look(&chromium, "Applications").await;
    assert_eq!(chromium.words(".blank h2").await, "No application is connected");
    assert!(!stage.is_alive(&calendar.access).await);
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_applications_back() {
    applications_are_taken_back(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_without_scripts() {
    applications_are_taken_back(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_locked_account_is_told_calmly() {
    let latchkey = crate::support::Latchkey::start_with(|config| {
        config.branding.support_email = Some("help@people.example".into());
    });
    let stage = Stage::on(latchkey.await).await;
    stage.lock().await;
    let chromium = Chromium::start(Scripts::On).await;
    chromium.visit(&stage.latchkey.at(paths::LOGIN)).await;
    chromium.fill("username", "alice").await;
    chromium.fill("password", PASSWORD).await;
    chromium.click("#sign-in").await;
    look(&chromium, "This account is locked").await;
    assert!(chromium.words("main").await.contains("help@people.example"));
    chromium.click("#switch").await;
    look(&chromium, "Sign in").await;
    chromium.close().await;
}
