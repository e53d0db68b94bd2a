//! The five steps that shut an intruder out, each by its real controls and back again.

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients;
use crate::support::flow::totp;
use crate::support::people::PASSWORD;

const NEW: &str = "N3w-Harbour%Gull";
const SEED: &[u8] = b"12345678901234567890";

/// Back from a page by its banner, which tells how far one is.
async fn back(chromium: &Chromium, so_far: &str) {
    let told = chromium.words("#securing").await;
    assert!(told.contains(so_far), "{told}");
    chromium.click("#securing a").await;
    chromium.look("Secure your account").await;
}

async fn enter(chromium: &Chromium, latchkey: &Latchkey) {
    chromium.visit(&latchkey.at(paths::ACCOUNT_PROTECT)).await;
    chromium.sees("Sign in").await;
    chromium.sign_in("alice", PASSWORD).await;
    chromium.sees("Enter your code").await;
    chromium.fill("code", &totp(SEED, latchkey.clock.now().seconds())).await;
    chromium.click("#verify").await;
    chromium.look("Secure your account").await;
}

async fn all_five_steps(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut thief = latchkey.browser();
    let web = latchkey.client(clients::web()).await;
    latchkey.tokens_in(&mut thief, &alice, &web, &[]).await;
    latchkey.enrol(&alice, SEED).await;
    latchkey.pass_seconds(60);
    let chromium = Chromium::start(scripts).await;
    enter(&chromium, &latchkey).await;
    latchkey.pass_seconds(60);
    chromium.click("#begin").await;
    chromium.words("[aria-current=step]").await;
    chromium.look("Secure your account").await;

    chromium.click(".step-do a[href='/account/sessions']").await;
    chromium.look("Active sessions").await;
    chromium.click("#end-others").await;
    chromium.look("Terminate all other sessions?").await;
    chromium.click("#end").await;
    chromium.look("Active sessions").await;
    back(&chromium, "step 2 of 5, choose a new password").await;

    chromium.click(".step-do a[href='/account/password']").await;
    chromium.look("Password").await;
    chromium.fill("password", PASSWORD).await;
    chromium.fill("new_password", NEW).await;
    chromium.fill("new_password_again", NEW).await;
    chromium.click("#end_applications").await;
    chromium.click("#save").await;
    chromium.look("Secure your account").await;

    chromium.click(".step-do a[href='/account/two-factor']").await;
    chromium.look("Two-factor").await;
    back(&chromium, "step 3 of 5, two-factor").await;
    for (word, path, heading) in [
        ("looked-two-factor", "/account/applications", "Applications"),
        ("looked-applications", "/account/changes", "Recent changes"),
    ] {
        chromium.click(&format!("[value={word}]")).await;
        chromium.look("Secure your account").await;
        chromium.click(&format!(".step-do a[href='{path}']")).await;
        chromium.look(heading).await;
        chromium.click("#securing a").await;
        chromium.sees("Secure your account").await;
    }
    chromium.click(".step-do a[href='/account/profile/email']").await;
    chromium.look("Email address").await;
    back(&chromium, "step 5 of 5, review recent changes").await;
    chromium.click("[value=looked-changes]").await;
    chromium.look("Your account is yours again").await;
    chromium.click("#finish").await;
    chromium.look("Your account").await;
    let none = chromium.ask("return document.querySelector('#securing') === null").await;
    assert_eq!(none, true);
    let page = thief.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN, "the other browser is out: {page}");
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_shuts_an_intruder_out_in_five_steps() {
    all_five_steps(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_five_steps_are_the_same() {
    all_five_steps(Scripts::Off).await;
}
