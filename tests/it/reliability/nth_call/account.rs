//! What a person does on the pages of their account.

use latchkey::paths;
use latchkey::store::{devices, users};

use super::{MOST, Scene, is_signed_in, send};
use crate::support::browser::Browser;
use crate::support::flow::sign_in;

#[tokio::test]
async fn ending_one_session() {
    let scene = Scene::set().await;
    let mut here = scene.signed_in().await;
    for n in 1..MOST {
        let mut there = scene.signed_in().await;
        let list = here.open(paths::ACCOUNT_SESSIONS).await;
        let ends = list.attributes("#active-sessions > li > a", "href");
        let page = here.open(&ends[1]).await;
        let (done, struck) = scene.send(n, &here, &page, &[("decision", "allow")]).await;
        if !done && is_signed_in(&mut there).await {
            assert_eq!(send(&here, &page, &[("decision", "allow")]).await, 303, "call {n}");
        }
        assert!(!is_signed_in(&mut there).await, "call {n}: told that it is ended");
        assert!(is_signed_in(&mut here).await, "call {n}: only the other was to end");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn ending_all_other_sessions() {
    let mut scene = Scene::set().await;
    let mut here = scene.signed_in().await;
    for n in 1..MOST {
        let mut there = [scene.signed_in().await, scene.signed_in().await];
        scene.stage.browser = there[0].clone();
        let ask = scene.stage.ask();
        let grant = scene.stage.grant(&ask).await;
        let page = here.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
        let (done, struck) = scene.send(n, &here, &page, &[("decision", "allow")]).await;
        let mut left = Vec::new();
        for browser in &mut there {
            left.push(is_signed_in(browser).await);
        }
        assert_eq!(left[0], left[1], "call {n}: half of them");
        assert!(!done || !left[0], "call {n}: told that they are ended");
        assert_eq!(scene.stage.is_alive(&grant.access).await, left[0], "call {n}");
        if left[0] {
            assert_eq!(send(&here, &page, &[("decision", "allow")]).await, 303, "call {n}");
        }
        scene.stage.is_dead("of a session that was ended", &grant).await;
        assert!(is_signed_in(&mut here).await, "call {n}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn disconnecting_an_application() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let grant = scene.grant().await;
        let list = scene.stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
        let ask = list.link("Revoke access of Photo Printer");
        let page = scene.stage.browser.open(ask.as_str()).await;
        let (done, struck) = scene.send(n, &scene.stage.browser, &page, &[]).await;
        let alive = scene.stage.is_alive(&grant.access).await;
        assert!(!done || !alive, "call {n}: told that it is disconnected");
        if alive {
            assert_eq!(send(&scene.stage.browser, &page, &[]).await, 303, "call {n}");
        }
        scene.stage.is_dead("a disconnected application", &grant).await;
        let arrival = scene.stage.browser.arrive(&scene.stage.ask_offline().address()).await;
        assert!(arrival.page().has("allow"), "call {n}: it must ask again");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn forgetting_a_browser() {
    let scene = Scene::set().await;
    let mut here = scene.signed_in().await;
    for n in 1..MOST {
        scene.signed_in().await;
        let known = known(&scene).await;
        let other = known.first().expect("a browser").clone();
        let address = paths::ACCOUNT_DEVICE_FORGET.replace("{id}", &other);
        let page = here.open(&address).await;
        let (done, struck) = scene.send(n, &here, &page, &[]).await;
        let there = self::known(&scene).await.contains(&other);
        assert!(!done || !there, "call {n}: told that it is forgotten");
        if there {
            assert_eq!(send(&here, &page, &[]).await, 303, "call {n}");
        }
        assert!(!self::known(&scene).await.contains(&other), "call {n}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// The browsers that Alice is known in, the newest first.
async fn known(scene: &Scene) -> Vec<String> {
    let mut db = scene.stage.latchkey.app.store.read().await.expect("a connection");
    let listed = devices::list(&mut db, &scene.stage.alice.id).await.expect("devices");
    let mut ids: Vec<_> = listed.into_iter().map(|device| device.id).collect();
    ids.sort();
    ids.reverse();
    ids
}

#[tokio::test]
async fn changing_the_address_of_mail() {
    let scene = Scene::set().await;
    let latchkey = &scene.stage.latchkey;
    for n in 1..MOST {
        let new = format!("alice-{n}@new.example");
        let mut browser = scene.signed_in().await;
        let page = browser.open(paths::ACCOUNT_EMAIL).await;
        let page = page.fill("email", &new);
        let (asked, struck_at_asking) = ask(&scene, n, &mut browser, &page, &new).await;
        let mails = latchkey.mails_to(&new).await;
        assert!(!asked || !mails.is_empty(), "call {n}: told of a mail that never came");
        if mails.is_empty() {
            let page = browser.open(paths::ACCOUNT_EMAIL).await.fill("email", &new);
            browser.submit(&page, "Send a link").await.page();
        }
        let mails = latchkey.mails_to(&new).await;
        let link = mails.last().expect("a mail").link("/account/profile/email/");
        let page = browser.open(&link).await;
        let (done, struck) = scene.send(n, &browser, &page, &[]).await;
        let changed = address(&scene).await == new;
        assert!(!done || changed, "call {n}: told that it is changed");
        if !changed {
            assert_eq!(send(&browser, &page, &[]).await, 303, "call {n}");
            assert_eq!(address(&scene).await, new, "call {n}");
        }
        assert_eq!(browser.open(&link).await.status, 404, "call {n}: the link was good once");
        latchkey.pass_seconds(3601);
        if !struck && !struck_at_asking {
            return;
        }
    }
    panic!("it never got through");
}

/// Sends the form that asks for a link.
async fn ask(
    scene: &Scene,
    n: usize,
    browser: &mut Browser,
    page: &crate::support::page::Page,
    new: &str,
) -> (bool, bool) {
    scene.send(n, browser, page, &[("email", new)]).await
}

async fn address(scene: &Scene) -> String {
    let mut db = scene.stage.latchkey.app.store.read().await.expect("a connection");
    let found = users::find(&mut db, &scene.stage.alice.id).await.expect("an answer");
    found.expect("Alice").email.expect("an address")
}

#[tokio::test]
async fn planning_to_leave_and_staying() {
    let mut scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let grant = scene.grant().await;
        let mut here = scene.stage.latchkey.browser();
        sign_in(&mut here, &alice).await;
        let page = here.open(paths::ACCOUNT_REMOVE).await;
        let typed = [("username", "alice")];
        let (done, struck) = scene.send(n, &here, &page, &typed).await;
        let planned = is_planned(&scene).await;
        assert!(!done || planned, "call {n}: told that it is planned");
        assert_eq!(scene.stage.is_alive(&grant.access).await, !planned, "call {n}: by half");
        if !planned {
            assert_eq!(send(&here, &page, &typed).await, 303, "call {n}");
        }
        assert!(is_planned(&scene).await, "call {n}");
        scene.stage.is_dead("an application", &grant).await;
        let page = here.open(paths::ACCOUNT_DATA).await;
        let keep = page.form_with("Keep my account").submission(None);
        scene.trap.arm(n);
        let headers = [("origin", page.url.origin().ascii_serialization())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let kept =
            crate::support::flow::post_raw(&here, &keep.action, &keep.fields, &headers).await;
        let struck = scene.trap.disarm() || struck;
        let kept = super::done_or_503(kept.status().as_u16(), n);
        assert!(!kept || !is_planned(&scene).await, "call {n}: told that it stays");
        if is_planned(&scene).await {
            here.send(&page, keep).await.page();
        }
        assert!(!is_planned(&scene).await, "call {n}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

async fn is_planned(scene: &Scene) -> bool {
    let mut db = scene.stage.latchkey.app.store.read().await.expect("a connection");
    let found = users::find(&mut db, &scene.stage.alice.id).await.expect("an answer");
    found.expect("Alice is there").removal_at.is_some()
}
