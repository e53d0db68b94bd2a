//! `/recover`: from the sign-in page to a new password and back to the application.

use latchkey::paths;

use crate::support::browser::Arrival;
use crate::support::flow::type_in;
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
