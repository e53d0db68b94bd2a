//! `/login/two-factor/set-up`: who must have two-factor sets it up at the next sign-in.

use latchkey::paths;
use latchkey::store::users;
use reqwest::Url;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::clients;
use crate::support::flow::{
    address, claims_of, exchange, post_raw, sign_in, sign_in_with, text, type_in, walk,
};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::phone::{Phone, codes_of};
use crate::support::routes;

const SESSION: &str = "latchkey_session";

/// An instance with this rule, and Alice.
async fn with_rule(rule: &str) -> (Latchkey, TestUser) {
    let rules = vec![rule.to_owned()];
    let latchkey =
        Latchkey::start_with(|config| config.login.two_factor_required_for = rules).await;
    let alice = latchkey.alice().await;
    (latchkey, alice)
}

/// A browser after the password, before the set-up.
async fn after_the_password(latchkey: &Latchkey, user: &TestUser) -> (Browser, Page) {
    let mut browser = latchkey.browser();
    let page = sign_in_with(&mut browser, &user.username, &user.password).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP, "{page}");
    (browser, page)
}

#[tokio::test]
async fn who_must_have_two_factor_is_led_through_its_set_up() {
    let (latchkey, alice) = with_rule("everyone").await;
    let (mut browser, page) = after_the_password(&latchkey, &alice).await;
    assert!(page.says("Your organization asks for a code"), "{page}");
    let phone = Phone::scan(&page);
    let again = browser.open(page.url.as_str()).await;
    assert_eq!(Phone::scan(&again), phone, "the same until it is confirmed");
    let off = page.fill("code", &phone.code(&latchkey, -10));
    let told = browser.submit(&off, "Turn on").await.page();
    assert!(told.says("5 minutes behind"), "{told}");
    let page = told.fill("code", &phone.code(&latchkey, 0)).fill("name", "Pixel");
    let page = browser.submit(&page, "Turn on").await.page();
    let codes = codes_of(&page);
    assert!(browser.cookies().value(SESSION).is_none(), "one step is left");
    let page = browser.submit(&page, "I have saved them").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Pixel") && page.says("so it stays on"), "{page}");
    assert!(!page.says("You have not said yet"), "{page}");
    // It cannot be turned off, by no way.
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_OFF).await;
    assert_eq!(page.heading(), "Two-factor stays on");
    let url: Url = latchkey.at(paths::ACCOUNT_TWO_FACTOR_OFF).parse().expect("an address");
    let fields = [("csrf".to_owned(), page.value("csrf").to_owned())];
    let headers = [("origin", latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(post_raw(&browser, &url, &fields, &headers).await.status(), 403);
    // The next sign-in asks for the code as for anybody who has one.
    latchkey.enter_with(&alice, &phone).await;
    let (mut other, owed) = latchkey.owing(&alice).await;
    let page = latchkey.use_backup_code(&mut other, &owed, &codes[0]).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_TWO_FACTOR_RECOVERED);
}

#[tokio::test]
async fn a_rule_is_for_administrators_or_for_a_group() {
    let (latchkey, alice) = with_rule("administrators").await;
    sign_in(&mut latchkey.browser(), &alice).await;
    let now = latchkey.clock.now();
    let mut db = latchkey.app.store.write().await.expect("a write");
    users::set_admin(&mut db, &alice.id, Some(now), now).await.expect("an administrator");
    db.commit().await.expect("a commit");
    after_the_password(&latchkey, &alice).await;
    let (latchkey, alice) = with_rule("group:staff").await;
    sign_in(&mut latchkey.browser(), &alice).await;
    let groups = ["press".to_owned(), "staff".to_owned()];
    let set = latchkey::identity::groups::set_groups(&latchkey.app, "alice", &groups).await;
    assert_eq!(set.expect("groups").member_of, "press staff");
    after_the_password(&latchkey, &alice).await;
}

#[tokio::test]
async fn who_comes_under_the_rule_while_signed_in_is_led_through_the_set_up_too() {
    let (latchkey, alice) = with_rule("group:staff").await;
    let web = latchkey.client(clients::web()).await;
    let (mut here, mut elsewhere) = (latchkey.browser(), latchkey.browser());
    sign_in(&mut here, &alice).await;
    sign_in(&mut elsewhere, &alice).await;
    let groups = ["staff".to_owned()];
    latchkey::identity::groups::set_groups(&latchkey.app, "alice", &groups).await.expect("set");
    // Neither her pages nor an application get anything of the session that a password began.
    let silent = address(&latchkey.issuer, &web, &[("prompt", "none")]);
    let told = here.arrive(&silent).await.departure();
    assert_eq!(told.parameter("error").as_deref(), Some("login_required"), "{}", told.url);
    let login = here.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(login.url.path(), paths::LOGIN, "{login}");
    let page = type_in(&mut here, login, "alice", &alice.password).await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP, "{page}");
    let page = page.clone().fill("code", &Phone::scan(&page).code(&latchkey, 0));
    let page = here.submit(&page, "Turn on").await.page();
    let page = here.submit(&page, "I have saved them").await.page();
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    // What the rule had closed does not come back with the set-up.
    assert_eq!(elsewhere.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
}

#[tokio::test]
async fn s_119_nothing_opens_before_the_set_up_is_done() {
    let (latchkey, alice) = with_rule("everyone").await;
    let web = latchkey.client(clients::web()).await;
    let (mut browser, page) = after_the_password(&latchkey, &alice).await;
    assert!(browser.cookies().value(SESSION).is_none());
    for (_, path) in routes::all() {
        let path = routes::filled(&path);
        if path.starts_with(paths::LOGIN_TWO_FACTOR) {
            continue;
        }
        let url: Url = latchkey.at(&path).parse().expect("an address");
        let cookies = browser.cookies().header(&url, false).expect("cookies");
        let answer = http().get(url).header("cookie", cookies).send().await.expect("an answer");
        let mut gives = answer.headers().get_all("set-cookie").iter();
        let session = format!("{SESSION}=");
        // Taking one away is no harm.
        let value = |cookie: &str| cookie.strip_prefix(&session).map(|rest| !rest.starts_with(';'));
        let opens = gives.any(|cookie| value(cookie.to_str().expect("ASCII")) == Some(true));
        assert!(!opens, "{path}");
        assert!(!answer.text().await.expect("text").contains("alice"), "{path}");
    }
    let silent = address(&latchkey.issuer, &web, &[("prompt", "none")]);
    let came = browser.arrive(&silent).await.departure();
    assert_eq!(came.parameter("error").as_deref(), Some("interaction_required"));
    // Saying that the codes are saved is not having shown one.
    let mut form = page.submission("Turn on");
    form.fields.push(("saved".into(), "yes".into()));
    let back = browser.send(&page, form).await.page();
    assert_eq!(back.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP, "{back}");
    assert!(browser.cookies().value(SESSION).is_none());
}

#[tokio::test]
async fn s_127_who_knows_only_the_password_cannot_set_up_beside_the_owner() {
    let (latchkey, alice) = with_rule("everyone").await;
    let (mut thief, theirs) = after_the_password(&latchkey, &alice).await;
    let (mut browser, page) = after_the_password(&latchkey, &alice).await;
    let phone = Phone::scan(&page);
    let stolen = Phone::scan(&theirs);
    assert_ne!(stolen, phone, "nobody else is shown the seed");
    let page = page.fill("code", &phone.code(&latchkey, 0));
    let page = browser.submit(&page, "Turn on").await.page();
    browser.submit(&page, "I have saved them").await.page();
    // From this moment the code is owed, also by sign-ins that began before.
    let late = theirs.fill("code", &stolen.code(&latchkey, 0));
    let page = thief.submit(&late, "Turn on").await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    let page = thief.open(paths::LOGIN_TWO_FACTOR_SET_UP).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    latchkey.pass_seconds(30);
    let code = stolen.code(&latchkey, 0);
    assert_eq!(thief.submit(&page.fill("code", &code), "Verify").await.page().status, 422);
    latchkey.enter_with(&alice, &phone).await;
}

#[tokio::test]
async fn nobody_sets_up_at_a_sign_in_who_need_not() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    latchkey.turn_on(&mut browser).await;
    let (mut other, _) = latchkey.owing(&alice).await;
    let page = other.open(paths::LOGIN_TWO_FACTOR_SET_UP).await;
    assert_eq!(page.url.path(), paths::LOGIN, "it begins anew: {page}");
}

#[tokio::test]
async fn an_application_gets_its_answer_after_the_set_up() {
    let (latchkey, alice) = with_rule("everyone").await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = latchkey.browser();
    let login = browser.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let page = type_in(&mut browser, login, "alice", &alice.password).await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP);
    // The request itself leads back to it.
    let resumed = browser.open(&paths::resume(page.value("request"))).await;
    assert_eq!(resumed.url.path(), paths::LOGIN_TWO_FACTOR_SET_UP, "{resumed}");
    let phone = Phone::scan(&page);
    let page = page.fill("code", &phone.code(&latchkey, 0));
    let page = browser.submit(&page, "Turn on").await.page();
    let arrival = browser.submit(&page, "I have saved them").await;
    let came = walk(&mut browser, &alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let tokens = exchange(&latchkey.endpoints, &web.credentials(), &web, &code).await.good();
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!(id["acr"], "urn:latchkey:acr:mfa");
    assert_eq!(id["amr"], json!(["pwd", "otp", "mfa"]));
}
