//! The walk of somebody who turns two-factor on, loses the phone and gets back in.

use latchkey::paths;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::flow::sign_in;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::phone::Phone;

struct Walk {
    latchkey: Latchkey,
    alice: TestUser,
    chromium: Chromium,
}

impl Walk {
    async fn prepare(scripts: Scripts, rules: &[&str]) -> Self {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        let latchkey =
            Latchkey::start_with(|config| config.login.two_factor_required_for = rules).await;
        let alice = latchkey.alice().await;
        let chromium = Chromium::start(scripts).await;
        Self { latchkey, alice, chromium }
    }

    async fn visit(&self, path: &str) {
        self.chromium.visit(&self.latchkey.at(path)).await;
    }

    async fn sign_in(&self) {
        self.visit(paths::LOGIN).await;
        self.chromium.sign_in(&self.alice.username, PASSWORD).await;
    }

    async fn sign_out(&self) {
        self.chromium.click("#sign-out").await;
        self.chromium.sees("You are signed out").await;
    }

    async fn scan(&self) -> Phone {
        let link = "return document.querySelector('#otpauth').getAttribute('href')";
        Phone::read(self.chromium.ask(link).await.as_str().expect("a link"))
    }

    async fn confirm(&self, phone: &Phone, steps: i64) {
        self.chromium.fill("code", &phone.code(&self.latchkey, steps)).await;
        self.chromium.click("#confirm").await;
    }

    /// The codes of the page, which offers the file and, where it can, paper and clipboard.
    async fn keep(&self, scripts: Scripts) -> Vec<String> {
        let list =
            "return Array.from(document.querySelectorAll('#codes code'), c => c.textContent)";
        let codes = self.chromium.ask(list).await;
        let shown = "return document.querySelectorAll('.codes-keep button:not([hidden])').length";
        let wanted = if scripts == Scripts::On { 2 } else { 0 };
        assert_eq!(self.chromium.ask(shown).await, json!(wanted), "no button that does nothing");
        self.chromium.click("#download").await;
        self.chromium.check_console().await;
        self.chromium.sees("Save your backup codes").await;
        let codes: Vec<String> = serde_json::from_value(codes).expect("codes");
        assert_eq!(codes.len(), 10);
        codes
    }
}

async fn from_set_up_to_a_new_phone(scripts: Scripts) {
    let walk = Walk::prepare(scripts, &[]).await;
    let chromium = &walk.chromium;
    walk.sign_in().await;
    chromium.sees("Your account").await;
    walk.visit(paths::ACCOUNT_TWO_FACTOR).await;
    walk.chromium.look("Two-factor").await;
    chromium.click("#set-up").await;
    walk.chromium.look("Set up two-factor").await;
    let phone = walk.scan().await;
    walk.confirm(&phone, 8).await;
    let told = chromium.words("#problem").await;
    assert!(told.contains("4 minutes ahead"), "{told}");
    walk.chromium.look("Set up two-factor").await;
    chromium.fill("name", "Pixel").await;
    walk.confirm(&phone, 0).await;
    walk.chromium.look("Save your backup codes").await;
    let codes = walk.keep(scripts).await;
    chromium.click("#saved").await;
    walk.chromium.look("Two-factor").await;
    // Without the phone.
    walk.sign_out().await;
    walk.sign_in().await;
    walk.chromium.look("Enter your code").await;
    chromium.click("#other").await;
    walk.chromium.look("Enter a backup code").await;
    chromium.fill("code", &codes[0]).await;
    chromium.click("#verify").await;
    walk.chromium.look("You used a backup code").await;
    chromium.click("#found").await;
    walk.chromium.look("Your account").await;
    let not_yet = ".advice-do a[href='/account/two-factor/recovered']";
    chromium.click(not_yet).await;
    walk.chromium.look("You used a backup code").await;
    chromium.click("#new-codes").await;
    chromium.sees("Make new backup codes?").await;
    walk.visit(paths::ACCOUNT_SECURITY).await;
    chromium.click(not_yet).await;
    chromium.sees("You used a backup code").await;
    chromium.click("#lost").await;
    walk.chromium.look("Set up a new phone").await;
    let new = walk.scan().await;
    walk.confirm(&new, 0).await;
    walk.chromium.look("Two-factor").await;
    chromium.click("#new-codes").await;
    walk.chromium.look("Make new backup codes?").await;
    chromium.click("#make").await;
    walk.chromium.look("Save your backup codes").await;
    walk.keep(scripts).await;
    chromium.click("#saved").await;
    chromium.sees("Two-factor").await;
    // With the phone, in a browser that is trusted from now on.
    walk.sign_out().await;
    walk.latchkey.pass_seconds(30);
    walk.sign_in().await;
    chromium.sees("Enter your code").await;
    chromium.fill("code", &new.code(&walk.latchkey, 0)).await;
    chromium.click("#trust").await;
    chromium.click("#verify").await;
    chromium.sees("Your account").await;
    walk.visit(paths::ACCOUNT_TWO_FACTOR).await;
    walk.chromium.look("Two-factor").await;
    chromium.click(".rows a[href*='/browsers/']").await;
    chromium.click("#distrust").await;
    chromium.sees("Two-factor").await;
    chromium.click("#turn-off").await;
    walk.chromium.look("Turn two-factor off?").await;
    chromium.click("#off-form #turn-off").await;
    chromium.sees("Two-factor").await;
    chromium.words("#set-up").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_factor_from_its_set_up_to_a_new_phone() {
    from_set_up_to_a_new_phone(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_factor_works_without_scripts() {
    from_set_up_to_a_new_phone(Scripts::Off).await;
}

async fn set_up_at_the_sign_in(scripts: Scripts) {
    let walk = Walk::prepare(scripts, &["everyone"]).await;
    walk.sign_in().await;
    walk.chromium.look("Set up two-factor").await;
    let phone = walk.scan().await;
    walk.confirm(&phone, 0).await;
    walk.chromium.look("Save your backup codes").await;
    walk.keep(scripts).await;
    walk.chromium.click("#saved").await;
    walk.chromium.look("Your account").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_have_two_factor_sets_it_up_at_the_sign_in() {
    set_up_at_the_sign_in(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_have_two_factor_sets_it_up_without_scripts_as_well() {
    set_up_at_the_sign_in(Scripts::Off).await;
}

/// Two apps become one, and two browsers that were trusted are trusted no more.
async fn less_of_everything(scripts: Scripts) {
    let walk = Walk::prepare(scripts, &[]).await;
    let (latchkey, chromium) = (&walk.latchkey, &walk.chromium);
    let mut first = latchkey.browser();
    sign_in(&mut first, &walk.alice).await;
    let (phone, _) = latchkey.turn_on(&mut first).await;
    latchkey.pass_seconds(30);
    latchkey.add_app(&mut first, "Tablet").await;
    let (mut home, owed) = latchkey.owing(&walk.alice).await;
    phone.answer(latchkey, &mut home, owed.tick("trust")).await;
    latchkey.pass_seconds(30);
    walk.sign_in().await;
    chromium.sees("Enter your code").await;
    chromium.fill("code", &phone.code(latchkey, 0)).await;
    chromium.click("#trust").await;
    chromium.click("#verify").await;
    chromium.sees("Your account").await;

    walk.visit(paths::ACCOUNT_TWO_FACTOR).await;
    walk.chromium.look("Two-factor").await;
    chromium.click("#distrust-all").await;
    walk.chromium.look("Stop trusting all browsers?").await;
    chromium.click("#distrust").await;
    chromium.sees("Two-factor").await;
    let rows = "return document.querySelectorAll(\".rows a[href*='/browsers/']\").length";
    assert_eq!(chromium.ask(rows).await, json!(0), "none is trusted");
    // A new phone takes the place of both, or of the tablet alone.
    chromium.click("#replace").await;
    walk.chromium.look("Set up a new phone").await;
    chromium.click("#only a:last-of-type").await;
    chromium.says(".lead bdi", "Tablet").await;
    walk.chromium.look("Set up a new phone").await;
    let slate = walk.scan().await;
    walk.confirm(&slate, 0).await;
    walk.chromium.look("Two-factor").await;
    chromium.click(".rows a[href*='replace=']").await;
    chromium.says(".lead bdi", "Pixel").await;
    walk.chromium.look("Set up a new phone").await;
    walk.visit(paths::ACCOUNT_TWO_FACTOR).await;
    chromium.click(".rows a[href$='/remove']").await;
    walk.chromium.look("Remove Pixel?").await;
    chromium.click("#remove").await;
    chromium.sees("Two-factor").await;
    let rows = "return document.querySelectorAll(\".rows a[href$='/remove']\").length";
    assert_eq!(chromium.ask(rows).await, json!(1), "the new one is left");
    walk.chromium.look("Two-factor").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_removed_and_no_browser_is_trusted_any_more() {
    less_of_everything(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_without_scripts_as_well() {
    less_of_everything(Scripts::Off).await;
}
