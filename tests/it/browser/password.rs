//! The walk of a person who thinks that somebody got in: overview, the steps, a new password,
//! confirming.

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::flow::sign_in;
use crate::support::people::PASSWORD;

const NEW: &str = "N3w-Harbour%Gull";

/// Waits until the script of the page has shown what the server says.
async fn becomes(chromium: &Chromium, selector: &str, words: &str) {
    let said = chromium.words(selector).await;
    assert!(said.contains(words), "{selector} says {said:?}");
}

async fn from_worry_to_a_new_password(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut elsewhere = latchkey.browser();
    sign_in(&mut elsewhere, &alice).await;
    let chromium = Chromium::start(scripts).await;

    // Signed out, the page asks to sign in and comes back.
    chromium.visit(&latchkey.at(paths::ACCOUNT_PASSWORD)).await;
    chromium.sees("Sign in").await;
    chromium.sign_in("alice", PASSWORD).await;
    chromium.look("Password").await;

    chromium.visit(&latchkey.at(paths::ACCOUNT_SECURITY)).await;
    chromium.look("Your account").await;
    chromium.click("#protect").await;
    chromium.look("Secure your account").await;
    latchkey.pass_seconds(60);
    chromium.click("#begin").await;
    chromium.words("[aria-current=step]").await;
    chromium.look("Secure your account").await;
    latchkey.pass_seconds(60);
    chromium.click(".step-do a[href='/account/password']").await;
    chromium.look("Password").await;

    // A bad one first.
    chromium.fill("password", PASSWORD).await;
    chromium.fill("new_password", "P@ssw0rd1!").await;
    if scripts == Scripts::On {
        becomes(&chromium, "[data-rule=common][data-met=no]", "(not met)").await;
        becomes(&chromium, "[data-rule=length][data-met=yes]", "(met)").await;
        becomes(&chromium, "#strength[data-score] .strength-words", "eak").await;
        chromium.look("Password").await;
    }
    chromium.fill("new_password_again", "P@ssw0rd1!").await;
    chromium.click("#save").await;
    let told = chromium.words("#problem").await;
    assert!(told.contains("among the passwords that attackers try first"), "{told}");
    chromium.look("Password").await;

    chromium.fill("password", PASSWORD).await;
    chromium.fill("new_password", NEW).await;
    chromium.fill("new_password_again", NEW).await;
    if scripts == Scripts::On {
        becomes(&chromium, "#strength[data-score='4'] .strength-words", "Strong").await;
        chromium.click("[data-reveals=new_password]").await;
        let kind = chromium.ask("return document.getElementById('new_password').type").await;
        assert_eq!(kind, "text");
    }
    chromium.click("#save").await;
    chromium.look("Secure your account").await;
    let page = elsewhere.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN, "the other browser is out: {page}");

    // Later, something else that matters asks for the new one.
    latchkey.pass_seconds(301);
    chromium.visit(&latchkey.at(paths::ACCOUNT_CONFIRM)).await;
    chromium.look("Confirm it’s you").await;
    chromium.fill("password", "wrong").await;
    chromium.click("#go-on").await;
    chromium.words("#problem").await;
    chromium.look("Confirm it’s you").await;
    chromium.fill("password", NEW).await;
    chromium.click("#go-on").await;
    chromium.look("Your account").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worried_person_is_led_to_a_new_password() {
    from_worry_to_a_new_password(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_they_are_led_there_too() {
    from_worry_to_a_new_password(Scripts::Off).await;
}
