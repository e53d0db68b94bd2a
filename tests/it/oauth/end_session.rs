//! RP-Initiated Logout: a client asks to sign the person out.

use latchkey::paths;
use reqwest::Url;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser};
use crate::support::clients::{self, TestClient};
use crate::support::flow::text;
use crate::support::people::TestUser;

const AFTER: &str = "https://app.example/signed-out";

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    alice: TestUser,
    browser: Browser,
    hint: String,
    access: String,
}

impl Scene {
    async fn start() -> Self {
        let latchkey = Latchkey::start().await;
        let web = latchkey.client(clients::web()).await;
        let alice = latchkey.alice().await;
        let mut browser = latchkey.browser();
        let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
        let (hint, access) =
            (text(&tokens, "id_token").to_owned(), text(&tokens, "access_token").to_owned());
        Self { latchkey, web, alice, browser, hint, access }
    }

    fn address(&self, parameters: &[(&str, &str)]) -> String {
        let endpoint = self.latchkey.at(paths::END_SESSION);
        Url::parse_with_params(&endpoint, parameters).expect("an address").into()
    }

    async fn is_signed_in(&mut self) -> bool {
        let here =
            self.browser.open(paths::ACCOUNT_SECURITY).await.url.path() == paths::ACCOUNT_SECURITY;
        assert_eq!(self.latchkey.userinfo(&self.access).await.status == 200, here);
        here
    }
}

#[tokio::test]
async fn with_a_hint_of_this_session_the_person_is_signed_out_and_sent_back() {
    for by_post in [false, true] {
        let mut scene = Scene::start().await;
        // An ID token counts as a hint after it has expired.
        scene.latchkey.pass_seconds(3 * 3600);
        scene.browser.open(paths::ACCOUNT_SECURITY).await;
        let parameters = [
            ("id_token_hint", scene.hint.as_str()),
            ("post_logout_redirect_uri", AFTER),
            ("state", "a b&c"),
        ];
        let arrival = if by_post {
            let form = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
            // As a cross-site POST it comes without cookies, so there is nobody to sign out yet.
            scene.browser.post_from_elsewhere(paths::END_SESSION, form.to_vec()).await
        } else {
            let address = scene.address(&parameters);
            scene.browser.arrive(&address).await
        };
        let came = arrival.departure();
        assert!(came.url.as_str().starts_with(AFTER), "{}", came.url);
        assert_eq!(came.parameter("state").as_deref(), Some("a b&c"));
        if !by_post {
            assert!(scene.browser.cookies().value("latchkey_session").is_none());
            assert_eq!(scene.browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
        }
    }
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked() {
    let mut scene = Scene::start().await;
    for parameters in [
        vec![],
        vec![("client_id", "web")],
        vec![("client_id", "web"), ("post_logout_redirect_uri", AFTER), ("state", "s")],
    ] {
        let address = scene.address(&parameters);
        let page = scene.browser.arrive(&address).await.page();
        assert_eq!(page.url.path(), paths::LOGOUT, "{page}");
        assert!(scene.is_signed_in().await, "a link alone signs nobody out");
    }
    let address =
        scene.address(&[("client_id", "web"), ("post_logout_redirect_uri", AFTER), ("state", "s")]);
    let asked = scene.browser.arrive(&address).await.page();
    assert!(asked.says("Photo Printer"), "it says who asks: {asked}");
    let came = scene.browser.submit(&asked, "Sign out").await.departure();
    assert_eq!(came.url.as_str(), format!("{AFTER}?state=s"));
    assert!(!scene.is_signed_in().await);
}

#[tokio::test]
async fn a_hint_of_another_session_or_person_asks_too() {
    let mut scene = Scene::start().await;
    let bob = scene.latchkey.bob().await;
    let theirs = scene.latchkey.tokens(&bob, &scene.web, &[]).await;
    let elsewhere = scene.latchkey.tokens(&scene.alice, &scene.web, &[]).await;
    for hint in [text(&theirs, "id_token"), text(&elsewhere, "id_token")] {
        let address =
            scene.address(&[("id_token_hint", hint), ("post_logout_redirect_uri", AFTER)]);
        let page = scene.browser.arrive(&address).await.page();
        assert_eq!(page.url.path(), paths::LOGOUT, "{page}");
        assert!(scene.is_signed_in().await);
    }
}

#[tokio::test]
async fn what_cannot_be_trusted_is_refused_and_signs_nobody_out() {
    let mut scene = Scene::start().await;
    scene.latchkey.client(clients::other()).await;
    let hint = scene.hint.clone();
    let (before, signature) = hint.rsplit_once('.').expect("three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let tampered = format!("{before}.{first}{}", &signature[1..]);
    let unsigned = {
        let mut parts = hint.splitn(3, '.');
        format!("{}.{}.", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    };
    for parameters in [
        vec![("id_token_hint", "garbage")],
        vec![("id_token_hint", tampered.as_str())],
        vec![("id_token_hint", unsigned.as_str())],
        vec![("id_token_hint", &hint), ("client_id", "other")],
        vec![("id_token_hint", &hint), ("post_logout_redirect_uri", "https://evil.example/")],
        vec![("id_token_hint", &hint), ("post_logout_redirect_uri", "https://app.example/cb")],
        vec![
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", "https://app.example/signed-out/"),
        ],
        vec![
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", "https://other.example/signed-out"),
        ],
        vec![("client_id", "other"), ("post_logout_redirect_uri", AFTER)],
        vec![("client_id", "nobody"), ("post_logout_redirect_uri", AFTER)],
        vec![("post_logout_redirect_uri", AFTER)],
        vec![("client_id", "web"), ("client_id", "web")],
        vec![
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", AFTER),
            ("state", "a"),
            ("state", "b"),
        ],
    ] {
        let address = scene.address(&parameters);
        let arrival = scene.browser.arrive(&address).await;
        let Arrival::Page(page) = arrival else { panic!("{parameters:?}") };
        assert_eq!(page.status, 400, "{parameters:?}: {page}");
        assert!(page.attributes("a[href*='evil']", "href").is_empty());
        assert!(scene.is_signed_in().await, "{parameters:?}");
    }
}

#[tokio::test]
async fn who_is_signed_out_already_is_sent_on() {
    let scene = Scene::start().await;
    let mut stranger = scene.latchkey.browser();
    let address =
        scene.address(&[("id_token_hint", &scene.hint), ("post_logout_redirect_uri", AFTER)]);
    let came = stranger.arrive(&address).await.departure();
    assert_eq!(came.url.as_str(), AFTER, "no state was sent, none comes back");
    let page = stranger.arrive(&scene.address(&[])).await.page();
    assert!(page.says("signed out"), "{page}");
    let metadata = crate::support::endpoint::Credentials::None;
    let told = scene.latchkey.endpoints.get(paths::OPENID_CONFIGURATION, &metadata).await.good();
    assert_eq!(told["end_session_endpoint"], json!(scene.latchkey.at(paths::END_SESSION)));
}
