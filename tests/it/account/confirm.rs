//! `/account/confirm`: proving once more who one is.

use latchkey::paths;

use super::scene::{NEW, SEED, Scene};
use crate::support::Latchkey;
use crate::support::flow::totp;
use crate::support::page::Page;

/// Longer than a proof is fresh.
const STALE: u64 = 301;

async fn asked(scene: &mut Scene, kept: &str) -> Page {
    let page = scene.browser.open(&format!("{}?kept={kept}", paths::ACCOUNT_CONFIRM)).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
    page
}

async fn sends(scene: &mut Scene, page: Page, password: &str, code: &str) -> Page {
    let page = page.fill("password", password);
    let page = if page.has("code") { page.fill("code", code) } else { page };
    scene.browser.submit(&page, "Confirm").await.page()
}

#[tokio::test]
async fn who_has_just_proven_it_goes_straight_on() {
    let mut scene = Scene::set().await;
    let kept = scene.kept(paths::ACCOUNT_PASSWORD).await;
    for (address, path) in [
        (paths::ACCOUNT_CONFIRM.to_owned(), paths::ACCOUNT_SECURITY),
        (format!("{}?kept=nothing", paths::ACCOUNT_CONFIRM), paths::ACCOUNT_SECURITY),
        (format!("{}?kept={kept}", paths::ACCOUNT_CONFIRM), paths::ACCOUNT_PASSWORD),
    ] {
        assert_eq!(scene.browser.open(&address).await.url.path(), path, "{address}");
    }
}

#[tokio::test]
async fn the_password_leads_back_to_where_one_was() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(STALE);
    let kept = scene.kept(paths::ACCOUNT_PASSWORD).await;
    let page = asked(&mut scene, &kept).await;
    assert!(page.says("where you left off") && !page.has("code"), "{page}");
    assert_eq!(page.attributes("#password", "autocomplete"), ["current-password"]);
    assert_eq!(page.link("Cancel").path(), paths::ACCOUNT_PASSWORD);
    let (before, id) = (scene.session(), scene.session_id().await);
    let old = scene.alice.password.clone();
    let page = sends(&mut scene, page, &old, "").await;
    assert_eq!(page.url.path(), paths::ACCOUNT_PASSWORD, "{page}");
    assert_eq!(page.url.query(), Some(format!("kept={kept}").as_str()));
    assert_ne!(scene.session(), before, "a new cookie");
    assert_eq!(scene.session_id().await, id, "of the same session");
    let event = &scene.events("confirmed").await[0];
    assert_eq!(event.outcome, "successful");
    assert!(event.address.is_some() && event.user_agent.is_some());
    // It was no sign-in: the history of those stays as it was.
    assert_eq!(scene.events("sign_in").await.len(), 1);
}

#[tokio::test]
async fn cancelling_leads_back_to_where_one_came_from() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(STALE);
    for (asked_for, back) in [
        (paths::ACCOUNT_TWO_FACTOR_SET_UP, paths::ACCOUNT_TWO_FACTOR),
        (paths::ACCOUNT_SESSIONS_END_OTHERS, paths::ACCOUNT_SESSIONS),
    ] {
        let page = scene.browser.open(asked_for).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{asked_for}: {page}");
        let page = scene.browser.open(page.link("Cancel").as_str()).await;
        assert_eq!(page.url.path(), back, "{asked_for}: which itself asks for no proof");
    }
    // A form that anybody may look at keeps what was typed.
    let page = scene.browser.open(paths::ACCOUNT_EMAIL).await.fill("email", "new@people.example");
    let page = scene.browser.submit(&page, "Send a link").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
    let page = scene.browser.open(page.link("Cancel").as_str()).await;
    assert_eq!(
        (page.url.path(), page.value("email")),
        (paths::ACCOUNT_EMAIL, "new@people.example")
    );
    // Nothing that an address says leads anywhere else.
    let address = format!("{}?kept=https://evil.example/&to=/logout", paths::ACCOUNT_CONFIRM);
    let page = scene.browser.open(&address).await;
    assert_eq!(page.link("Cancel").path(), paths::ACCOUNT_SECURITY);
}

#[tokio::test]
async fn who_forgot_the_password_gets_on_by_mail_while_signed_in() {
    let mut scene = Scene::set().await;
    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    assert_eq!(page.link("Forgot it?").path(), paths::RECOVER);
    scene.latchkey.pass_seconds(STALE);
    let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_CONFIRM, "{page}");
    let page = scene.browser.open(page.link("Forgot it?").as_str()).await;
    assert_eq!(page.value("username"), "alice", "who that is need not be typed");
    let back = scene.browser.open(page.link("Back to your account").as_str()).await;
    assert_eq!(back.url.path(), paths::ACCOUNT_TWO_FACTOR, "{back}");
    let page = scene.browser.submit(&page, "Send me a link").await.page();
    assert_eq!(page.heading(), "Check your email");
    // The same browser follows the link, still signed in.
    let mail = scene.latchkey.mail_about("Choose a new").await;
    let page = scene.browser.open(&mail.link("/recover/")).await;
    let page = page.fill("password", NEW).fill("repeat", NEW);
    let page = scene.browser.submit(&page, "Set new password").await.page();
    assert_eq!(page.heading(), "Your new password is set");
    let page = scene.browser.open(page.link("Sign in").as_str()).await;
    assert_eq!(page.url.path(), paths::LOGIN, "signed out everywhere, here as well: {page}");
    assert!(scene.opens(NEW).await);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_as_well() {
    let mut scene = Scene::with_two_factor().await;
    scene.latchkey.pass_seconds(STALE);
    let kept = scene.kept(paths::ACCOUNT_PASSWORD).await;
    let right = scene.alice.password.clone();
    let mut told = std::collections::BTreeSet::new();
    let code = scene.code();
    for (password, code) in
        [(right.as_str(), "000000"), ("not-the-Passw0rd!", code.as_str()), (&right, "")]
    {
        let page = asked(&mut scene, &kept).await;
        let page = sends(&mut scene, page, password, code).await;
        assert_eq!(page.status, 422, "{page}");
        assert!(page.attributes("#password", "value").is_empty(), "nothing is shown again");
        told.extend(page.texts("#problem"));
    }
    assert_eq!(told.len(), 1, "which of both was wrong is not told: {told:?}");
    // The code beside the wrong password was not used up.
    let page = asked(&mut scene, &kept).await;
    let page = sends(&mut scene, page, &right, &code).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_PASSWORD, "{page}");
    let outcomes: Vec<_> =
        scene.events("confirmed").await.into_iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes.iter().filter(|one| *one == "failed").count(), 3);
    assert_eq!(outcomes.iter().filter(|one| *one == "successful").count(), 1);
    // And not a second time.
    scene.latchkey.pass_seconds(5);
    let kept = scene.kept(paths::ACCOUNT_PASSWORD).await;
    let old = totp(SEED, scene.latchkey.clock.now().seconds() - 5);
    assert_eq!(old, code);
    scene.latchkey.pass_seconds(STALE);
    let page = asked(&mut scene, &kept).await;
    assert_eq!(sends(&mut scene, page, &right, &old).await.status, 422);
}

#[tokio::test]
async fn a_form_of_another_session_is_none() {
    let mut scene = Scene::set().await;
    let kept = scene.kept(paths::ACCOUNT_PASSWORD).await;
    let password = scene.alice.password.clone();
    scene.browser = scene.signed_in(&password).await;
    scene.latchkey.pass_seconds(STALE);
    let page = asked(&mut scene, &kept).await;
    let page = sends(&mut scene, page, &password, "").await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
}

#[tokio::test]
async fn a_pause_ends_and_the_right_password_before_it_counts_anew() {
    let mut scene = Scene::on(
        Latchkey::start_with(|config| config.sessions.idle = config.sessions.absolute).await,
        false,
    )
    .await;
    let right = scene.alice.password.clone();
    scene.latchkey.pass_seconds(STALE);
    let try_it = async |scene: &mut Scene, password: &str| {
        let page = asked(scene, "").await;
        sends(scene, page, password, "").await
    };
    for _ in 0..4 {
        assert_eq!(try_it(&mut scene, "wrong").await.status, 422);
    }
    assert_eq!(try_it(&mut scene, &right).await.url.path(), paths::ACCOUNT_SECURITY);
    scene.latchkey.pass_seconds(STALE);
    for _ in 0..5 {
        assert_eq!(try_it(&mut scene, "wrong").await.status, 422);
    }
    // Asking on and on does not put off the end of the pause.
    for _ in 0..3 {
        scene.latchkey.pass_seconds(290);
        let page = try_it(&mut scene, &right).await;
        assert_eq!(page.status, 429, "{page}");
        assert!(page.headers.contains_key("retry-after") && page.says("Try again in"), "{page}");
    }
    assert_eq!(
        scene.events("confirmed").await.iter().filter(|one| one.outcome == "blocked").count(),
        1
    );
    scene.latchkey.pass_seconds(31);
    assert_eq!(try_it(&mut scene, &right).await.url.path(), paths::ACCOUNT_SECURITY);
}
