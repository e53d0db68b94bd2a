//! What the limits by address mean for those behind the address: whom we know goes on, and each
//! kind of request is counted by itself.

use latchkey::config::RateLimits;
use latchkey::paths;
use reqwest::StatusCode;

use super::limits::{browser_from, client_from};
use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{address, sign_in, sign_in_with, type_in};
use crate::support::page::Page;

/// Limits that are soon met, each of which fills up again more slowly than any test runs.
async fn narrow(change: impl FnOnce(&mut RateLimits)) -> Latchkey {
    Latchkey::start_with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        change(&mut config.rate_limits);
    })
    .await
}

/// Told to come back, in the words of people.
fn turned_away(page: &Page) {
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{page}");
    let later = page.headers.get("retry-after").expect("Retry-After").to_str().expect("text");
    assert!(later.parse::<u64>().is_ok_and(|seconds| (1..=3600).contains(&seconds)), "{later}");
    assert!(page.heading().contains("Too many attempts"), "{page}");
}

/// Signs in from elsewhere and moves to where the flood is.
async fn moved(
    latchkey: &Latchkey,
    from: &str,
    user: &crate::support::people::TestUser,
) -> Browser {
    let mut browser = browser_from(latchkey, from);
    sign_in(&mut browser, user).await;
    browser.over(client_from("192.0.2.40"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_we_know_signs_in_where_strangers_have_used_up_everything() {
    let latchkey = narrow(|limits| limits.login_per_minute = 1).await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let web = latchkey.client(clients::web()).await;
    let mut hers = moved(&latchkey, "192.0.2.41", &alice).await;
    let mut his = moved(&latchkey, "192.0.2.42", &bob).await;
    let logout = his.open(paths::LOGOUT).await;
    his.submit(&logout, "Sign out").await.page();

    let mut stranger = browser_from(&latchkey, "192.0.2.40");
    let looked_at = sign_in_with(&mut stranger, "nobody", "wrong-Passw0rd!").await;
    assert_eq!(looked_at.status, StatusCode::UNPROCESSABLE_ENTITY, "{looked_at}");
    turned_away(&sign_in_with(&mut stranger, "nobody", "wrong-Passw0rd!").await);

    latchkey.pass_seconds(60);
    // Alice is signed in, and an application wants her to prove it once more.
    let again = address(&latchkey.issuer, &web, &[("prompt", "login")]);
    let login = hers.arrive(&again).await.page();
    let page = type_in(&mut hers, login, "alice", &alice.password).await.page();
    assert!(page.status.is_success() && page.has("allow"), "{page}");
    // Bob's browser has been here before.
    sign_in(&mut his, &bob).await;
    // A second stranger with the right password waits like the first.
    let mut second = browser_from(&latchkey, "192.0.2.40");
    turned_away(&sign_in_with(&mut second, "alice", &alice.password).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_cookies_bring_no_more_tries() {
    let latchkey = narrow(|limits| limits.login_per_minute = 1).await;
    let http = client_from("192.0.2.40");
    let mut stranger = browser_from(&latchkey, "192.0.2.40");
    sign_in_with(&mut stranger, "nobody", "wrong-Passw0rd!").await;
    for cookie in ["latchkey_session", "latchkey_sign_in", "latchkey_device"] {
        for number in 0..3 {
            let made_up = format!("{cookie}={number:A>43}");
            let sent = http.post(latchkey.at(paths::LOGIN)).header("cookie", &made_up);
            let answer = sent.body("username=a").send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{made_up}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_browser_is_known_has_no_end_of_tries_either() {
    let latchkey = narrow(|limits| limits.login_per_minute = 1).await;
    let alice = latchkey.alice().await;
    let mut hers = moved(&latchkey, "192.0.2.41", &alice).await;
    let logout = hers.open(paths::LOGOUT).await;
    hers.submit(&logout, "Sign out").await.page();
    let mut looked_at = 0;
    for number in 0..90 {
        // Names that nobody has, so that no account's own count ends it first.
        let page =
            sign_in_with(&mut hers.new_tab(), &format!("person{number}"), "wr0ng-One!").await;
        if page.status == StatusCode::TOO_MANY_REQUESTS {
            turned_away(&page);
            assert!(looked_at >= 60, "only {looked_at} were looked at");
            return;
        }
        looked_at += 1;
    }
    panic!("{looked_at} in a row were looked at");
}

async fn ask_for_a_link(browser: &mut Browser) -> Page {
    let page = browser.open(paths::RECOVER).await.fill("username", "alice");
    browser.submit(&page, "Send me a link").await.page()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_ask_for_so_many_new_passwords_an_hour() {
    let latchkey = narrow(|limits| limits.recovery_per_hour = 3).await;
    let alice = latchkey.alice().await;
    let mut known = moved(&latchkey, "192.0.2.41", &alice).await;
    let mut stranger = browser_from(&latchkey, "192.0.2.40");
    for _ in 0..3 {
        let told = ask_for_a_link(&mut stranger).await;
        assert!(told.status.is_success(), "{told}");
    }
    turned_away(&ask_for_a_link(&mut stranger).await);
    for browser in [&mut known, &mut browser_from(&latchkey, "192.0.2.43")] {
        let told = ask_for_a_link(browser).await;
        assert!(told.status.is_success(), "{told}");
    }
    // The limit on sign-ins is another.
    sign_in(&mut stranger, &alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_begin_so_many_requests_a_minute() {
    let latchkey = narrow(|limits| limits.authorize_per_minute = 2).await;
    let alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let url = address(&latchkey.issuer, &web, &[]);
    let mut known = moved(&latchkey, "192.0.2.41", &alice).await;
    let mut stranger = browser_from(&latchkey, "192.0.2.40");
    for _ in 0..2 {
        assert_eq!(stranger.arrive(&url).await.page().status, StatusCode::OK);
    }
    turned_away(&stranger.arrive(&url).await.page());
    assert_eq!(stranger.open(paths::LOGIN).await.status, StatusCode::OK);
    for browser in [&mut known, &mut browser_from(&latchkey, "192.0.2.43")] {
        assert_eq!(browser.arrive(&url).await.page().status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_send_so_many_forms_a_minute() {
    let latchkey = narrow(|limits| limits.forms_per_minute = 2).await;
    let http = client_from("192.0.2.40");
    for path in [paths::LOGOUT, paths::ACCOUNT_PASSWORD, paths::CONSENT, paths::NOT_ME] {
        let answer = http.post(latchkey.at(path)).send().await.expect("an answer");
        let full = matches!(path, paths::CONSENT | paths::NOT_ME);
        assert_eq!(answer.status() == StatusCode::TOO_MANY_REQUESTS, full, "{path}");
    }
    // Looking at a page is not sending a form.
    let mut stranger = browser_from(&latchkey, "192.0.2.40");
    assert_eq!(stranger.open(paths::LOGIN).await.status, StatusCode::OK);
}
