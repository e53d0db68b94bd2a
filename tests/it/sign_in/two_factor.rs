//! `/login/two-factor`: the code that a proven password still owes (S-119 … S-125).

use std::collections::BTreeSet;

use latchkey::paths;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser, http};
use crate::support::clients::{self, TestClient};
use crate::support::flow::{
    address, claims_of, exchange, post_raw, sign_in_with, text, totp, type_in, walk,
};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::routes;

const SEED: &[u8] = b"12345678901234567890";
const SESSION: &str = "latchkey_session";

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    alice: TestUser,
}

impl Scene {
    async fn start() -> Self {
        let latchkey = Latchkey::start().await;
        let web = latchkey.client(clients::web()).await;
        let alice = latchkey.alice().await;
        latchkey.enrol(&alice, SEED).await;
        Self { latchkey, web, alice }
    }

    /// The code of the step so many steps from now.
    fn code(&self, steps: i64) -> String {
        totp(SEED, self.latchkey.clock.now().seconds() + 30 * steps)
    }

    /// A browser that has proven the password, before the page that asks for the code.
    async fn owing(&self) -> (Browser, Page) {
        let mut browser = self.latchkey.browser();
        let page = sign_in_with(&mut browser, "alice", &self.alice.password).await;
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
        (browser, page)
    }

    /// Whether a code opens the account to a browser that owes one.
    async fn opens(&self, code: &str) -> bool {
        let (mut browser, page) = self.owing().await;
        self.sends(&mut browser, page, code).await.url.path() == paths::ACCOUNT_SECURITY
    }

    async fn sends(&self, browser: &mut Browser, page: Page, code: &str) -> Page {
        browser.submit(&page.fill("code", code), "Verify").await.page()
    }
}

#[test]
fn our_codes_are_those_of_the_rfc() {
    // RFC 6238 appendix B, the last six digits.
    for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
        assert_eq!(totp(SEED, seconds), code);
    }
}

#[tokio::test]
async fn s_119_nothing_opens_after_the_password_alone() {
    let scene = Scene::start().await;
    let (mut browser, page) = scene.owing().await;
    assert!(page.says("alice"), "the page says whose code it wants: {page}");
    assert!(browser.cookies().value(SESSION).is_none());
    let stranger = scene.latchkey.browser();
    for (_, path) in routes::all() {
        let path = routes::filled(&path);
        if path.starts_with(paths::LOGIN_TWO_FACTOR) {
            continue;
        }
        // Exactly what somebody gets who was never here.
        let mut seen = BTreeSet::new();
        for browser in [&browser, &stranger] {
            let url: reqwest::Url = scene.latchkey.at(&path).parse().expect("an address");
            let mut request = http().get(url.clone());
            if let Some(cookies) = browser.cookies().header(&url, false) {
                request = request.header("cookie", cookies);
            }
            let answer = request.send().await.expect("an answer");
            let location = answer.headers().get("location").map(|to| format!("{to:?}"));
            let status = answer.status().as_u16();
            let body = answer.text().await.expect("text");
            assert!(!body.contains("alice"), "{path}: {body}");
            seen.insert((status, location));
        }
        assert_eq!(seen.len(), 1, "{path}: {seen:?}");
    }
    // A client learns that somebody must be asked, and nothing of whom.
    let silent = address(&scene.latchkey.issuer, &scene.web, &[("prompt", "none")]);
    let came = browser.arrive(&silent).await.departure();
    assert_eq!(came.parameter("error").as_deref(), Some("interaction_required"));
    assert_eq!(came.parameter("code"), None);
}

#[tokio::test]
async fn s_119_consent_cannot_be_given_before_the_code() {
    let scene = Scene::start().await;
    let mut browser = scene.latchkey.browser();
    let login = browser.arrive(&address(&scene.latchkey.issuer, &scene.web, &[])).await.page();
    let request = login.value("request").to_owned();
    let login = login.fill("username", "alice").fill("password", &scene.alice.password);
    let owed = browser.submit(&login, "Sign in").await.page();
    assert_eq!(owed.url.path(), paths::LOGIN_TWO_FACTOR);
    let url: reqwest::Url = scene.latchkey.at(paths::CONSENT).parse().expect("an address");
    let fields = [("csrf", owed.value("csrf")), ("request", &request), ("decision", "allow")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = [("origin", scene.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&browser, &url, &fields, &headers).await;
    let location = answer.headers().get("location").map(|to| to.to_str().expect("ASCII"));
    assert!(location.is_none_or(|to| to.starts_with('/')), "{location:?}");
    // Going on by the address of the request comes back to a step, never to the client.
    for path in [paths::resume(&request), format!("{}?request={request}", paths::CONSENT)] {
        let page = browser.open(&path).await;
        assert!(page.url.path().starts_with(paths::LOGIN), "{page}");
    }
    // With the code it goes on where it was.
    let owed = browser.open(&format!("{}?request={request}", paths::LOGIN_TWO_FACTOR)).await;
    let arrival = browser.submit(&owed.fill("code", &scene.code(0)), "Verify").await;
    let came = walk(&mut browser, &scene.alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let caller = scene.web.credentials();
    let tokens = exchange(&scene.latchkey.endpoints, &caller, &scene.web, &code).await.good();
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!(id["acr"], "urn:latchkey:acr:mfa");
    assert_eq!(id["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn s_120_the_code_cannot_be_gone_around() {
    let scene = Scene::start().await;
    let (mut browser, page) = scene.owing().await;
    let empty = scene.sends(&mut browser, page.clone(), "").await;
    assert_eq!((empty.status.as_u16(), empty.url.path()), (422, paths::LOGIN_TWO_FACTOR));
    // The password once more gives no more than it gave.
    let again = sign_in_with(&mut browser, "alice", &scene.alice.password).await;
    assert_eq!(again.url.path(), paths::LOGIN_TWO_FACTOR);
    // Other names for the step, and claims that it was taken.
    let form = page.fill("code", "").submission("Verify");
    for (name, value) in [("verified", "1"), ("step", "done"), ("backup", "1"), ("trust", "on")] {
        let mut fields = form.fields.clone();
        fields.push((name.to_owned(), value.to_owned()));
        let headers =
            [("origin", scene.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = post_raw(&browser, &form.action, &fields, &headers).await;
        assert!(
            answer
                .headers()
                .get_all("set-cookie")
                .iter()
                .all(|cookie| { cookie.to_str().is_ok_and(|cookie| !cookie.contains(SESSION)) }),
            "{name}"
        );
        assert_ne!(answer.status(), 303, "{name}");
    }
    // In another tab and by "back" it is the same.
    let mut tab = browser.new_tab();
    let page = tab.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(page.url.path(), paths::LOGIN);
    // The interaction is bound to this browser: its cookie alone opens the page, but no form.
    let owed = browser.cookies().value("latchkey_sign_in").expect("an interaction");
    let cookie = format!("latchkey_sign_in={owed}");
    let mut fields = form.fields.clone();
    fields.retain(|(name, _)| name != "code");
    fields.push(("code".into(), scene.code(0)));
    let request = http().post(form.action.clone()).header("cookie", cookie).form(&fields);
    let answer = request.header("origin", &scene.latchkey.issuer).send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn s_120_a_code_without_a_password_is_nothing() {
    let scene = Scene::start().await;
    let mut browser = scene.latchkey.browser();
    let login = browser.open(paths::LOGIN).await;
    let mut fields = login.submission("Sign in").fields;
    fields.push(("code".into(), scene.code(0)));
    let url: reqwest::Url = scene.latchkey.at(paths::LOGIN_TWO_FACTOR).parse().expect("an address");
    let headers = [("origin", scene.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&browser, &url, &fields, &headers).await;
    let to = answer.headers().get("location").map(|to| to.to_str().expect("ASCII"));
    assert!(to.is_some_and(|to| to.starts_with("/login")), "{to:?}");
    // Nor did it use the code up.
    assert!(scene.opens(&scene.code(0)).await);
}

#[tokio::test]
async fn s_121_who_has_a_second_factor_is_always_asked_for_it() {
    let scene = Scene::start().await;
    let mut browser = scene.latchkey.browser();
    let login = browser.open(paths::LOGIN).await;
    let login = login.fill("username", &scene.alice.email).fill("password", &scene.alice.password);
    let page = browser.submit(&login.tick("remember"), "Sign in").await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "by mail address, to be remembered");
    scene.sends(&mut browser, page, &scene.code(0)).await;
    // Also to prove it again while signed in.
    scene.latchkey.pass_seconds(1);
    let again = [("prompt", "login")];
    let login = browser.arrive(&address(&scene.latchkey.issuer, &scene.web, &again)).await.page();
    let page = type_in(&mut browser, login, "alice", &scene.alice.password).await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR);
    // An authenticator that was never confirmed asks for nothing.
    let bob = scene.latchkey.bob().await;
    let page = sign_in_with(&mut scene.latchkey.browser(), "bob", &bob.password).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY);
}

#[tokio::test]
async fn s_122_a_code_counts_once_and_no_older_one_after_it() {
    let scene = Scene::start().await;
    let (before, code) = (scene.code(-1), scene.code(0));
    assert!(scene.opens(&code).await);
    assert!(!scene.opens(&code).await, "the same again");
    assert!(!scene.opens(&before).await, "an older one after it");
    scene.latchkey.pass_seconds(30);
    assert!(!scene.opens(&code).await, "the same within the window of the next step");
    assert!(scene.opens(&scene.code(0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_122_of_twenty_browsers_with_one_code_one_gets_in() {
    let scene = Scene::start().await;
    let second = scene.latchkey.another_node().await;
    let code = scene.code(0);
    let mut tries = Vec::new();
    for n in 0..20 {
        let (browser, page) = scene.owing().await;
        let form = page.fill("code", &code).submission("Verify");
        let mut action = form.action.clone();
        if n % 2 == 1 {
            let other: reqwest::Url = second.endpoints.socket().parse().expect("an address");
            action.set_port(other.port()).expect("a port");
        }
        let origin = scene.latchkey.issuer.clone();
        tries.push(tokio::spawn(async move {
            let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
            let answer = post_raw(&browser, &action, &form.fields, &headers).await;
            answer
                .headers()
                .get_all("set-cookie")
                .iter()
                .any(|cookie| cookie.to_str().is_ok_and(|cookie| cookie.starts_with(SESSION)))
        }));
    }
    let mut opened = 0;
    for one in tries {
        opened += usize::from(one.await.expect("an answer"));
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn s_123_a_code_is_good_one_step_around_now() {
    for (steps, good) in
        [(-3, false), (-2, false), (-1, true), (0, true), (1, true), (2, false), (3, false)]
    {
        let scene = Scene::start().await;
        assert_eq!(scene.opens(&scene.code(steps)).await, good, "{steps} steps from now");
    }
}

#[tokio::test]
async fn s_124_five_wrong_codes_end_the_sign_in() {
    let scene = Scene::start().await;
    let (mut browser, mut page) = scene.owing().await;
    for n in 1..=5 {
        let wrong = format!("{n:06}");
        assert_ne!(wrong, scene.code(0));
        page = scene.sends(&mut browser, page, &wrong).await;
    }
    // Whatever the fifth answer was: the right code comes too late.
    let late = if page.url.path() == paths::LOGIN_TWO_FACTOR {
        scene.sends(&mut browser, page, &scene.code(0)).await
    } else {
        page
    };
    assert_eq!(late.url.path(), paths::LOGIN, "{late}");
    assert!(late.says("That took too long or too many tries. Please sign in again."), "{late}");
    assert!(browser.cookies().value(SESSION).is_none());
    assert!(browser.cookies().value("latchkey_sign_in").is_none());
    // The password still works: guessing codes locks nobody's password. Codes are looked at again
    // with the next step.
    scene.latchkey.pass_seconds(30);
    assert!(scene.opens(&scene.code(0)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_124_a_race_gets_no_more_than_five_tries() {
    let scene = Scene::start().await;
    let (browser, page) = scene.owing().await;
    let mut tries = Vec::new();
    for n in 0..20 {
        let form = page.clone().fill("code", &format!("{n:06}")).submission("Verify");
        let (browser, origin) = (browser.clone(), scene.latchkey.issuer.clone());
        tries.push(tokio::spawn(async move {
            let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
            post_raw(&browser, &form.action, &form.fields, &headers).await.status().as_u16()
        }));
    }
    let mut evaluated = 0;
    for one in tries {
        evaluated += usize::from(one.await.expect("an answer") == 422);
    }
    assert!(evaluated <= 5, "{evaluated} were looked at");
}

#[tokio::test]
async fn s_124_the_sign_in_waits_ten_minutes_for_its_code() {
    let scene = Scene::start().await;
    let (mut browser, page) = scene.owing().await;
    scene.latchkey.pass_seconds(601);
    let page = scene.sends(&mut browser, page, &scene.code(0)).await;
    assert_eq!(page.url.path(), paths::LOGIN, "{page}");
    assert!(page.says("That took too long or too many tries. Please sign in again."), "{page}");
    // Of the address only a word of ours is understood, and none is shown.
    for (word, told) in [("over", 1), ("overtaken", 1), ("Evil%20words", 0), ("", 0)] {
        let address = format!("{}?done={word}", paths::LOGIN);
        let page = scene.latchkey.browser().open(&address).await;
        assert_eq!(page.texts("#note").len(), told, "{word}: {page}");
        assert!(!page.says("Evil"), "{page}");
    }
}

#[tokio::test]
async fn who_has_no_way_left_is_told_whom_to_ask() {
    let scene = Scene::start().await;
    let (_, page) = scene.owing().await;
    assert!(page.attributes("#other", "href").is_empty(), "there are no backup codes: {page}");
    assert!(page.says("Ask support: they are the people who gave you this account"), "{page}");
}

#[tokio::test]
async fn s_125_a_code_is_six_ascii_digits() {
    let scene = Scene::start().await;
    let code = scene.code(0);
    let wide: String = code.chars().filter_map(|c| char::from_u32(c as u32 + 0xfee0)).collect();
    let arabic: String = code.chars().filter_map(|c| char::from_u32(c as u32 + 0x630)).collect();
    for typed in [
        wide,
        arabic,
        format!("+{code}"),
        format!("-{code}"),
        format!("{code}0"),
        format!("0{code}"),
        code[..5].to_owned(),
        code[..1].to_owned(),
        format!("{code}\n"),
        format!("{code}\u{200b}"),
        format!("0x{code}"),
        "1".repeat(50_000),
    ] {
        let shown: String = typed.chars().take(20).collect();
        assert!(!scene.opens(&typed).await, "{shown:?}");
    }
    // A field that is there twice, or as an array, is none.
    let (browser, page) = scene.owing().await;
    let form = page.fill("code", &code).submission("Verify");
    let headers = [("origin", scene.latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let mut twice = form.fields.clone();
    twice.push(("code".into(), code.clone()));
    assert_eq!(post_raw(&browser, &form.action, &twice, &headers).await.status(), 400);
    let array: Vec<_> = form
        .fields
        .iter()
        .map(|(name, value)| (name.replace("code", "code[]"), value.clone()))
        .collect();
    assert_eq!(post_raw(&browser, &form.action, &array, &headers).await.status(), 422);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert!(scene.opens(&spaced).await, "as authenticators show it");
}

#[tokio::test]
async fn a_person_may_cancel_before_the_code() {
    let scene = Scene::start().await;
    let mut browser = scene.latchkey.browser();
    let login = browser.arrive(&address(&scene.latchkey.issuer, &scene.web, &[])).await.page();
    let login = login.fill("username", "alice").fill("password", &scene.alice.password);
    let owed = browser.submit(&login, "Sign in").await.page();
    let Arrival::Client(came) = browser.submit(&owed, "deny").await else {
        panic!("cancelling leads back to the application");
    };
    assert_eq!(came.parameter("error").as_deref(), Some("access_denied"));
}
