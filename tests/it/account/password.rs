//! `/account/password`: choosing a new one.

use latchkey::paths;
use reqwest::Url;
use serde_json::{Value, json};

use super::scene::{NEW, Scene, change, is_changed};
use crate::support::Latchkey;
use crate::support::flow::post_raw;

#[tokio::test]
async fn password_managers_find_the_page_and_its_fields() {
    let mut scene = Scene::set().await;
    let page = scene.browser.open(paths::WELL_KNOWN_CHANGE_PASSWORD).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_PASSWORD);
    for (field, token) in [
        ("username", "username"),
        ("password", "current-password"),
        ("new_password", "new-password"),
        ("new_password_again", "new-password"),
    ] {
        assert_eq!(page.attributes(&format!("#{field}"), "autocomplete"), [token], "{field}");
        assert!(page.attributes(&format!("#{field}"), "maxlength").is_empty(), "never cut");
    }
    assert_eq!(page.value("username"), "alice");
    assert!(page.says("8 to 128 characters") && page.says("Letters, digits and special"));
    // Who is signed out comes back here.
    let mut nobody = scene.latchkey.browser();
    let login = nobody.open(paths::ACCOUNT_PASSWORD).await;
    let login = login.fill("username", "alice").fill("password", &scene.alice.password);
    let page = nobody.submit(&login, "Sign in").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_PASSWORD, "{page}");
}

#[tokio::test]
async fn the_new_password_counts_and_the_page_says_what_ended() {
    let mut scene = Scene::set().await;
    let old = scene.alice.password.clone();
    let mut others = vec![scene.signed_in(&old).await, scene.signed_in(&old).await];
    let page = change(&mut scene.browser, &old, NEW).await;
    assert!(is_changed(&page) && page.says("2 other browsers were signed out."), "{page}");
    assert!(!page.says("applications were disconnected"), "{page}");
    for other in &mut others {
        assert!(!Scene::is_signed_in(other).await);
    }
    assert!(Scene::is_signed_in(&mut scene.browser).await, "who changed it stays");
    assert!(scene.opens(NEW).await && !scene.opens(&old).await);
    let event = &scene.events("password_changed").await[0];
    assert_eq!(event.details, json!({ "sessions": 2, "applications": 0, "trusted_browsers": 0 }));
    assert!(event.address.is_some() && event.user_agent.is_some() && event.session_id.is_some());
    // The words belong to this moment and this session, not to the address.
    scene.latchkey.pass_seconds(301);
    let again = scene.browser.open(&format!("{}?done=changed", paths::ACCOUNT_PASSWORD)).await;
    assert!(!is_changed(&again), "{again}");
}

#[tokio::test]
async fn each_reason_is_told_and_nothing_changes() {
    let mut scene = Scene::set().await;
    let old = scene.alice.password.clone();
    for (new, reason) in [
        ("Ab1!efg", "It needs at least 8 characters."),
        ("onlylettersinhere", "It needs letters, digits and special characters."),
        ("Moreau-1987!", "It must not contain your own name or address."),
        ("My-Latchkey-77", "It must not contain the name of this service."),
        ("P@ssw0rd1!", "It is among the passwords that attackers try first."),
        (old.as_str(), "It is the same as your current one."),
    ] {
        let page = change(&mut scene.browser, &old, new).await;
        assert_eq!(page.status, 422, "{new}");
        assert!(page.says(reason), "{new}: {page}");
        assert!(!page.body.contains(new) && !page.body.contains(&old), "shown again: {new}");
    }
    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    let page = page.fill("password", &old).fill("new_password", NEW);
    let page = page.fill("new_password_again", "N3w-Harbour%Gul");
    let page = scene.browser.submit(&page, "Change password").await.page();
    assert!(page.status == 422 && page.says("are not the same"), "{page}");
    assert!(scene.opens(&old).await);
    assert!(scene.events("confirmed").await.is_empty(), "the old one was not even looked at");
}

#[tokio::test]
async fn the_operators_rules_are_the_ones_that_are_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("passwords.txt");
    std::fs::write(&list, "harbour of seven gulls\n").expect("a list");
    let latchkey = Latchkey::start_with(|config| {
        config.password.policy = latchkey::config::PasswordPolicy::Nist;
        config.password.blocklist = Some(list);
    })
    .await;
    let mut scene = Scene::on(latchkey, false).await;
    let old = scene.alice.password.clone();
    let page = change(&mut scene.browser, &old, "Harbour of seven gulls").await;
    assert!(page.says("15 to 128 characters") && !page.says("Letters, digits"), "{page}");
    assert!(page.says("It is on the list of passwords that are not allowed here."), "{page}");
    let page = change(&mut scene.browser, &old, "harbour of nine gulls").await;
    assert!(is_changed(&page), "{page}");
}

/// What the page's script is told about a candidate.
async fn check(scene: &mut Scene, candidate: &str) -> Value {
    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    let fields = [("csrf", page.value("csrf")), ("password", candidate)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let url: Url = scene.latchkey.at(paths::ACCOUNT_PASSWORD_CHECK).parse().expect("an address");
    let headers = [("origin", scene.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&scene.browser, &url, &fields, &headers).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let policy = answer.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let text = answer.text().await.expect("a body");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn the_server_says_while_it_is_typed_what_it_says_when_it_is_sent() {
    let mut scene = Scene::set().await;
    let told = check(&mut scene, "P@ssw0rd1!").await;
    assert_eq!(told["problems"], json!(["It is among the passwords that attackers try first."]));
    assert!(told["score"].as_u64().is_some_and(|score| score <= 1), "{told}");
    let unmet = |told: &Value| {
        let rules = told["rules"].as_array().expect("rules").clone();
        let unmet = rules.into_iter().filter(|rule| rule["met"] == json!(false));
        unmet.map(|rule| rule["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(unmet(&told), ["common"]);
    let good = check(&mut scene, NEW).await;
    assert_eq!((unmet(&good), &good["problems"]), (vec![], &json!([])));
    assert!(good["score"].as_u64() >= Some(3) && good["words"].is_string(), "{good}");
    assert_eq!(unmet(&check(&mut scene, "alice").await), ["length", "kinds", "names"]);
    // What costs most to look at is cut short: a meter is no way to keep the server busy.
    let begun = std::time::Instant::now();
    check(&mut scene, &"aA1!@4$5".repeat(16)).await;
    check(&mut scene, &"qwerty12".repeat(1000)).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
    // Only this page's script may ask, and only for who is signed in.
    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    let policy = |page: &crate::support::page::Page| {
        page.headers["content-security-policy"].to_str().expect("ASCII").to_owned()
    };
    assert!(policy(&page).contains("connect-src 'self'"));
    let overview = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(policy(&overview).contains("connect-src 'none'"));
}
