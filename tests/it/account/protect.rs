//! `/account/security/protect`: the way through after a break-in.

use latchkey::paths;

use super::scene::{NEW, SEED, Scene};
use crate::support::clients;
use crate::support::flow::sign_in;
use crate::support::page::Page;

async fn way(scene: &mut Scene) -> Page {
    scene.browser.open(paths::ACCOUNT_PROTECT).await
}

async fn press(scene: &mut Scene, page: &Page, button: &str) -> Page {
    scene.browser.submit(page, button).await.page()
}

fn states(page: &Page) -> Vec<bool> {
    page.texts(".step h2").iter().map(|title| title.ends_with("(done)")).collect()
}

#[tokio::test]
async fn the_way_leads_through_all_five_steps() {
    let mut scene = Scene::set().await;
    let password = scene.alice.password.clone();
    let web = scene.latchkey.client(clients::web()).await;
    scene.latchkey.tokens_in(&mut scene.browser, &scene.alice, &web, &[]).await;
    let mut thief = scene.signed_in(&password).await;
    scene.latchkey.pass_seconds(60);

    let first = way(&mut scene).await;
    assert!(first.has("Begin") && !first.has("looked-changes"), "{first}");
    let page = press(&mut scene, &first, "Begin").await;
    assert_eq!(page.url.path(), paths::ACCOUNT_PROTECT);
    assert_eq!(states(&page), [false; 5], "{page}");
    assert_eq!(page.texts("[aria-current=step] h2").len(), 1);
    assert!(page.says("One other browser is signed in."), "{page}");
    assert_eq!(page.link("Active sessions").path(), "/account/sessions");

    // A new password, with every application disconnected unless one says otherwise.
    let link = page.link("Change password");
    scene.latchkey.pass_seconds(60);
    let form = scene.browser.open(link.as_str()).await;
    assert_eq!(form.attributes("#end_applications[checked]", "id").len(), 1, "{form}");
    let form = form.fill("password", &password).fill("new_password", NEW);
    let form = form.fill("new_password_again", NEW);
    let page = press(&mut scene, &form, "Change password").await;
    assert_eq!(page.url.path(), paths::ACCOUNT_PROTECT, "{page}");
    assert!(page.says("Your password is changed"), "{page}");
    assert!(!Scene::is_signed_in(&mut thief).await);
    assert_eq!(states(&page), [true, true, false, true, false], "no application is left: {page}");

    scene.latchkey.enrol(&scene.alice, SEED).await;
    let page = way(&mut scene).await;
    assert_eq!(states(&page), [true, true, true, true, false], "{page}");
    scene.latchkey.pass_seconds(60);
    let page = press(&mut scene, &page, "looked-changes").await;
    assert_eq!(states(&page), [true; 5]);
    assert_eq!(page.heading(), "Your account is yours again");
    scene.latchkey.pass_seconds(60);
    let page = press(&mut scene, &page, "Back to my account").await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY);
    assert!(way(&mut scene).await.has("Begin"), "the next time begins anew");
    // Among the changes stands that it began, and nothing that nobody can make sense of.
    let changes = scene.browser.open(paths::ACCOUNT_CHANGES).await;
    let rows = changes.texts(".log-row");
    let begun = rows.iter().filter(|row| row.contains("You began to secure your account"));
    assert_eq!(begun.count(), 1, "{rows:#?}");
    assert!(!changes.says("Something was changed"), "{changes}");
}

/// The banner of a page, if it has one.
fn banner(page: &Page) -> Option<String> {
    page.texts("#securing").into_iter().next()
}

#[tokio::test]
async fn every_page_leads_back_to_the_steps_while_the_way_is_open() {
    let mut scene = Scene::set().await;
    let password = scene.alice.password.clone();
    scene.signed_in(&password).await;
    for path in paths::PAGES {
        assert_eq!(banner(&scene.browser.open(path).await), None, "{path}");
    }
    let page = way(&mut scene).await;
    let page = press(&mut scene, &page, "Begin").await;
    assert_eq!(banner(&page), None, "it is the page of the steps");
    let pages = paths::PAGES.iter().filter(|path| **path != paths::ACCOUNT_PROTECT);
    for path in pages.chain(&["/account/sessions?done=others"]) {
        let page = scene.browser.open(path).await;
        let told = banner(&page).unwrap_or_else(|| panic!("{path}: {page}"));
        assert!(told.contains("step 1 of 5, sign out every other browser"), "{path}: {told}");
        assert_eq!(page.link("Back to the steps").path(), paths::ACCOUNT_PROTECT);
    }
    let overview = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(overview.says("Go on securing your account"), "{overview}");
    assert_eq!(overview.link("Go on").path(), paths::ACCOUNT_PROTECT);
    // Somebody else's pages say nothing of it.
    let bob = scene.latchkey.bob().await;
    let mut other = scene.latchkey.browser();
    sign_in(&mut other, &bob).await;
    assert_eq!(banner(&other.open(paths::ACCOUNT_SECURITY).await), None);
    // Nor do hers, once she is through with it.
    scene.latchkey.pass_seconds(1);
    let page = way(&mut scene).await;
    let overview = press(&mut scene, &page, "Stop here").await;
    assert_eq!(banner(&overview), None);
    assert!(!overview.says("Go on securing"), "{overview}");
}

#[tokio::test]
async fn a_second_factor_that_was_on_before_is_reviewed() {
    let mut scene = Scene::with_two_factor().await;
    scene.latchkey.pass_seconds(60);
    let page = way(&mut scene).await;
    let page = press(&mut scene, &page, "Begin").await;
    assert!(page.says("Review two-factor") && page.says("authenticators that are not yours"));
    assert!(page.says("And is alice@people.example your own email address?"), "{page}");
    assert_eq!(page.link("Email address").path(), paths::ACCOUNT_EMAIL);
    assert!(!states(&page)[2], "an authenticator may be somebody else's: {page}");
    let page = press(&mut scene, &page, "looked-two-factor").await;
    assert!(states(&page)[2], "{page}");
    // What is done can be looked at again.
    for (link, path) in [
        ("Active sessions", paths::ACCOUNT_SESSIONS),
        ("Two-factor", paths::ACCOUNT_TWO_FACTOR),
        ("Applications", paths::ACCOUNT_APPLICATIONS),
    ] {
        let links = page.attributes(".step.done .step-do a", "href");
        assert!(links.iter().any(|to| to == path), "{link}: {links:?}");
    }
}

#[tokio::test]
async fn only_what_is_so_counts() {
    let mut scene = Scene::set().await;
    let page = way(&mut scene).await;
    scene.latchkey.pass_seconds(1);
    let page = press(&mut scene, &page, "Begin").await;
    assert!(states(&page)[0], "nobody else is signed in");
    assert!(states(&page)[3], "nothing is connected");
    // A look can be told, a deed cannot.
    let mut form = page.submission("looked-changes");
    for word in ["looked-password", "looked-sessions", "nonsense", ""] {
        for field in &mut form.fields {
            if field.0 == "decision" {
                word.clone_into(&mut field.1);
            }
        }
        assert_eq!(scene.browser.send(&page, form.clone()).await.page().status, 400, "{word}");
    }
    // Somebody signs in meanwhile: that step is open again.
    let password = scene.alice.password.clone();
    scene.signed_in(&password).await;
    let page = way(&mut scene).await;
    assert!(!states(&page)[0], "{page}");
    // A day later it is another story.
    scene.latchkey.pass_seconds(3600 * 24 + 1);
    scene.browser = scene.signed_in(&password).await;
    assert!(way(&mut scene).await.has("Begin"));
}
