//! Cookies and the sessions behind them, over TLS as they are in the field (S-084 … S-090).

use std::sync::Arc;

use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::identity::people::{self, NewUser};
use latchkey::paths;
use latchkey::protocol::claims::StandardClaims;
use latchkey::secret::Random;
use latchkey::server::{Provider, Shutdown};
use reqwest::Client;
use secrecy::SecretString;
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{address, claims_of, exchange, sign_in, sign_in_with, text, totp, walk};
use crate::support::oracles::Oracles;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::program::free_port;
use crate::support::{Latchkey, START};

const SEED: &[u8] = b"twenty bytes of seed";
const SESSION: &str = "latchkey_session";

/// The whole provider behind TLS.
struct Secure {
    app: Arc<App>,
    clock: Clock,
    issuer: String,
    shutdown: Shutdown,
    _folder: tempfile::TempDir,
}

impl Secure {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let issuer = format!("https://localhost:{port}");
        let mut config = Config { issuer: issuer.clone(), ..Config::default() };
        config.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        config.keys.directory = folder.path().join("keys");
        config.server.listen = ([127, 0, 0, 1], port).into();
        config.server.management_listen = ([127, 0, 0, 1], 0).into();
        config.server.tls.ephemeral = true;
        let clock = Clock::manual(START);
        let provider =
            Provider::start(config, clock.clone(), Random::System).await.expect("it starts");
        let app = Arc::clone(provider.app());
        let shutdown = Shutdown::default();
        tokio::spawn(provider.serve(shutdown.clone()));
        Self { app, clock, issuer, shutdown, _folder: folder }
    }

    /// A client that takes the certificate made at start for what it is.
    fn http() -> Client {
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        builder.tls_danger_accept_invalid_certs(true).build().expect("an HTTP client")
    }

    fn browser(&self) -> Browser {
        let oracles = Oracles::new(&self.issuer);
        Browser::new(&self.issuer, oracles, self.clock.clone()).over(Self::http())
    }

    async fn alice(&self) -> TestUser {
        let new = NewUser {
            username: "alice".into(),
            email: None,
            email_verified: false,
            claims: StandardClaims::default(),
            password: Some(SecretString::from(PASSWORD)),
            admin: false,
        };
        let user = people::add_user(&self.app, new).await.expect("a person");
        TestUser {
            id: user.id,
            username: "alice".into(),
            email: String::new(),
            password: PASSWORD.into(),
        }
    }

    /// Where a browser with just this `Cookie` header ends that wants to see the account.
    async fn visit_with(&self, cookies: &[String]) -> (u16, String) {
        let url = format!("{}{}", self.issuer, paths::ACCOUNT_SECURITY);
        let mut request = Self::http().get(url);
        for cookie in cookies {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.expect("an answer");
        let to = answer.headers().get("location").map(|to| to.to_str().expect("ASCII").to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    }

    async fn is_anonymous(&self, cookies: &[String]) {
        let (status, to) = self.visit_with(cookies).await;
        assert_eq!(status, 303, "{cookies:.80?}");
        assert!(to.starts_with(paths::LOGIN), "{cookies:.80?}: {to}");
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.shutdown.immediately.cancel();
        self.shutdown.gracefully.cancel();
    }
}

fn session(browser: &Browser) -> String {
    browser.cookies().value(SESSION).expect("a session")
}

fn cookie(value: &str) -> Vec<String> {
    vec![format!("__Host-{SESSION}={value}")]
}

#[tokio::test(flavor = "multi_thread")]
async fn s_084_every_cookie_is_bound_to_this_host_and_says_nothing() {
    let secure = Secure::start().await;
    let alice = secure.alice().await;
    let login = Secure::http().get(format!("{}{}", secure.issuer, paths::LOGIN));
    let answer = login.send().await.expect("an answer");
    let line = answer.headers()["set-cookie"].to_str().expect("ASCII");
    let (name, rest) = line.split_once('=').expect("name=value");
    let value = rest.split(';').next().expect("a value");
    assert_eq!(name, "__Host-latchkey_browser");
    assert!(value.len() >= 22 && line.len() <= 4096, "{line}");
    let mut attributes: Vec<_> = rest.split("; ").skip(1).collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    // All others are looked at by the cookie jar itself.
    let mut browser = secure.browser();
    sign_in(&mut browser, &alice).await;
    let value = session(&browser);
    assert!(value.len() >= 22, "{value}");
    assert!(!value.contains("alice") && !value.contains(&alice.id), "{value}");
    assert_eq!(secure.visit_with(&cookie(&value)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_085_each_proof_gives_a_new_session_cookie_and_the_old_one_is_dead() {
    let secure = Secure::start().await;
    let alice = secure.alice().await;
    let mut browser = secure.browser();
    browser.open(paths::LOGIN).await;
    assert!(browser.cookies().value(SESSION).is_none(), "nothing before signing in");
    sign_in(&mut browser, &alice).await;
    let first = session(&browser);
    // Signing in again, as `prompt=login` asks.
    let again = browser.open(&format!("{}?switch=1", paths::LOGIN)).await;
    let again = again.fill("username", "alice").fill("password", PASSWORD);
    browser.submit(&again, "Sign in").await.page();
    let second = session(&browser);
    assert_ne!(first, second);
    secure.is_anonymous(&cookie(&first)).await;
    assert_eq!(secure.visit_with(&cookie(&second)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_085_between_password_and_code_there_is_no_session() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    latchkey.enrol(&alice, SEED).await;
    let mut browser = latchkey.browser();
    let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR);
    assert!(browser.cookies().value(SESSION).is_none());
    let owed = browser.cookies().value("latchkey_sign_in").expect("an interaction");
    let page = page.fill("code", &totp(SEED, latchkey.clock.now().seconds()));
    browser.submit(&page, "Verify").await.page();
    assert_ne!(session(&browser), owed);
    assert!(browser.cookies().value("latchkey_sign_in").is_none(), "it is taken away");
}

#[tokio::test(flavor = "multi_thread")]
async fn s_086_a_value_that_somebody_else_chose_is_not_taken_over() {
    let secure = Secure::start().await;
    let alice = secure.alice().await;
    let chosen = "A".repeat(43);
    let mut browser = secure.browser();
    let login = browser.open(paths::LOGIN).await;
    let own = browser.cookies().value("latchkey_browser").expect("a browser cookie");
    let fields = login.fill("username", "alice").fill("password", PASSWORD);
    let fields = fields.submission("Sign in").fields;
    let url = format!("{}{}", secure.issuer, paths::LOGIN);
    let cookies =
        format!("__Host-{SESSION}={chosen}; {SESSION}={chosen}; __Host-latchkey_browser={own}");
    let request = Secure::http().post(&url).form(&fields).header("cookie", cookies);
    let answer = request.header("origin", &secure.issuer).send().await.expect("an answer");
    // The form was made without that session, so it does not even count …
    assert_eq!(answer.status(), 403);
    secure.is_anonymous(&cookie(&chosen)).await;
    // … and beside a cookie of a subdomain, which has no prefix, it gives a value of our own.
    let cookies = format!("{SESSION}={chosen}; __Host-latchkey_browser={own}");
    let request = Secure::http().post(&url).form(&fields).header("cookie", cookies);
    let answer = request.header("origin", &secure.issuer).send().await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let set: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert!(!set.iter().any(|line| line.to_str().is_ok_and(|line| line.contains(&chosen))));
    // A session without the prefix does not count, even a real one.
    sign_in(&mut browser, &alice).await;
    let real = session(&browser);
    secure.is_anonymous(&[format!("{SESSION}={real}")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_090_a_changed_cookie_is_nobodys() {
    let secure = Secure::start().await;
    let alice = secure.alice().await;
    let mut browser = secure.browser();
    sign_in(&mut browser, &alice).await;
    let good = session(&browser);
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).expect("ASCII");
        secure.is_anonymous(&cookie(&flipped)).await;
    }
    let own = browser.cookies().value("latchkey_browser").expect("a browser cookie");
    let name = format!("__Host-{SESSION}");
    for cookies in [
        vec![format!("{name}={own}; __Host-latchkey_browser={good}")],
        vec![format!("{name}={}", "A".repeat(8 * 1024))],
        vec![format!("{name}={good}{good}")],
        vec![format!("{name}=")],
        vec![name.clone()],
        vec![format!("{name}={good}; {name}={good}")],
        vec![format!("{name}={good}; {name}=x")],
        vec![format!("{name}={good}"), format!("{name}=x")],
        vec![format!("{name}=\"{good}\"")],
        vec![";;;=;= ;".to_owned()],
        vec!["c=x; ".repeat(100) + "d=y"],
    ] {
        secure.is_anonymous(&cookies).await;
    }
    // Among many others ours is found.
    let many = "c=x; ".repeat(100);
    assert_eq!(secure.visit_with(&[format!("{many}{name}={good}")]).await.0, 200);
}

#[tokio::test]
async fn s_087_a_session_that_is_over_is_over_on_every_node() {
    let latchkey = Latchkey::start().await;
    let second = latchkey.another_node().await;
    let alice = latchkey.alice().await;
    let (idle, absolute) = {
        let rules = &latchkey.app.config.sessions;
        (rules.idle.get(), rules.absolute.get())
    };
    let anonymous = async |value: &str| {
        for socket in [&latchkey.issuer, &second.endpoints.socket()] {
            let url = format!("{socket}{}", paths::ACCOUNT_SECURITY);
            let request = crate::support::browser::http().get(url);
            let answer = request.header("cookie", format!("{SESSION}={value}")).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), 303, "at {socket}");
        }
    };
    // After signing out.
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let value = session(&browser);
    let logout = browser.open(paths::LOGOUT).await;
    browser.submit(&logout, "Sign out").await.page();
    anonymous(&value).await;
    // After a time without a sign of life; the stale cookie does not bring it back.
    sign_in(&mut browser, &alice).await;
    let value = session(&browser);
    latchkey.pass_seconds(idle.as_secs() - 1);
    assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::ACCOUNT_SECURITY);
    latchkey.pass(idle);
    anonymous(&value).await;
    anonymous(&value).await;
    // In the end whatever the person does.
    sign_in(&mut browser, &alice).await;
    let value = session(&browser);
    let mut left = absolute;
    while left > idle / 2 {
        latchkey.pass(idle / 2);
        left -= idle / 2;
        browser.open(paths::ACCOUNT_SECURITY).await;
    }
    latchkey.pass(left);
    anonymous(&value).await;
}

#[tokio::test]
async fn s_088_the_next_person_in_this_browser_inherits_nothing() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut browser = latchkey.browser();
    // Alice allows the application and leaves a second request at its consent page.
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let asked = [("prompt", "consent"), ("state", "hers")];
    let left = browser.arrive(&address(&latchkey.issuer, &web, &asked)).await.page();
    let hers = session(&browser);
    // Only her session's cookie is lost; Bob comes.
    browser.cookies().replace(SESSION, "");
    sign_in(&mut browser, &bob).await;
    let page = browser.submit(&left, "allow").await.page();
    assert_eq!(page.status, 403, "her form is not his: {page}");
    let arrival = browser.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    assert!(arrival.has("allow"), "her consent is not his: {arrival}");
    let came =
        walk(&mut browser, &bob, crate::support::browser::Arrival::Page(Box::new(arrival))).await;
    let code = came.parameter("code").expect("a code");
    let his = exchange(&latchkey.endpoints, &web.credentials(), &web, &code).await.good();
    assert_eq!(claims_of(text(&his, "id_token"))["sub"], json!(bob.id));
    assert_ne!(session(&browser), hers);
    // Her own tokens are still hers.
    let told = latchkey.userinfo(text(&tokens, "access_token")).await.good();
    assert_eq!(told["sub"], json!(alice.id));
}

#[tokio::test]
async fn s_088_a_session_that_another_person_signs_in_over_ends() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut browser = latchkey.browser();
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let switch = browser.open(&format!("{}?switch=1", paths::LOGIN)).await;
    let switch = switch.fill("username", "bob").fill("password", &bob.password);
    browser.submit(&switch, "Sign in").await.page();
    latchkey.userinfo(text(&tokens, "access_token")).await.refuses(401, "invalid_token");
    assert_eq!(latchkey.count("session_ended", &alice).await, 1, "she can see that it did");
}

#[tokio::test]
async fn s_089_a_locked_person_is_out_of_every_browser_at_once() {
    let latchkey = Latchkey::start().await;
    let second = latchkey.another_node().await;
    let alice = latchkey.alice().await;
    let mut browsers = vec![latchkey.browser(), latchkey.browser(), latchkey.browser()];
    let mut values = Vec::new();
    for browser in &mut browsers {
        sign_in(browser, &alice).await;
        values.push(session(browser));
    }
    let sees = async |socket: &str, value: &str| {
        let request =
            crate::support::browser::http().get(format!("{socket}{}", paths::ACCOUNT_SECURITY));
        let answer = request.header("cookie", format!("{SESSION}={value}")).send().await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(sees(&second.endpoints.socket(), &values[2]).await, 200);
    people::lock(&latchkey.app, "alice", "stolen").await.expect("locked");
    for value in &values {
        assert_eq!(sees(&second.endpoints.socket(), value).await, 303);
        assert_eq!(sees(&latchkey.issuer, value).await, 303);
    }
    let page = sign_in_with(&mut browsers[0], "alice", PASSWORD).await;
    assert!(!page.status.is_success(), "{page}");
    assert!(browsers[0].cookies().value(SESSION).is_none_or(|value| values.contains(&value)));
    people::unlock(&latchkey.app, "alice").await.expect("unlocked");
    assert_eq!(sees(&latchkey.issuer, &values[1]).await, 303, "what has ended stays ended");
}
