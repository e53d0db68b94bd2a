//! `/account/security/protect`: the way through after a break-in.

use latchkey::paths;

use super::scene::{NEW, SEED, Scene};
use crate::support::clients;
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
    assert_eq!(link.query(), Some("guide=1"));
    scene.latchkey.pass_seconds(60);
    let form = scene.browser.open(link.as_str()).await;
    assert_eq!(form.link("Step 2").path(), paths::ACCOUNT_PROTECT);
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
