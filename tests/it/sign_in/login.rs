//! `/login`: name and password.

use latchkey::identity::people;
use latchkey::paths;
use reqwest::header::HeaderMap;

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::flow::{address, sign_in, sign_in_with, walk};
use crate::support::page::Page;
use crate::support::people::PASSWORD;

/// What of a page does not depend on who asks: form tokens and typed names left out.
fn masked(page: &Page, typed: &str) -> (u16, String, Vec<String>) {
    let mut body = page.body.replace(page.value("csrf"), "…");
    if !typed.is_empty() {
        body = body.replace(typed, "…");
    }
    let names = |headers: &HeaderMap| {
        let mut names: Vec<_> = headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    };
    (page.status.as_u16(), body, names(&page.headers))
}

#[tokio::test]
async fn s_108_a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    latchkey.bob().await;
    people::lock(&latchkey.app, "bob", "test").await.expect("locked");
    let mut seen = Vec::new();
    for name in ["alice", "nobody", "bob", "alice@people.example", "nobody@people.example"] {
        let page = sign_in_with(&mut latchkey.browser(), name, "not-the-Passw0rd!").await;
        assert_eq!(page.url.path(), paths::LOGIN);
        seen.push((name, masked(&page, name)));
    }
    for (name, answer) in &seen[1..] {
        assert_eq!(*answer, seen[0].1, "{name} can be told from {}", seen[0].0);
    }
}

#[tokio::test]
async fn s_115_one_account_has_one_name_however_it_is_typed() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    for typed in ["alice", "ALICE", " alice ", "\u{ff41}lice", "Alice@People.Example"] {
        let page = sign_in_with(&mut latchkey.browser(), typed, PASSWORD).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{typed:?}: {page}");
    }
    for typed in ["alice\u{200b}", "al ice", "alice\u{7}", "alic\u{435}", ""] {
        let page = sign_in_with(&mut latchkey.browser(), typed, PASSWORD).await;
        assert_eq!(page.url.path(), paths::LOGIN, "{typed:?}: {page}");
    }
}

#[tokio::test]
async fn the_right_password_of_a_locked_account_opens_nothing() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    people::lock(&latchkey.app, "alice", "stolen telephone").await.expect("locked");
    let mut browser = latchkey.browser();
    let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (403, paths::LOGIN));
    assert!(page.says("locked"), "who knows the password is told: {page}");
    assert!(!page.says("stolen telephone"), "the reason is for support: {page}");
    assert!(browser.cookies().value("latchkey_session").is_none());
}

#[tokio::test]
async fn a_password_is_taken_as_typed() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    for near in [
        PASSWORD.to_uppercase(),
        format!("{PASSWORD} "),
        format!(" {PASSWORD}"),
        format!("{PASSWORD}\u{200b}"),
        PASSWORD[..PASSWORD.len() - 1].to_owned(),
        String::new(),
        "x".repeat(10_000),
    ] {
        let page = sign_in_with(&mut latchkey.browser(), "alice", &near).await;
        assert_eq!(page.url.path(), paths::LOGIN, "{near:.30?}");
        assert!(!page.body.contains(&near) || near.is_empty(), "a password is never shown again");
    }
}

#[tokio::test]
async fn the_form_is_one_that_password_managers_fill() {
    let latchkey = Latchkey::start().await;
    let page = latchkey.browser().open(paths::LOGIN).await;
    let tokens = page.attributes("input[autocomplete]", "autocomplete");
    assert_eq!(tokens, ["username", "current-password"]);
    assert_eq!(page.attributes("input[name=password]", "type"), ["password"]);
    assert_eq!(page.attributes("form", "method"), ["post"]);
    let lengths = page.attributes("input[name=password]", "maxlength");
    assert!(lengths.iter().all(|length| length.parse::<u32>().is_ok_and(|n| n >= 128)));
}

#[tokio::test]
async fn signing_in_leads_to_the_page_that_was_wanted() {
    let latchkey = Latchkey::start().await;
    let bob = latchkey.bob().await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &bob).await;
    let page = browser.open(paths::LOGIN).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "who is signed in is not asked again");
    let mut browser = latchkey.browser();
    let hinted = address(&latchkey.issuer, &web, &[("login_hint", "bob")]);
    let login = browser.arrive(&hinted).await;
    let crate::support::browser::Arrival::Page(page) = &login else { panic!("a login page") };
    assert_eq!(page.value("username"), "bob");
    assert!(page.says("Photo Printer"), "a person sees where they are going: {page}");
    let came = walk(&mut browser, &bob, login).await;
    assert!(came.parameter("code").is_some());
}
