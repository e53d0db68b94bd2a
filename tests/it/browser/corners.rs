//! Controls that the longer walks do not come by.

use latchkey::identity::people;
use latchkey::paths;
use latchkey::store::events::{self, Event};
use serde_json::json;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::flow::totp;
use crate::support::people::{PASSWORD, TestUser};

const SEED: &[u8] = b"a seed of twenty bytes";

struct Walk {
    latchkey: Latchkey,
    alice: TestUser,
    chromium: Chromium,
}

impl Walk {
    async fn begin(scripts: Scripts, latchkey: Latchkey) -> Self {
        let alice = latchkey.alice().await;
        let chromium = Chromium::start(scripts).await;
        Self { latchkey, alice, chromium }
    }

    async fn sign_in(&self, to: &str) {
        self.chromium.visit(&self.latchkey.at(to)).await;
        self.chromium.sign_in(&self.alice.username, &self.alice.password).await;
    }

    /// The code that Alice's app shows now.
    fn code(&self) -> String {
        totp(SEED, self.latchkey.clock.now().seconds())
    }
}

/// What the overview asks is answered, mails are turned off, any setting is found.
async fn questions_are_answered(scripts: Scripts) {
    let walk = Walk::begin(scripts, Latchkey::start().await).await;
    let chromium = &walk.chromium;
    walk.sign_in(paths::ACCOUNT_SECURITY).await;
    walk.chromium.look("Your account").await;
    walk.latchkey.pass_seconds(1);
    let app = &walk.latchkey.app;
    let event = Event {
        user_id: Some(walk.alice.id.clone()),
        address: Some("200.160.0.8".into()),
        outcome: "successful".into(),
        details: json!({ "method": "password", "unusual": ["new_country"] }),
        ..app.event("sign_in")
    };
    let mut db = app.store.write().await.expect("a write");
    events::record(&mut db, &event).await.expect("an event");
    db.commit().await.expect("a commit");
    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_SECURITY)).await;
    walk.chromium.look("Your account").await;
    let asked = "return Array.from(document.querySelectorAll('[name=which]'), one => one.value)";
    let before = chromium.ask(asked).await;
    let first = before[0].as_str().expect("something is asked").to_owned();
    chromium.click(".advice-do form button").await;
    walk.chromium.look("Your account").await;
    let after = chromium.ask(asked).await;
    assert!(!after.to_string().contains(&first), "{first} was answered, but {after} is asked");
    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_FIND)).await;
    walk.chromium.look("Find a setting").await;
    chromium.press("#find-page", "gender").await;
    chromium.click("#find-form button").await;
    chromium.words("#find-page[value=gender]").await;
    chromium.says(".links .who-name", "Gender").await;
    walk.chromium.look("Find a setting").await;
    chromium.click(".links a").await;
    walk.chromium.look("Profile").await;
    chromium.click("label[for=sign_in_mails]").await;
    chromium.click("#mails-form button").await;
    chromium.words("main .note.good").await;
    walk.chromium.look("Profile").await;
    chromium.click(".nav a[href=\"/account/sessions\"]").await;
    walk.chromium.look("Active sessions").await;
    assert!(chromium.words("[aria-labelledby=known]").await.contains("You get no mail"));
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_what_is_asked() {
    questions_are_answered(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_answers_what_is_asked_without_scripts() {
    questions_are_answered(Scripts::Off).await;
}

/// With two-factor that must stay: the code where one has to prove who one is.
async fn codes_are_asked_for(scripts: Scripts) {
    let latchkey = Latchkey::start_with(|config| {
        config.login.two_factor_required_for = vec!["everyone".to_owned()];
    });
    let walk = Walk::begin(scripts, latchkey.await).await;
    let chromium = &walk.chromium;
    walk.latchkey.enrol(&walk.alice, SEED).await;
    walk.sign_in(paths::ACCOUNT_PASSWORD).await;
    walk.chromium.look("Enter your code").await;
    chromium.click("label[for=trust]").await;
    chromium.fill("code", "000000").await;
    chromium.click("#verify").await;
    chromium.words("#problem").await;
    let ticked = chromium.ask("return document.getElementById('trust').checked").await;
    assert_eq!(ticked, json!(true), "a wrong code takes no tick away");
    walk.latchkey.pass_seconds(30);
    chromium.fill("code", &walk.code()).await;
    chromium.click("#verify").await;
    walk.chromium.look("Password").await;
    // The page was opened when no code was owed; now one is.
    walk.latchkey.pass_seconds(6 * 60);
    let new = "w1nter-Kettle-Falls%7";
    let fill = async |again: &str| {
        chromium.fill("password", PASSWORD).await;
        chromium.fill("new_password", new).await;
        chromium.fill("new_password_again", again).await;
    };
    fill(new).await;
    chromium.click("#save").await;
    let problem = chromium.words("#problem").await;
    assert!(problem.contains("a code is needed as well"), "{problem}");
    walk.chromium.look("Password").await;
    fill("another-one-Entirely%8").await;
    chromium.fill("code", &walk.code()).await;
    chromium.click("#save").await;
    chromium.words("#new_password_again[aria-invalid=true]").await;
    walk.chromium.look("Password").await;
    fill(new).await;
    chromium.fill("code", &walk.code()).await;
    chromium.click("#save").await;
    chromium.words("#changed").await;
    walk.chromium.look("Password").await;

    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_TWO_FACTOR_OFF)).await;
    walk.chromium.look("Two-factor stays on").await;
    chromium.click("#replace").await;
    walk.chromium.sees("Set up a new phone").await;
    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_TWO_FACTOR_OFF)).await;
    chromium.click(".actions a.button:last-child").await;
    walk.chromium.look("Two-factor").await;
    walk.latchkey.pass_seconds(6 * 60);
    chromium.click("#replace").await;
    walk.chromium.look("Confirm it’s you").await;
    chromium.click("#cancel").await;
    walk.chromium.sees("Two-factor").await;
    chromium.click("#replace").await;
    walk.chromium.sees("Confirm it’s you").await;
    chromium.fill("password", new).await;
    chromium.fill("code", &walk.code()).await;
    chromium.click("#go-on").await;
    walk.chromium.look("Set up a new phone").await;
    // A phone that needed its memory loads the page once more.
    let here = chromium.address().await;
    chromium.visit(here.as_str()).await;
    walk.chromium.look("Set up a new phone").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_where_it_matters() {
    codes_are_asked_for(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_asked_for_where_it_matters_without_scripts() {
    codes_are_asked_for(Scripts::Off).await;
}

/// An account that is locked, a session of somebody else's, a link once more, an account that stays.
async fn ways_out(scripts: Scripts) {
    let walk = Walk::begin(scripts, Latchkey::start().await).await;
    let chromium = &walk.chromium;
    people::lock(&walk.latchkey.app, "alice", "a test").await.expect("locked");
    walk.sign_in(paths::ACCOUNT_SECURITY).await;
    walk.chromium.look("This account is locked").await;
    chromium.click(".actions a, .actions button").await;
    walk.chromium.look("Sign in").await;
    people::unlock(&walk.latchkey.app, "alice").await.expect("unlocked");
    let link = walk.latchkey.not_me_link(&walk.alice).await;
    chromium.visit(&link).await;
    walk.chromium.look("Was this not you?").await;
    chromium.click("#end").await;
    walk.chromium.look("That session is ended").await;

    let mut db = walk.latchkey.app.store.write().await.expect("a write");
    let unproven = "UPDATE users SET email_verified_at = NULL";
    sqlx::query(unproven).execute(&mut *db).await.expect("nobody has proven it");
    db.commit().await.expect("a commit");
    walk.sign_in(paths::ACCOUNT_EMAIL).await;
    walk.chromium.look("Email address").await;
    chromium.says("[aria-labelledby=present] .badge", "Not confirmed").await;
    chromium.click("#verify").await;
    chromium.says("#pending", &format!("Waiting for {}", walk.alice.email)).await;
    walk.chromium.look("Email address").await;
    let sent = walk.latchkey.mails_to(&walk.alice.email).await;
    let asked = sent.iter().find(|mail| mail.says("/account/profile/email/")).expect("a link");
    chromium.visit(&asked.link("/account/profile/email/")).await;
    walk.chromium.look("Confirm this address").await;
    chromium.click("#confirm-address").await;
    chromium.words(".note.good").await;
    chromium.says("[aria-labelledby=present] .badge", "Confirmed").await;
    walk.chromium.look("Email address").await;
    chromium.fill("email", "lis@new.example").await;
    chromium.click("#send-link").await;
    chromium.words("#pending").await;
    chromium.click("#again").await;
    for _ in 0..100 {
        if walk.latchkey.mails_to("lis@new.example").await.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let sent = walk.latchkey.mails_to("lis@new.example").await;
    assert_eq!(sent.len(), 2, "it was sent once more");
    walk.chromium.look("Email address").await;

    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_REMOVE)).await;
    walk.chromium.look("Remove the account").await;
    chromium.fill("username", &walk.alice.username).await;
    chromium.click("#remove-account").await;
    chromium.words("#keep-account").await;
    chromium.visit(&walk.latchkey.at(paths::ACCOUNT_REMOVE)).await;
    walk.chromium.look("Remove the account").await;
    chromium.click("#keep").await;
    walk.chromium.look("Your data").await;
    walk.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_way_out_of_everything() {
    ways_out(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_way_out_of_everything_without_scripts() {
    ways_out(Scripts::Off).await;
}
