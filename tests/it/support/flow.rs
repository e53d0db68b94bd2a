//! From an authorization request to tokens in a few words.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::identity::two_factor::{SEED, seed_place};
use latchkey::paths;
use latchkey::store::credentials::{self, TotpCredential};
use reqwest::Url;
use serde_json::{Value, json};

use super::Latchkey;
use super::browser::{Arrival, Browser, Departure};
use super::clients::{AssertionKey, TestClient};
use super::endpoint::{Answer, Credentials, Endpoints};
use super::people::TestUser;

/// The verifier of RFC 7636 appendix B …
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// … and its challenge.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The address of an authorization request: the usual parameters, with `more` in place of those
/// of the same name, and without those that it leaves empty.
pub fn address(issuer: &str, client: &TestClient, more: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("scope", "openid profile email"),
        ("state", "st-8fe2"),
        ("nonce", "n-0S6_WzA2Mj"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    parameters.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    let endpoint = latchkey::paths::absolute(issuer, paths::AUTHORIZE);
    Url::parse_with_params(&endpoint, &parameters).expect("an address").into()
}

/// Does as `user` what the pages ask for, until the client is reached.
pub async fn walk(browser: &mut Browser, user: &TestUser, mut arrival: Arrival) -> Departure {
    for _ in 0..8 {
        let page = match arrival {
            Arrival::Client(came) => return came,
            Arrival::Page(page) => *page,
        };
        arrival = if page.has("password") {
            type_in(browser, page, &user.username, &user.password).await
        } else if page.has("allow") {
            browser.submit(&page, "allow").await
        } else {
            panic!("nothing to do here: {page}");
        };
    }
    panic!("the pages lead in a circle");
}

/// Signs `user` in at our own pages; the browser ends at the account's overview.
pub async fn sign_in(browser: &mut Browser, user: &TestUser) {
    let page = sign_in_with(browser, &user.username, &user.password).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
}

/// Types a name and a password; the page that comes.
pub async fn sign_in_with(
    browser: &mut Browser,
    username: &str,
    password: &str,
) -> super::page::Page {
    let login = browser.open(paths::LOGIN).await;
    type_in(browser, login, username, password).await.page()
}

/// Fills the form of a login page and sends it by Enter.
pub async fn type_in(
    browser: &mut Browser,
    login: super::page::Page,
    username: &str,
    password: &str,
) -> Arrival {
    let filled = login.fill("username", username).fill("password", password);
    let form = filled.form_with("password").submission(None);
    browser.send(&filled, form).await
}

/// Exchanges a code that [`address`] asked for.
pub async fn exchange(
    endpoints: &Endpoints,
    credentials: &Credentials,
    client: &TestClient,
    code: &str,
) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    endpoints.post(paths::TOKEN, credentials, &form).await
}

impl Latchkey {
    /// A fresh code for `client` from `user`, who sits before `browser`.
    pub async fn code(
        &self,
        browser: &mut Browser,
        user: &TestUser,
        client: &TestClient,
        more: &[(&str, &str)],
    ) -> String {
        let arrival = browser.arrive(&address(&self.issuer, client, more)).await;
        let came = walk(browser, user, arrival).await;
        came.parameter("code").unwrap_or_else(|| panic!("no code: {}", came.url))
    }

    /// The token response for `client` from `user` in a browser of its own.
    pub async fn tokens(
        &self,
        user: &TestUser,
        client: &TestClient,
        more: &[(&str, &str)],
    ) -> Value {
        self.tokens_in(&mut self.browser(), user, client, more).await
    }

    /// The token response for `client` from `user`, who sits before `browser`.
    pub async fn tokens_in(
        &self,
        browser: &mut Browser,
        user: &TestUser,
        client: &TestClient,
        more: &[(&str, &str)],
    ) -> Value {
        let code = self.code(browser, user, client, more).await;
        exchange(&self.endpoints, &client.credentials(), client, &code).await.good()
    }

    /// What the introspection endpoint tells `caller` of `token`.
    pub async fn introspect(&self, caller: &TestClient, token: &str) -> Value {
        introspect(&self.endpoints, caller, token).await
    }

    /// What the userinfo endpoint answers to `token`.
    pub async fn userinfo(&self, token: &str) -> Answer {
        self.endpoints.get(paths::USERINFO, &Credentials::Bearer(token.to_owned())).await
    }

    /// The claims of a client assertion that is good now.
    pub fn assertion_claims(&self, client: &TestClient) -> Value {
        let now = self.clock.now();
        json!({
            "iss": client.id, "sub": client.id, "aud": self.issuer,
            "jti": self.app.random.id(now), "iat": now.seconds(), "exp": now.seconds() + 60,
        })
    }

    /// An assertion that is good now.
    pub fn assertion(&self, client: &TestClient, key: &AssertionKey) -> Credentials {
        Credentials::Assertion(key.sign(&self.assertion_claims(client)))
    }

    /// Gives `user` an authenticator app with this seed, as enrolling would.
    pub async fn enrol(&self, user: &TestUser, seed: &[u8]) {
        let now = self.clock.now();
        let sealed = self.app.master.seal(SEED, &seed_place(&user.id), seed).expect("it seals");
        let credential = TotpCredential {
            id: self.app.random.id(now),
            user_id: user.id.clone(),
            name: "Phone".into(),
            sealed_seed: sealed,
            last_step: 0,
            created_at: now,
            confirmed_at: Some(now),
            last_used_at: None,
        };
        let mut db = self.app.store.write().await.expect("a write");
        credentials::insert_totp(&mut db, &credential).await.expect("an authenticator");
        db.commit().await.expect("it is written");
    }
}

/// What the introspection endpoint tells `caller` of `token`.
pub async fn introspect(endpoints: &Endpoints, caller: &TestClient, token: &str) -> Value {
    endpoints.post(paths::INTROSPECT, &caller.credentials(), &[("token", token)]).await.good()
}

/// The time-based code of `seed` (RFC 6238) at this second.
pub fn totp(seed: &[u8], seconds: i64) -> String {
    let step = u64::try_from(seconds / 30).expect("after 1970");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let mac = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes"));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// The claims of a JWT, unverified.
pub fn claims_of(jwt: &str) -> Value {
    part_of(jwt, 1)
}

/// The header of a JWT.
pub fn header_of(jwt: &str) -> Value {
    part_of(jwt, 0)
}

fn part_of(jwt: &str, at: usize) -> Value {
    let part = jwt.split('.').nth(at).expect("a JWT has three parts");
    let json = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}

/// The member `name` as text.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is not text in {value}"))
}

/// Posts a form of `browser`'s with exactly these headers beside its cookies.
pub async fn post_raw(
    browser: &Browser,
    url: &Url,
    fields: &[(String, String)],
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields.iter().map(|(name, value)| (name, value)))
        .finish();
    let mut request = super::browser::http().post(url.clone()).body(body);
    let cookies = browser.cookies().header(url, false);
    if let Some(cookies) = cookies {
        request = request.header("cookie", cookies);
    }
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/x-www-form-urlencoded");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let began = std::time::Instant::now();
    let answer = request.send().await.expect("an answer");
    browser.judge(url, &answer, began);
    answer
}
