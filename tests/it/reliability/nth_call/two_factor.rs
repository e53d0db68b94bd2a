//! The second factor: shown, set up, taken away.

use latchkey::identity::two_factor;
use latchkey::paths;

use super::{MOST, Scene, send};
use crate::support::flow::sign_in_with;
use crate::support::phone::{Phone, codes_of};

const SEED: &[u8] = b"twenty bytes of seed";

/// Whether Alice is asked for a code after her password.
async fn is_asked(scene: &Scene) -> bool {
    let (mut browser, alice) = (scene.stage.latchkey.browser(), &scene.stage.alice);
    let page = sign_in_with(&mut browser, &alice.username, &alice.password).await;
    page.url.path() == paths::LOGIN_TWO_FACTOR
}

#[tokio::test]
async fn showing_a_code_at_sign_in() {
    let scene = Scene::set().await;
    let (latchkey, alice) = (&scene.stage.latchkey, &scene.stage.alice);
    latchkey.enrol(alice, SEED).await;
    let phone = Phone { seed: SEED.to_vec() };
    for n in 1..MOST {
        latchkey.pass_seconds(60);
        let (browser, page) = latchkey.owing(alice).await;
        let code = phone.code(latchkey, 0);
        let (done, struck) = scene.send(n, &browser, &page, &[("code", &code)]).await;
        let (thief, page) = latchkey.owing(alice).await;
        let again = send(&thief, &page, &[("code", &code)]).await;
        assert!(!done || again == 422, "call {n}: a code was good twice, {again}");
        latchkey.pass_seconds(30);
        latchkey.enter_with(alice, &phone).await;
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn showing_a_backup_code_at_sign_in() {
    let scene = Scene::set().await;
    let latchkey = &scene.stage.latchkey;
    let mut codes: Vec<String> = Vec::new();
    let mut who = scene.stage.alice.clone();
    for n in 1..MOST {
        if codes.len() < 2 {
            who = latchkey.person(&format!("person-{n}"), serde_json::json!({})).await;
            let mut browser = latchkey.browser();
            sign_in_with(&mut browser, &who.username, &who.password).await;
            codes = latchkey.turn_on(&mut browser).await.1;
        }
        latchkey.pass_seconds(60);
        let code = codes.pop().expect("a code");
        let (mut browser, page) = latchkey.owing(&who).await;
        let page = browser.open(page.link("Use a backup code instead").as_str()).await;
        let (done, struck) = scene.send(n, &browser, &page, &[("code", &code)]).await;
        let (mut other, page) = latchkey.owing(&who).await;
        let page = other.open(page.link("Use a backup code instead").as_str()).await;
        let again = send(&other, &page, &[("code", &code)]).await;
        assert!(!done || again == 422, "call {n}: a backup code was good twice, {again}");
        if again == 422 {
            // It is used up, whether the answer came or not: the next one is good.
            let page = page.fill("code", &codes.pop().expect("a code"));
            let page = other.submit(&page, "Verify").await.page();
            assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED, "call {n}");
        } else {
            assert_eq!(again, 303, "call {n}");
        }
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn setting_two_factor_up() {
    let scene = Scene::set().await;
    let (latchkey, alice) = (&scene.stage.latchkey, &scene.stage.alice);
    for n in 1..MOST {
        let mut browser = scene.signed_in().await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = Phone::scan(&page);
        let typed = [("code", phone.code(latchkey, 0)), ("name", "Phone".to_owned())];
        let typed = typed.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (done, struck) = scene.send(n, &browser, &page, &typed).await;
        let asked = is_asked(&scene).await;
        assert!(!done || asked, "call {n}: told that it is on");
        if !asked {
            let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
            assert_eq!(Phone::scan(&page), phone, "call {n}: what she scanned is good still");
            let page = page.fill("code", &phone.code(latchkey, 0)).fill("name", "Phone");
            codes_of(&browser.submit(&page, "Turn on").await.page());
        }
        // Whoever has scanned it gets in, and nobody is shut out by half an app.
        latchkey.enter_with(alice, &phone).await;
        two_factor::reset(&latchkey.app, "alice").await.expect("support helps");
        latchkey.pass_seconds(60);
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn turning_two_factor_off() {
    let scene = Scene::set().await;
    let (latchkey, alice) = (&scene.stage.latchkey, &scene.stage.alice);
    let phone = Phone { seed: SEED.to_vec() };
    for n in 1..MOST {
        latchkey.enrol(alice, SEED).await;
        latchkey.pass_seconds(60);
        let mut browser = latchkey.enter_with(alice, &phone).await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_OFF).await;
        let (done, struck) = scene.send(n, &browser, &page, &[]).await;
        let asked = is_asked(&scene).await;
        assert!(!done || !asked, "call {n}: told that it is off");
        if asked {
            latchkey.enter_with(alice, &phone).await;
            assert_eq!(send(&browser, &page, &[]).await, 303, "call {n}");
            assert!(!is_asked(&scene).await, "call {n}");
        }
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}
