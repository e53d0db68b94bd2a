//! A person looks after themselves: profile, address of mail, appearance, data, and the search.

use latchkey::paths;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::people::TestUser;

/// `WebDriver` §17.4.2.
const CONTROL: &str = "\u{e009}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";

struct Walk {
    latchkey: Latchkey,
    alice: TestUser,
    chromium: Chromium,
}

impl Walk {
    /// Alice, signed in.
    async fn begin(scripts: Scripts) -> Self {
        Self::begin_on(scripts, Latchkey::start().await).await
    }

    async fn begin_on(scripts: Scripts, latchkey: Latchkey) -> Self {
        let alice = latchkey.alice().await;
        let chromium = Chromium::start(scripts).await;
        chromium.visit(&latchkey.at(paths::LOGIN)).await;
        chromium.sign_in(&alice.username, &alice.password).await;
        chromium.sees("Your account").await;
        Self { latchkey, alice, chromium }
    }

    /// Goes to a page by its entry in the navigation.
    async fn go(&self, path: &str, heading: &str) {
        self.chromium.click(&format!(".nav a[href=\"{path}\"]")).await;
        self.chromium.look(heading).await;
    }

    async fn attribute(&self, name: &str) -> serde_json::Value {
        let script = format!("return document.documentElement.getAttribute('{name}')");
        self.chromium.ask(&script).await
    }

    /// Waits until the page says so; what was done is told in one place.
    async fn told(&self, sentence: &str) {
        self.chromium.says("main > .note.good", sentence).await;
        self.chromium.audit().await;
    }
}

/// From the profile to the end of the account, by the pages' own controls.
async fn from_profile_to_removal(scripts: Scripts) {
    let walk = Walk::begin(scripts).await;
    let chromium = &walk.chromium;
    walk.go(paths::ACCOUNT_PROFILE, "Profile").await;
    chromium.fill("nickname", "Lis").await;
    chromium.fill("birthdate", "12.4.1987").await;
    chromium.click("#save").await;
    chromium.words("#birthdate-error").await;
    walk.chromium.look("Profile").await;
    chromium.fill("birthdate", "1987-04-13").await;
    chromium.click("#save").await;
    walk.told("Your profile is saved.").await;

    chromium.click("a[href=\"/account/profile/email\"]").await;
    walk.chromium.look("Email address").await;
    chromium.fill("email", "lis@new.example").await;
    chromium.click("#send-link").await;
    chromium.says("#pending", "Waiting for lis@new.example").await;
    walk.chromium.look("Email address").await;
    chromium.click("#cancel-change").await;
    walk.told("The change was canceled. The link that was sent is worth nothing now.").await;
    let sent = walk.latchkey.mails_to("lis@new.example").await;
    chromium.visit(&sent[0].link("/account/profile/email/")).await;
    walk.chromium.look("This link does not work").await;
    chromium.click(".blank a").await;
    walk.chromium.look("Email address").await;
    chromium.fill("email", "lis@newer.example").await;
    chromium.click("#send-link").await;
    chromium.says("#pending", "Waiting for lis@newer.example").await;
    let sent = walk.latchkey.mails_to("lis@newer.example").await;
    chromium.visit(&sent[0].link("/account/profile/email/")).await;
    walk.chromium.look("Confirm this address").await;
    chromium.click("main .actions a").await;
    chromium.says("#pending", "Waiting for lis@newer.example").await;
    chromium.visit(&sent[0].link("/account/profile/email/")).await;
    walk.chromium.sees("Confirm this address").await;
    chromium.click("#confirm-address").await;
    chromium.words(".note.good").await;
    walk.chromium.look("Email address").await;
    let old = walk.latchkey.mails_to("alice@people.example").await;
    assert!(old.iter().any(|mail| mail.says("lis@newer.example")), "the old address is told");

    walk.go(paths::ACCOUNT_APPEARANCE, "Appearance").await;
    for choice in ["theme-dark", "color-3", "skin-bordered", "navigation-horizontal", "width-wide"]
    {
        chromium.click(&format!("label[for={choice}]")).await;
    }
    let at_once = if scripts == Scripts::On { json!("dark") } else { json!(null) };
    assert_eq!(walk.attribute("data-theme").await, at_once, "scripts show it before it is saved");
    if scripts == Scripts::On {
        let told = chromium.words("#saved[data-state=saved]").await;
        assert_eq!(told, "Saved. Your pages look like this from now on.");
        walk.chromium.look("Appearance").await;
        walk.go(paths::ACCOUNT_PROFILE, "Profile").await;
        walk.go(paths::ACCOUNT_APPEARANCE, "Appearance").await;
    } else {
        chromium.click("#save").await;
        walk.told("Your pages look like this from now on.").await;
    }
    assert_eq!(walk.attribute("data-theme").await, json!("dark"));
    assert_eq!(walk.attribute("data-navigation").await, json!("horizontal"));
    chromium.click("label[for=navigation-collapsed]").await;
    if scripts == Scripts::On {
        chromium.words("#saved[data-state=saved]").await;
    } else {
        chromium.click("#save").await;
    }
    walk.chromium.look("Appearance").await;

    walk.go(paths::ACCOUNT_DATA, "Your data").await;
    chromium.click("#export").await;
    walk.chromium.look("Download your data").await;
    chromium.click("a.back").await;
    walk.chromium.look("Your data").await;
    chromium.click("#remove").await;
    walk.chromium.look("Remove the account").await;
    chromium.fill("username", "nobody").await;
    chromium.click("#remove-account").await;
    chromium.words("#problem").await;
    walk.chromium.look("Remove the account").await;
    chromium.fill("username", &walk.alice.username).await;
    chromium.click("#remove-account").await;
    walk.told("Your account will be removed. Until then you can still keep it.").await;
    chromium.click("#keep-account").await;
    walk.told("Your account stays. Nothing will be removed.").await;
    chromium.check_console().await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_looks_after_themselves() {
    from_profile_to_removal(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_looks_after_themselves_without_scripts() {
    from_profile_to_removal(Scripts::Off).await;
}

/// Where the operator gives no time to think it over.
async fn removed_at_once(scripts: Scripts) {
    let latchkey = Latchkey::start_with(|config| {
        config.account.removal_grace = "0s".parse().expect("a duration");
    });
    let walk = Walk::begin_on(scripts, latchkey.await).await;
    let chromium = &walk.chromium;
    walk.go(paths::ACCOUNT_DATA, "Your data").await;
    chromium.click("#remove").await;
    walk.chromium.look("Remove the account").await;
    chromium.fill("username", &walk.alice.username).await;
    chromium.click("#remove-account").await;
    walk.chromium.look("Your account is removed").await;
    chromium.click("#sign-in").await;
    walk.chromium.look("Sign in").await;
    chromium.sign_in(&walk.alice.username, &walk.alice.password).await;
    chromium.words("#problem").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_removed_at_once() {
    removed_at_once(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_removed_at_once_without_scripts() {
    removed_at_once(Scripts::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_setting_is_found_by_the_keyboard() {
    let walk = Walk::begin(Scripts::On).await;
    let chromium = &walk.chromium;
    let is_open = "return document.getElementById('find').open";
    let marked =
        "return document.querySelector('#find [aria-selected=true] .who-name').textContent";
    chromium.press("body", &format!("{CONTROL}k")).await;
    assert_eq!(chromium.ask(is_open).await, json!(true));
    chromium.audit().await;
    chromium.press("#find-words", "authenticator").await;
    assert_eq!(chromium.ask(marked).await, json!("Authenticator app"));
    chromium.press("#find-words", ESCAPE).await;
    assert_eq!(chromium.ask(is_open).await, json!(false));

    chromium.press("body", &format!("{CONTROL}k")).await;
    chromium.press("#find-words", "address").await;
    let first = chromium.ask(marked).await;
    chromium.press("#find-words", DOWN).await;
    assert_ne!(chromium.ask(marked).await, first, "the arrow moves on");
    chromium.press("#find-words", UP).await;
    assert_eq!(chromium.ask(marked).await, first, "and back");
    let active = "const input = document.getElementById('find-words');
        return document.getElementById(input.getAttribute('aria-activedescendant'))
            .getAttribute('aria-selected')";
    assert_eq!(chromium.ask(active).await, json!("true"), "screen readers are told which");
    chromium.press("#find-words", &format!("{CONTROL}a")).await;
    chromium.press("#find-words", "unicorn").await;
    assert_eq!(chromium.words(".find-none").await, "No setting has these words.");
    chromium.press("#find-words", &format!("{CONTROL}a")).await;
    chromium.press("#find-words", "time zone").await;
    assert_eq!(chromium.ask(marked).await, json!("Time zone"));
    chromium.press("#find-words", ENTER).await;
    chromium.sees("Profile").await;
    assert_eq!(chromium.address().await.fragment(), Some("zoneinfo"));
    chromium.check_console().await;
    walk.chromium.close().await;
}

async fn on_a_phone(scripts: Scripts) {
    let walk = Walk::begin(scripts).await;
    walk.chromium.resize(390, 844).await;
    walk.chromium.click(".menu summary").await;
    walk.chromium.click(".menu a[href=\"/account/appearance\"]").await;
    walk.chromium.sees("Appearance").await;
    walk.chromium.click(".top-find-link").await;
    if scripts == Scripts::On {
        let is_open = "return document.getElementById('find').open";
        assert_eq!(walk.chromium.ask(is_open).await, json!(true));
        walk.chromium.press("#find-words", "time zone").await;
        walk.chromium.press("#find-words", ENTER).await;
        walk.chromium.sees("Profile").await;
    } else {
        walk.chromium.look("Find a setting").await;
    }
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_a_menu() {
    on_a_phone(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_a_menu_without_scripts() {
    on_a_phone(Scripts::Off).await;
}
