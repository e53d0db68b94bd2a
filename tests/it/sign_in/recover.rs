//! `/recover`: from the sign-in page to a new password and back to the application.

use latchkey::paths;
use reqwest::Url;
use serde_json::{Value, json};

use crate::support::browser::{Arrival, Browser};
use crate::support::flow::{post_raw, sign_in_with, type_in};
use crate::support::page::Page;
use crate::support::stage::Stage;

#[tokio::test]
async fn the_way_back_to_the_application_is_kept() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let login = stage.browser.arrive(&ask.address()).await.page();
    let recover = login.link("Forgot your password?");
    let page = stage.browser.open(recover.as_str()).await;
    assert_eq!(page.heading(), "Forgot your password?");
    let page = stage.browser.submit(&page.fill("username", "alice"), "Send me").await.page();
    assert_eq!(page.heading(), "Check your email");
    let mail = stage.latchkey.mail_about("Choose a new Latchkey password").await;
    assert!(mail.says("Hello Alice Moreau,") && mail.says("ignore this mail"), "{}", mail.text);
    let mut tab = stage.browser.new_tab();
    let new = tab.open(&mail.link("/recover/")).await;
    assert_eq!(new.value("Account"), "alice");
    let new = new.fill("password", "w1nter-Kettle-Falls%7").fill("repeat", "w1nter-Kettle-Falls%7");
    let done = tab.submit(&new, "Set new password").await.page();
    assert!(done.link("Sign in").as_str().contains(paths::LOGIN));
    // The first tab still knows what she was about to do.
    let login = stage.browser.open(page.link("Back to signing in").as_str()).await;
    let arrival = type_in(&mut stage.browser, login, "alice", "w1nter-Kettle-Falls%7").await;
    let consent = arrival.page();
    assert!(consent.says("Photo Printer"), "{consent}");
    assert!(matches!(stage.browser.submit(&consent, "allow").await, Arrival::Client(_)));
}

#[tokio::test]
async fn a_request_that_is_over_is_no_reason_to_refuse() {
    let stage = Stage::set().await;
    let mut browser = stage.latchkey.browser();
    let page = browser.open(&format!("{}?request=over&to=//evil.example", paths::RECOVER)).await;
    let page = browser.submit(&page.fill("username", "alice"), "Send me").await.page();
    assert_eq!(page.heading(), "Check your email");
    assert!(page.link("Back to signing in").as_str().starts_with(&stage.latchkey.issuer));
}

/// Asks what the page's script asks while a password is typed.
async fn ask(stage: &Stage, browser: &Browser, page: &Page, csrf: &str) -> reqwest::Response {
    let check = &page.attributes("#password", "data-checks")[0];
    let url: Url = stage.latchkey.at(check).parse().expect("an address");
    let fields = [("csrf", csrf), ("password", "alice")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = [("origin", stage.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    post_raw(browser, &url, &fields, &headers).await
}

#[tokio::test]
async fn the_rules_are_listed_and_looked_at_while_one_types_where_nobody_is_signed_in() {
    let stage = Stage::set().await;
    let wrong = [
        "It needs at least 8 characters.",
        "It needs letters, digits and special characters.",
        "It must not contain your own name or address.",
    ];
    for temporary in [false, true] {
        let mut browser = stage.latchkey.browser();
        let page = if temporary {
            stage.set_password("t3mporary-Harbour%5").await;
            sign_in_with(&mut browser, "alice", "t3mporary-Harbour%5").await
        } else {
            browser.open(&stage.latchkey.recovery_link(&stage.alice).await).await
        };
        assert_eq!(page.heading(), "Choose a new password");
        assert!(page.texts("#rules li").iter().any(|rule| rule.contains("8 to 128 characters")));
        let answer = ask(&stage, &browser, &page, page.value("csrf")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let told: Value =
            serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        assert_eq!(told["problems"], json!(wrong));
        assert_eq!(
            told["rules"][0],
            json!({
                "id": "length", "text": "8 to 128 characters", "met": false,
            })
        );
        assert!(told["score"].as_u64().is_some_and(|score| score <= 1), "{told}");
        // Only with the form's own token, and only to whom it concerns.
        assert_eq!(ask(&stage, &browser, &page, "another").await.status(), 403);
        let mut stranger = stage.latchkey.browser();
        let theirs = stranger.open(paths::LOGIN).await;
        let csrf = theirs.value("csrf");
        let status = ask(&stage, &stranger, &page, csrf).await.status();
        assert_eq!(status, if temporary { 404 } else { 200 }, "a link is whoever's who holds it");
        // What is sent is told all that is wrong with it at once.
        let sent = page.fill("password", "alice").fill("repeat", "alice");
        let told = browser.submit(&sent, "Set new password").await.page();
        assert_eq!(told.status, 422);
        assert_eq!(told.texts("#problem li"), wrong);
        assert_eq!(told.attributes("[data-rule=length]", "data-met"), ["no"]);
        let sent = told.fill("password", "w1nter-Kettle-Falls%7").fill("repeat", "w1nter");
        let told = browser.submit(&sent, "Set new password").await.page();
        assert!(told.says("The two passwords are not the same. Type both again."), "{told}");
    }
    let gone = stage.latchkey.at(&paths::recover_link_check("nobody-was-sent-this"));
    let mut browser = stage.latchkey.browser();
    let page = browser.open(paths::LOGIN).await;
    let fields = [("csrf".to_owned(), page.value("csrf").to_owned())];
    let headers = [("origin", stage.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&browser, &gone.parse().expect("an address"), &fields, &headers).await;
    assert_eq!(answer.status(), 404);
}
