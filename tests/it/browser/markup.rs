//! S-098: whatever people, applications and strangers write is text on every page, in a real
//! browser: nothing of it runs, becomes an element or a link, or troubles the page's policy.

use latchkey::paths;
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::chromium::{Chromium, Scripts};
use crate::support::clients::{self, TestClient};
use crate::support::flow::{address, sign_in, sign_in_with, walk};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::phone::Phone;
use crate::support::routes;

/// Each would set `window.struck`, or leave an element behind that is looked for.
const STRIKES: &[&str] = &[
    "\"'><script>window.struck=1;alert(1)</script>",
    "<img src=x onerror=window.struck=1>",
    "</title></style></textarea><svg onload=window.struck=1>",
    "{{1234*4321}}{% raw %}${1234*4321}<b id=struck>",
    "javascript:window.struck=1//",
    "'-window.struck=1-'\u{202e}&lt;i id=struck&gt;",
];

/// What a page must not hold, whatever was written.
const LOOK: &str = "const bad = [];
    if (window.struck) bad.push('something ran');
    if (document.getElementById('struck')) bad.push('an element was injected');
    for (const element of document.querySelectorAll('*')) {
        for (const attribute of element.attributes) {
            if (/^on/i.test(attribute.name)) bad.push(element.tagName + ' ' + attribute.name);
            if (/^(href|src|action|formaction)$/i.test(attribute.name)
                && /^\\s*(javascript|vbscript):/i.test(attribute.value)) {
                bad.push(attribute.value);
            }
        }
    }
    for (const image of document.images) {
        if (image.getAttribute('src') === 'x') bad.push('an image was injected');
    }
    for (const script of document.scripts) {
        if (!script.src) bad.push('an inline script');
    }
    if (document.body.innerText.includes('5332114')) bad.push('a template ran');
    return bad";

fn strike(number: usize) -> &'static str {
    STRIKES[number % STRIKES.len()]
}

/// Claims, as far as they are free text.
fn claims(number: usize) -> Value {
    let text = |more: usize| strike(number + more);
    json!({
        "name": text(0), "given_name": text(1), "family_name": text(2), "middle_name": text(3),
        "nickname": text(4), "preferred_username": text(5), "gender": text(0),
        "address": {
            "formatted": text(1), "street_address": text(2), "locality": text(3),
            "region": text(4), "postal_code": text(5), "country": text(0),
        },
    })
}

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    alice: TestUser,
    chromium: Chromium,
    phone: Phone,
}

impl Scene {
    /// Alice with hostile claims, a hostile application, browser and authenticator app.
    async fn set(number: usize) -> Self {
        let latchkey = Latchkey::start().await;
        let mut metadata = clients::web();
        metadata["client_name"] = strike(number).into();
        for (at, uri) in ["client_uri", "policy_uri", "tos_uri", "logo_uri"].iter().enumerate() {
            let tail = url::form_urlencoded::byte_serialize(strike(number + at).as_bytes());
            metadata[uri] = format!("https://app.example/{}'x", tail.collect::<String>()).into();
        }
        let web = latchkey.client(metadata).await;
        let alice = latchkey.person("alice", claims(number)).await;
        let mut browser = latchkey.browser();
        browser.user_agent = strike(number).chars().filter(char::is_ascii).collect();
        sign_in_with(&mut browser, strike(number), strike(number)).await;
        sign_in(&mut browser, &alice).await;
        let arrival = browser.arrive(&address(&latchkey.issuer, &web, &[])).await;
        walk(&mut browser, &alice, arrival).await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        let phone = Phone::scan(&page);
        let page = page.fill("code", &phone.code(&latchkey, 0)).fill("name", strike(number));
        let page = browser.submit(&page, "Turn on").await.page();
        browser.submit(&page, "I have saved them").await.page();
        let chromium = Chromium::start(Scripts::On).await;
        Self { latchkey, web, alice, chromium, phone }
    }

    /// The page as it is now.
    async fn look(&self, what: &str) {
        let found = self.chromium.ask(LOOK).await;
        assert_eq!(found, json!([]), "{what}");
        self.chromium.check_console().await;
    }

    async fn visit(&self, path: &str) {
        self.chromium.visit(&self.latchkey.at(path)).await;
        self.look(path).await;
    }

    /// What strangers can write into an address.
    async fn addresses(&self, number: usize) {
        let with = |path: &str, name: &str| {
            let url =
                reqwest::Url::parse_with_params(&self.latchkey.at(path), [(name, strike(number))]);
            url.expect("an address").to_string()
        };
        for path in [paths::LOGIN, paths::AUTHORIZE, paths::END_SESSION, paths::RECOVER, "/nowhere"]
        {
            for name in ["to", "request", "client_id", "error_description", "id_token_hint", "q"] {
                self.chromium.visit(&with(path, name)).await;
                self.look(&format!("{path}?{name}")).await;
            }
        }
        let tail: String =
            url::form_urlencoded::byte_serialize(strike(number).as_bytes()).collect();
        self.visit(&format!("/{tail}")).await;
        self.visit(&format!("/recover/{tail}")).await;
        let asked =
            [("login_hint", strike(number)), ("state", strike(number)), ("prompt", "consent")];
        let asked = address(&self.latchkey.issuer, &self.web, &asked);
        self.chromium.visit(&asked).await;
        self.look("the sign-in of a hostile application").await;
    }

    /// Signs in with password and code, by the pages themselves.
    async fn sign_in(&self) {
        self.latchkey.pass_seconds(30);
        self.chromium.sign_in(strike(0), "wrong-Passw0rd!").await;
        self.chromium.words("#problem").await;
        self.look("a sign-in that failed").await;
        self.chromium.sign_in(&self.alice.username, &self.alice.password).await;
        self.chromium.words("#code").await;
        self.look("the second factor").await;
        self.chromium.fill("code", &self.phone.code(&self.latchkey, 0)).await;
        self.chromium.click("#verify").await;
        self.chromium.words("#allow").await;
        self.look("consent").await;
    }

    /// Every page of the account, with the ids that are there, as another browser finds them.
    async fn account(&self) {
        for (_, pattern) in routes::all() {
            let is_page = pattern.starts_with("/account") && !pattern.contains('{');
            if is_page && pattern != paths::ACCOUNT_PASSWORD_CHECK {
                self.visit(&pattern).await;
            }
        }
        for list in
            [paths::ACCOUNT_APPLICATIONS, paths::ACCOUNT_SESSIONS, paths::ACCOUNT_TWO_FACTOR]
        {
            self.visit(list).await;
            let links = "return [...document.querySelectorAll('main a[href^=\"/account/\"]')]
                .map(link => link.getAttribute('href'))";
            let links = self.chromium.ask(links).await;
            for link in links.as_array().expect("links") {
                self.visit(link.as_str().expect("a link")).await;
            }
        }
        self.visit(&format!(
            "{}?q=%3Cimg+src%3Dx+onerror%3Dwindow.struck%3D1%3E",
            paths::ACCOUNT_FIND
        ))
        .await;
        self.chromium.visit(&self.latchkey.at(paths::ACCOUNT_SECURITY)).await;
        self.chromium.press("body", "\u{e009}k").await;
        self.chromium.press("#find-words", "\u{e000}<img src=x onerror=window.struck=1>").await;
        self.look("the search").await;
    }

    /// The mails, where no policy helps.
    async fn mails(&self) {
        let mails = self.latchkey.mails().await;
        assert!(mails.len() > 1, "{}", mails.len());
        for mail in mails {
            let page = Page::read(
                self.latchkey.at("/").parse().expect("an address"),
                reqwest::StatusCode::OK,
                reqwest::header::HeaderMap::new(),
                mail.html.clone(),
            );
            assert!(page.attributes("script, svg[onload], img[src=x], #struck", "id").is_empty());
            assert!(page.texts("script").is_empty(), "{}", mail.html);
            for link in page.attributes("[href]", "href") {
                assert!(link.starts_with("http"), "{link} in {}", mail.subject);
            }
        }
    }
}

async fn nothing_runs(number: usize) {
    let scene = Scene::set(number).await;
    scene.addresses(number).await;
    scene.sign_in().await;
    scene.account().await;
    scene.latchkey.pass_seconds(301);
    scene.visit(paths::ACCOUNT_TWO_FACTOR_OFF).await;
    scene.mails().await;
    scene.chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_098_nothing_that_is_written_runs_in_a_browser() {
    nothing_runs(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_098_nothing_that_is_written_runs_in_a_browser_in_other_places() {
    nothing_runs(2).await;
}

#[tokio::test]
async fn a_form_post_answer_repeats_a_hostile_state_as_text() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let bob = latchkey.bob().await;
    for hostile in STRIKES {
        let mut browser: Browser = latchkey.browser();
        sign_in(&mut browser, &bob).await;
        let asked = [("response_mode", "form_post"), ("state", hostile), ("prompt", "none")];
        let page = browser.arrive(&address(&latchkey.issuer, &web, &asked)).await.page();
        assert_eq!(page.value("state"), *hostile, "{page}");
        // The one that sends the form, which the policy knows by its hash.
        assert_eq!(page.texts("script").len(), 1, "{page}");
        assert!(!page.texts("script")[0].contains("struck"), "{page}");
        assert!(page.attributes("#struck, img, svg[onload]", "id").is_empty(), "{page}");
    }
}
