//! The walk of somebody who forgot their password, and of somebody who did not sign in.

use latchkey::identity::people;
use latchkey::paths;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};

const NEW: &str = "w1nter-Kettle-Falls%7";

async fn from_forgotten_to_signed_in(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&latchkey.at(paths::LOGIN)).await;
    chromium.click("#recover").await;
    chromium.look("Forgot your password?").await;
    chromium.fill("username", "alice").await;
    chromium.click("#send").await;
    chromium.look("Check your email").await;
    let mail = latchkey.mail_about("Choose a new").await;
    chromium.visit(&mail.link("/recover/")).await;
    chromium.look("Choose a new password").await;
    chromium.fill("password", "short").await;
    if scripts == Scripts::On {
        // The page says so before it is sent.
        let rule = chromium.words("[data-rule=length][data-met=no]").await;
        assert!(rule.contains("8 to 128 characters"), "{rule}");
        chromium.words("#strength[data-score]").await;
        chromium.look("Choose a new password").await;
    }
    chromium.fill("repeat", "short").await;
    chromium.click("#set").await;
    let problem = chromium.words("#problem").await;
    assert!(problem.contains("at least 8 characters"), "{problem}");
    chromium.audit().await;
    chromium.fill("password", NEW).await;
    chromium.fill("repeat", NEW).await;
    chromium.click("#set").await;
    chromium.look("Your new password is set").await;
    chromium.click("#sign-in").await;
    chromium.look("Sign in").await;
    chromium.sign_in("alice", NEW).await;
    chromium.sees("Your account").await;
    // The same link again.
    chromium.visit(&mail.link("/recover/")).await;
    chromium.sees("This link does not work any more").await;
    chromium.audit().await;
    // Somebody else's sign-in, later than the one in this browser.
    latchkey.pass_seconds(1);
    let link = latchkey
        .not_me_link(&crate::support::people::TestUser { password: NEW.into(), ..alice })
        .await;
    chromium.visit(&link).await;
    chromium.look("Was this not you?").await;
    chromium.click("#end").await;
    // Who is signed in here goes on to make the account safe.
    chromium.look("Secure your account").await;
    chromium.visit(&link).await;
    chromium.look("This link does not work any more").await;
    chromium.close().await;
}

/// Support helps with a password that is good for one sign-in.
async fn from_a_temporary_password_to_an_own_one(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    let temporary = "t3mporary-Harbour%5";
    let set = people::set_password(&latchkey.app, "alice", &temporary.to_owned().into()).await;
    set.expect("a temporary password");
    let chromium = Chromium::start(scripts).await;
    chromium.visit(&latchkey.at(paths::LOGIN)).await;
    chromium.sign_in("alice", temporary).await;
    chromium.look("Choose a new password").await;
    chromium.fill("password", "alice").await;
    if scripts == Scripts::On {
        chromium.words("[data-rule=names][data-met=no]").await;
    }
    chromium.fill("repeat", "alice").await;
    chromium.click("#set").await;
    chromium.words("#problem").await;
    chromium.look("Choose a new password").await;
    chromium.fill("password", NEW).await;
    chromium.fill("repeat", NEW).await;
    chromium.click("#set").await;
    chromium.look("Your account").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_password_leads_to_an_own_one() {
    from_a_temporary_password_to_an_own_one(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_password_leads_there_without_scripts_as_well() {
    from_a_temporary_password_to_an_own_one(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_forgot_their_password_chooses_a_new_one() {
    from_forgotten_to_signed_in(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_do_so_without_scripts_as_well() {
    from_forgotten_to_signed_in(Scripts::Off).await;
}
