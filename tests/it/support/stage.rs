//! The usual play: an application asks, a person signs in and allows, tokens come of it.

use latchkey::paths;
use latchkey::secret::{Random, sha256};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Latchkey;
use super::browser::{Arrival, Browser, Departure};
use super::clients::{self, TestClient};
use super::endpoint::{Answer, Credentials, Endpoints};
use super::page::Page;
use super::people::TestUser;

/// An instance with its cast.
pub struct Stage {
    pub latchkey: Latchkey,
    pub alice: TestUser,
    /// Alice's.
    pub browser: Browser,
    /// The confidential application.
    pub web: TestClient,
    /// May introspect everything.
    pub rs: TestClient,
}

/// An authorization request, with what its client keeps to itself.
#[derive(Clone, Debug)]
pub struct Ask {
    pub client: TestClient,
    pub parameters: Vec<(String, String)>,
    pub verifier: Option<String>,
}

/// What a token request brought; empty where nothing came.
#[derive(Clone, Debug)]
pub struct Grant {
    pub access: String,
    pub refresh: String,
    pub id: String,
    pub body: Value,
}

impl Ask {
    /// The usual request of a client: scope `openid`, PKCE, `state` and nonce.
    pub fn of(client: &TestClient) -> Self {
        let verifier = Random::System.token("");
        let ask = Self { client: client.clone(), parameters: Vec::new(), verifier: None };
        let ask = ask
            .with("client_id", &client.id)
            .with("redirect_uri", &client.redirect_uri)
            .with("response_type", "code")
            .with("scope", "openid")
            .with("state", &Random::System.token(""))
            .with("nonce", &Random::System.token(""))
            .with("code_challenge", &sha256(&verifier))
            .with("code_challenge_method", "S256");
        Self { verifier: Some(verifier), ..ask }
    }

    /// With this parameter, in place of one of the same name.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With one more parameter.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(key, _)| key != name);
        self
    }

    /// Without PKCE.
    #[must_use]
    pub fn without_pkce(self) -> Self {
        let ask = self.without("code_challenge").without("code_challenge_method");
        Self { verifier: None, ..ask }
    }

    pub fn get(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The request as an address.
    pub fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("{}?{}", paths::AUTHORIZE, query.extend_pairs(&self.parameters).finish())
    }

    /// The form that redeems `code` for this request.
    pub fn redemption<'a>(&'a self, code: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.get("redirect_uri")),
        ];
        form.extend(self.verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
        form
    }
}

impl Stage {
    /// An instance of its own, with the usual configuration.
    pub async fn set() -> Self {
        Self::on(Latchkey::start().await).await
    }

    /// On this instance.
    pub async fn on(latchkey: Latchkey) -> Self {
        let alice = latchkey.alice().await;
        let web = latchkey.client(clients::web()).await;
        let rs = latchkey.client(clients::rs()).await;
        let browser = latchkey.browser();
        Self { latchkey, alice, browser, web, rs }
    }

    /// The usual request of the usual client.
    pub fn ask(&self) -> Ask {
        Ask::of(&self.web)
    }

    /// The same with `offline_access`.
    pub fn ask_offline(&self) -> Ask {
        self.ask().with("scope", "openid offline_access")
    }

    /// Alice does what the pages ask for.
    pub async fn walk(&mut self, ask: &Ask) -> Arrival {
        let arrival = self.browser.arrive(&ask.address()).await;
        walk_on(&mut self.browser, &self.alice, arrival).await
    }

    /// The same, up to a code.
    pub async fn code(&mut self, ask: &Ask) -> String {
        let departure = self.walk(ask).await.departure();
        let code = departure.parameter("code");
        code.unwrap_or_else(|| panic!("no code came: {}", departure.url))
    }

    /// The same, up to tokens.
    pub async fn grant(&mut self, ask: &Ask) -> Grant {
        let code = self.code(ask).await;
        Grant::read(&self.redeem(ask, &code).await)
    }

    /// A token request of `client`.
    pub async fn token(&self, client: &TestClient, form: &[(&str, &str)]) -> Answer {
        self.latchkey.endpoints.post(paths::TOKEN, &client.credentials(), form).await
    }

    /// Redeems a code as its client would.
    pub async fn redeem(&self, ask: &Ask, code: &str) -> Answer {
        self.token(&ask.client, &ask.redemption(code)).await
    }

    /// Redeems a refresh token of the usual client.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.refresh_by(&self.web, token).await
    }

    /// Redeems a refresh token.
    pub async fn refresh_by(&self, client: &TestClient, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(client, &form).await
    }

    /// Whether an access token counts: the userinfo endpoint and introspection must agree.
    pub async fn is_alive(&self, access: &str) -> bool {
        is_alive(&self.latchkey.endpoints, &self.rs, access).await
    }

    /// Fails unless access and refresh token of `grant` are dead.
    pub async fn is_dead(&self, what: &str, grant: &Grant) {
        assert!(!self.is_alive(&grant.access).await, "{what}: the access token lives");
        if !grant.refresh.is_empty() {
            let answer = self.refresh(&grant.refresh).await;
            assert_eq!(answer.status, 400, "{what}: {answer}");
            answer.refuses(400, "invalid_grant");
        }
    }

    /// The same for the tokens of another client.
    pub async fn is_dead_to(&self, client: &TestClient, grant: &Grant) {
        assert!(!self.is_alive(&grant.access).await, "the access token of {} lives", client.id);
        self.refresh_by(client, &grant.refresh).await.refuses(400, "invalid_grant");
    }

    /// Fails unless the client is told `error`, with the right `state` and `iss` and no code.
    pub fn refused(&self, what: &str, ask: &Ask, arrival: Arrival, error: &str) {
        let told = match arrival {
            Arrival::Client(departure) => departure,
            Arrival::Page(page) => panic!("{what}: instead of {error}, {page}"),
        };
        self.check_answer(what, ask, &told);
        assert_eq!(told.parameter("error").as_deref(), Some(error), "{what}: {}", told.url);
        assert_eq!(told.parameter("code"), None, "{what}: {}", told.url);
    }

    /// `state` as it was sent, and `iss` (RFC 9207).
    pub fn check_answer(&self, what: &str, ask: &Ask, told: &Departure) {
        assert!(told.url.as_str().starts_with(ask.get("redirect_uri")), "{what}: {}", told.url);
        let state = told.parameter("state").unwrap_or_default();
        assert_eq!(state, ask.get("state"), "{what}: {}", told.url);
        let issuer = Some(self.latchkey.issuer.as_str());
        assert_eq!(told.parameter("iss").as_deref(), issuer, "{what}: {}", told.url);
    }
}

/// Whether an access token counts: the userinfo endpoint and introspection must agree.
pub async fn is_alive(endpoints: &Endpoints, rs: &TestClient, access: &str) -> bool {
    let bearer = Credentials::Bearer(access.to_owned());
    let told = endpoints.get(paths::USERINFO, &bearer).await;
    let form = [("token", access)];
    let seen = endpoints.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    let active = seen["active"].as_bool().expect("active is a truth value");
    assert_eq!(active, told.status == 200, "introspection {seen}, userinfo {told}");
    if !active {
        told.refuses(401, "invalid_token");
        assert_eq!(seen, json!({ "active": false }), "a dead token tells nothing");
    }
    active
}

/// Does what the pages ask for, as `user`, until the client or another page is reached.
pub async fn walk_on(browser: &mut Browser, user: &TestUser, mut arrival: Arrival) -> Arrival {
    for _ in 0..6 {
        let page = match arrival {
            Arrival::Page(page) if page.has("password") || page.has("allow") => page,
            ended => return ended,
        };
        arrival = if page.has("password") {
            sign_in(browser, *page, user).await
        } else {
            browser.submit(&page, "allow").await
        };
    }
    panic!("the pages lead in a circle")
}

/// Fills and sends the form of the page that asks for name and password.
pub async fn sign_in(browser: &mut Browser, page: Page, user: &TestUser) -> Arrival {
    let page = page.fill("username", &user.username).fill("password", &user.password);
    let form = page.form_with("password").submission(None);
    browser.send(&page, form).await
}

/// ERRPAGE: our own 4xx page, which leads nowhere and repeats nothing of `raw`.
pub fn error_page(what: &str, arrival: Arrival, raw: &str) -> Page {
    let page = match arrival {
        Arrival::Page(page) => *page,
        Arrival::Client(to) => panic!("{what}: instead of an error page, {}", to.url),
    };
    assert!(page.status.is_client_error(), "{what}: {page}");
    assert!(!page.has("password"), "{what}: {page}");
    assert!(!page.body.contains("http-equiv=\"refresh\""), "{what}: {}", page.body);
    if raw.len() > 8 {
        assert!(!page.body.contains(raw), "{what}: the error page repeats {raw}");
    }
    page
}

impl Grant {
    /// Reads a good token response.
    pub fn read(answer: &Answer) -> Self {
        let body = answer.good();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (access, refresh, id) = (text("access_token"), text("refresh_token"), text("id_token"));
        Self { access, refresh, id, body }
    }
}

impl Latchkey {
    /// Lets redirects lead to `uri`.
    pub fn allow_redirects_to(&self, uri: &str) {
        self.oracles.allow(uri);
    }
}
