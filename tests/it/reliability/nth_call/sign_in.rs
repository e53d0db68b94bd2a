//! Signing in and out, a forgotten password, and what is asked on the way to an application.

use latchkey::paths;

use super::{MOST, Scene, is_signed_in, send};
use crate::support::Latchkey;
use crate::support::browser::Arrival;
use crate::support::flow::sign_in_with;
use crate::support::people::TestUser;
use crate::support::stage::sign_in;

#[tokio::test]
async fn signing_out() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        sign_in_with(&mut browser, &alice.username, &alice.password).await;
        let page = browser.open(paths::LOGOUT).await;
        scene.trap.arm(n);
        let status = send(&browser, &page, &[("decision", "allow")]).await;
        let struck = scene.trap.disarm();
        let here = is_signed_in(&mut browser).await;
        match status {
            303 => assert!(!here, "call {n}: told that it is signed out"),
            503 => assert_eq!(here, is_signed_in(&mut browser).await, "call {n}"),
            other => panic!("call {n}: {other}"),
        }
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn signing_in() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        let page = browser.open(paths::LOGIN).await;
        scene.trap.arm(n);
        let typed = [("username", alice.username.as_str()), ("password", &alice.password)];
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        // Whatever became of it, the next try does.
        let page = sign_in_with(&mut browser, &alice.username, &alice.password).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "call {n}: {page}");
        if !struck {
            assert_eq!(status, 303);
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn guessing_a_password() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        let page = browser.open(paths::LOGIN).await;
        let before = tries(&scene.stage.latchkey, &alice).await;
        scene.trap.arm(n);
        let typed = [("username", alice.username.as_str()), ("password", "Wrong-1-wrong")];
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([422, 429, 503].contains(&status), "call {n}: {status}");
        if status == 422 {
            let counted = tries(&scene.stage.latchkey, &alice).await;
            assert!(counted > before, "call {n}: a guess was looked at and not counted");
        }
        scene.stage.latchkey.pass(std::time::Duration::from_hours(1));
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// How many wrong passwords are on record.
async fn tries(latchkey: &Latchkey, alice: &TestUser) -> usize {
    latchkey.count("sign_in", alice).await
}

#[tokio::test]
async fn changing_a_password() {
    let scene = Scene::set().await;
    let alice = scene.stage.alice.clone();
    let mut password = alice.password.clone();
    for n in 1..MOST {
        let mut browser = scene.stage.latchkey.browser();
        sign_in_with(&mut browser, &alice.username, &password).await;
        let page = browser.open(paths::ACCOUNT_PASSWORD).await;
        let new = format!("Quiet-harbor-{n}-lanterns");
        let typed =
            [("password", password.as_str()), ("new_password", &new), ("new_password_again", &new)];
        scene.trap.arm(n);
        let status = send(&browser, &page, &typed).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        let opens = async |word: &str| {
            let mut browser = scene.stage.latchkey.browser();
            let page = sign_in_with(&mut browser, &alice.username, word).await;
            page.url.path() == paths::ACCOUNT_SECURITY
        };
        let (old_opens, new_opens) = (opens(&password).await, opens(&new).await);
        assert_ne!(old_opens, new_opens, "call {n}: one of them is right");
        assert!(status == 503 || new_opens, "call {n}: told that it is changed");
        if new_opens {
            password = new;
        }
        scene.stage.latchkey.pass(std::time::Duration::from_hours(1));
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn allowing_an_application() {
    let mut scene = Scene::set().await;
    for n in 1..MOST {
        let ask = scene.stage.ask().with("prompt", "consent");
        let arrival = scene.stage.browser.arrive(&ask.address()).await;
        let arrival = match arrival {
            Arrival::Page(page) if page.has("password") => {
                let alice = scene.stage.alice.clone();
                sign_in(&mut scene.stage.browser, *page, &alice).await
            }
            other => other,
        };
        let page = arrival.page();
        assert!(page.has("allow"), "{page}");
        scene.trap.arm(n);
        let status = send(&scene.stage.browser, &page, &[("decision", "allow")]).await;
        let struck = scene.trap.disarm();
        assert!([303, 503].contains(&status), "call {n}: {status}");
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

/// Whether a password opens Alice's account.
async fn opens(scene: &Scene, password: &str) -> bool {
    let mut browser = scene.stage.latchkey.browser();
    let page = sign_in_with(&mut browser, &scene.stage.alice.username, password).await;
    page.url.path() == paths::ACCOUNT_SECURITY
}

#[tokio::test]
async fn asking_for_a_link_to_a_new_password() {
    let scene = Scene::set().await;
    for n in 1..MOST {
        let browser = &mut scene.stage.latchkey.browser();
        let page = browser.open(paths::RECOVER).await;
        let before = scene.stage.latchkey.mails_to(&scene.stage.alice.email).await.len();
        let typed = [("username", scene.stage.alice.username.as_str())];
        let (done, struck) = scene.send(n, browser, &page, &typed).await;
        let mails = scene.stage.latchkey.mails_to(&scene.stage.alice.email).await;
        assert!(!done || mails.len() == before + 1, "call {n}: told of a mail that never came");
        if !done {
            // Asked again, a mail comes, whether one came before or not.
            assert_eq!(send(browser, &page, &typed).await, 303, "call {n}");
        }
        let mails = scene.stage.latchkey.mails_to(&scene.stage.alice.email).await;
        let link = mails.last().expect("a mail").link("/recover/");
        assert!(browser.open(&link).await.has("repeat"), "call {n}");
        // Only so many links are sent within an hour.
        scene.stage.latchkey.pass_seconds(3601);
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}

#[tokio::test]
async fn choosing_a_new_password_by_a_link() {
    let scene = Scene::set().await;
    let mut password = scene.stage.alice.password.clone();
    for n in 1..MOST {
        let link = scene.stage.latchkey.recovery_link(&scene.stage.alice).await;
        let mut browser = scene.stage.latchkey.browser();
        let page = browser.open(&link).await;
        let new = format!("Quiet-harbor-{n}-lanterns");
        let typed = [("password", new.as_str()), ("repeat", &new)];
        let (done, struck) = scene.send(n, &browser, &page, &typed).await;
        let (old_opens, new_opens) = (opens(&scene, &password).await, opens(&scene, &new).await);
        assert_ne!(old_opens, new_opens, "call {n}: one of them is right");
        assert!(!done || new_opens, "call {n}: told that it is changed");
        if old_opens {
            // The link is good still.
            assert_eq!(send(&browser, &page, &typed).await, 303, "call {n}");
            assert!(opens(&scene, &new).await, "call {n}");
        }
        assert_eq!(browser.open(&link).await.status, 404, "call {n}: the link was good once");
        password = new;
        scene.stage.latchkey.pass_seconds(3601);
        if !struck {
            return;
        }
    }
    panic!("it never got through");
}
