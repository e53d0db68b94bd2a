//! The suite's part: its clients, its person, its browser, and what it checks on every way.

use latchkey::paths;
use latchkey::secret::Random;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::checks;
use super::flow::{End, Issued, Outcome, Request};
use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser, Departure};
use crate::support::clients::TestClient;
use crate::support::endpoint::{Answer, Credentials, check_description};
use crate::support::page::{Page, Submission};
use crate::support::people::{TestUser, all_claims};

/// What differs between the plans that run the same modules.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The `response_mode` that requests ask for; `None` sends none, which means `query`.
    pub response_mode: Option<&'static str>,
}

/// A run of one module.
pub struct Suite {
    pub latchkey: Latchkey,
    pub plan: Plan,
    pub client: TestClient,
    pub second_client: TestClient,
    pub user: TestUser,
    pub browser: Browser,
    pub metadata: Value,
    pub keys: Value,
}

impl Suite {
    /// What every module begins with: metadata, keys, clients.
    pub async fn set_up(plan: Plan) -> Self {
        let latchkey = Latchkey::start().await;
        let user = latchkey.person("alice", all_claims()).await;
        // A secret that comes out wrong unless Basic credentials are form-decoded.
        let secret = "s+cr%41t/with:odd&chars=and~more";
        let client = latchkey.client_with_secret(metadata_of("suite"), secret).await;
        let second_client = latchkey.client(metadata_of("suite2")).await;
        let answer = latchkey.endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None).await;
        let metadata = answer.good();
        assert_eq!(metadata["issuer"], latchkey.issuer);
        let keys = latchkey.endpoints.get(text(&metadata, "jwks_uri"), &Credentials::None).await;
        let keys = keys.good();
        checks::key_set(&keys);
        let methods = checks::list(&metadata, "token_endpoint_auth_methods_supported");
        assert!(methods.contains(&"client_secret_basic"), "{methods:?}");
        assert!(methods.contains(&"client_secret_post"), "{methods:?}");
        let browser = latchkey.browser();
        Self { latchkey, plan, client, second_client, user, browser, metadata, keys }
    }

    /// The usual request: code flow, `openid`, a `state` of 128 characters and a nonce.
    pub fn request(&self) -> Request {
        self.request_by(&self.client)
    }

    /// The usual request of another client.
    pub fn request_by(&self, client: &TestClient) -> Request {
        let request = Request { client: client.clone(), parameters: Vec::new() };
        let mut request = request
            .with("client_id", &client.id)
            .with("redirect_uri", &client.redirect_uri)
            .with("scope", "openid")
            .with("state", &random_text(128))
            .with("nonce", &random_text(10))
            .with("response_type", "code");
        if let Some(mode) = self.plan.response_mode {
            request = request.with("response_mode", mode);
        }
        request
    }

    /// Sends the browser there and does what the pages ask for.
    pub async fn authorize(&mut self, request: &Request) -> Outcome {
        let address = self.address(request);
        let arrival = self.browser.arrive(address.as_str()).await;
        self.walk(request, arrival).await
    }

    /// The request as an address.
    pub fn address(&self, request: &Request) -> Url {
        let endpoint = text(&self.metadata, "authorization_endpoint");
        Url::parse_with_params(endpoint, &request.parameters).expect("an address")
    }

    /// Does what the pages ask for until the client or an error page is reached.
    pub async fn walk(&mut self, request: &Request, mut arrival: Arrival) -> Outcome {
        let (mut sign_ins, mut consents) = (0, 0);
        for _ in 0..8 {
            let page = match arrival {
                Arrival::Client(departure) => {
                    self.check_arrival(request, &departure);
                    return Outcome { sign_ins, consents, end: End::Answer(departure) };
                }
                Arrival::Page(page) => page,
            };
            arrival = if page.has("password") {
                sign_ins += 1;
                let filled = page
                    .fill("username", &self.user.username)
                    .fill("password", &self.user.password);
                let form = filled.form_with("password").submission(None);
                self.browser.send(&filled, form).await
            } else if page.has("allow") {
                consents += 1;
                self.browser.submit(&page, "allow").await
            } else if let Some(form) = self.answering_form(request, &page) {
                self.browser.send(&page, form).await
            } else {
                return Outcome { sign_ins, consents, end: End::ErrorPage(page) };
            };
        }
        panic!("the pages lead in a circle: {sign_ins} sign-ins, {consents} consents");
    }

    /// The form that carries an answer to the client; it must be able to send itself.
    fn answering_form(&self, request: &Request, page: &Page) -> Option<Submission> {
        let home = Url::parse(&self.latchkey.issuer).expect("a URL").origin();
        let form = page.forms().iter().find(|form| form.action.origin() != home)?;
        assert_eq!(form.action.as_str(), request.client.redirect_uri);
        assert_eq!(form.method, "post");
        let nonces = page.attributes("script:not([src])", "nonce");
        assert_eq!(nonces.len(), 1, "one script that posts the form: {}", page.body);
        let policy = page.headers.get("content-security-policy").and_then(|v| v.to_str().ok());
        let allowed = format!("script-src 'nonce-{}'", nonces[0]);
        assert!(policy.is_some_and(|policy| policy.contains(&allowed)), "{policy:?}");
        Some(form.submission(None))
    }

    /// However it ended: by the mode that was asked for, with nothing but known parameters, our
    /// `state` and the right `iss`.
    fn check_arrival(&self, request: &Request, came: &Departure) {
        let known: &[&str] = match came.parameter("error") {
            Some(_) => {
                &["error", "error_description", "error_uri", "state", "session_state", "iss"]
            }
            None => &["code", "state", "session_state", "iss"],
        };
        for (name, _) in came.parameters() {
            assert!(known.contains(&name.as_str()), "unknown parameter {name} in {came:?}");
        }
        assert!(came.url.as_str().starts_with(&request.client.redirect_uri), "{}", came.url);
        assert!(matches!(came.url.fragment(), None | Some("")), "a fragment: {}", came.url);
        if request.get("response_mode") == Some("form_post") {
            assert_eq!(came.method, Method::POST, "{}", came.url);
            assert_eq!(came.url.query(), None, "an answer by form is not in the query too");
        } else {
            assert_eq!(came.method, Method::GET, "{}", came.url);
        }
        assert_eq!(came.parameter("state").as_deref(), request.get("state"), "the state");
        assert_eq!(came.parameter("iss").as_deref(), Some(self.latchkey.issuer.as_str()));
        if let Some(description) = came.parameter("error_description") {
            check_description(&description);
        }
    }

    /// Walks to a code and exchanges it; checks all that the suite checks on the way.
    pub async fn succeed(&mut self, request: &Request) -> (Outcome, Issued) {
        let outcome = self.authorize(request).await;
        let issued = self.issue(request, &outcome).await;
        (outcome, issued)
    }

    /// Exchanges the code that came.
    pub async fn issue(&self, request: &Request, outcome: &Outcome) -> Issued {
        let code = outcome.code();
        checks::entropy("the code", &code);
        let answer = self.exchange(request, &code).await;
        let tokens = checks::token_response(&answer);
        let (header, id) = checks::id_token(self, request, &tokens, &code);
        Issued { code, tokens, id, header }
    }

    /// Sends a code to the token endpoint.
    pub async fn exchange(&self, request: &Request, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", request.client.redirect_uri.as_str()),
        ];
        self.token_request(&request.client, &form).await
    }

    /// Sends a form to the token endpoint.
    pub async fn token_request(&self, client: &TestClient, form: &[(&str, &str)]) -> Answer {
        let endpoint = text(&self.metadata, "token_endpoint");
        self.latchkey.endpoints.post(endpoint, &client.credentials(), form).await
    }

    /// What the userinfo endpoint tells by `GET`, checked.
    pub async fn userinfo(&self, issued: &Issued) -> Value {
        let bearer = Credentials::Bearer(issued.access_token().to_owned());
        let endpoint = text(&self.metadata, "userinfo_endpoint");
        let answer = self.latchkey.endpoints.get(endpoint, &bearer).await;
        checks::userinfo(&answer, issued)
    }
}

/// The member `name` as text; fails if it is anything else.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is not text in {value}"))
}

/// Letters and digits that nobody can guess.
pub fn random_text(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text += &Random::System.token("");
    }
    text.truncate(length);
    text
}

/// A client as the suite's documentation tells operators to register it.
pub fn metadata_of(id: &str) -> Value {
    json!({
        "client_id": id,
        "client_name": format!("Conformance {id}"),
        "redirect_uris": [format!("https://{id}.conformance.example/test/a/latchkey/callback")],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "openid profile email address phone offline_access",
        "contacts": ["certification@conformance.example"],
    })
}
