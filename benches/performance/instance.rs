//! An instance with people, clients, codes and tokens, and what is asked of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::identity::clients::{ClientSecret, register};
use latchkey::identity::people::{NewUser, add_user};
use latchkey::identity::sessions::{self, Arrival, Proof, Whereabouts};
use latchkey::paths;
use latchkey::protocol::scope::Scope;
use latchkey::secret::{Random, sha256};
use latchkey::store::authorization_requests::{Code, insert_code};
use latchkey::store::authorizations::{self, Authorization};
use latchkey::store::consents;
use latchkey::store::sessions::BrowserSession;
use serde_json::{Value, json};

use crate::load::{self, Script};
use crate::process::{Place, Process};

/// Connections that ask at the same time.
pub const CONNECTIONS: usize = 32;
/// Browsers that sign in at the same time: more than wait for a password hash are sent away.
pub const BROWSERS: usize = 8;
/// Access tokens that are introspected in turn.
const TOKENS: usize = 500;
/// Codes that one transaction keeps.
const BATCH: usize = 1000;

const REDIRECT: &str = "https://app.example/cb";
const SCOPE: &str = "openid profile email offline_access";
const PASSWORD: &str = "correct horse battery 9!";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

type Codes = Arc<Mutex<VecDeque<String>>>;

/// The scripts for all that is measured.
pub struct Scripts {
    /// Reads the metadata.
    pub discovery: Vec<Script>,
    /// Gets a token for a client itself.
    pub client_credentials: Vec<Script>,
    /// Exchanges codes, each once, for tokens with an ID token.
    pub code_exchange: Vec<Script>,
    /// Exchanges each refresh token for its successor, with an ID token.
    pub refresh: Vec<Script>,
    /// Introspects people's access tokens.
    pub introspection: Vec<Script>,
    /// Signs in with a password.
    pub login: Vec<Script>,
}

/// Who asks.
struct Clients {
    address: SocketAddr,
    web: String,
    machine: String,
    resource_server: String,
}

/// Fills the database of `place`, whose provider is `process`, with `codes` codes and more.
pub async fn prepare(place: &Place, process: &Process, codes: usize) -> anyhow::Result<Scripts> {
    let app = App::start(place.config()?, Clock::System, Random::System).await?;
    let clients = Clients {
        address: process.address,
        web: client(&app, web()).await?,
        machine: client(&app, machine()).await?,
        resource_server: client(&app, resource_server()).await?,
    };
    let person = NewUser {
        username: "alice".into(),
        email: Some("alice@people.example".into()),
        email_verified: true,
        password: Some(PASSWORD.into()),
        ..NewUser::default()
    };
    let user = add_user(&app, person).await?;
    let mut db = app.store.write().await?;
    let arrival = Arrival {
        user: &user,
        proof: &Proof::password(app.clock.now()),
        whereabouts: &Whereabouts::default(),
        before: None,
        remembered: false,
        hash: None,
        pending: None,
        trusts: false,
    };
    let (_, session) = sessions::start(&app, &mut db, &arrival).await?;
    db.commit().await?;
    let codes = make_codes(&app, &session, codes + TOKENS + CONNECTIONS).await?;
    app.store.close().await;
    clients.scripts(codes).await
}

fn web() -> Value {
    json!({
        "client_id": "web", "client_name": "Photo Printer", "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic", "scope": SCOPE,
    })
}

fn machine() -> Value {
    json!({
        "client_id": "machine", "client_name": "Nightly Report", "redirect_uris": [],
        "grant_types": ["client_credentials"], "response_types": [],
        "token_endpoint_auth_method": "client_secret_basic", "scope": "reports",
    })
}

fn resource_server() -> Value {
    json!({
        "client_id": "storage", "client_name": "Photo Storage", "redirect_uris": [],
        "grant_types": [], "response_types": [],
        "token_endpoint_auth_method": "client_secret_basic", "introspection": "any",
    })
}

/// Registers a client and gives the header it authenticates with.
async fn client(app: &App, metadata: Value) -> anyhow::Result<String> {
    let (client, secret) = register(app, metadata, ClientSecret::Generated).await?;
    let secret = secret.context("a confidential client has a secret")?;
    let pair = STANDARD.encode(format!("{}:{secret}", client.id));
    Ok(format!("authorization: Basic {pair}\r\n"))
}

/// Codes as the end of an authorization request leaves them, an authorization each.
async fn make_codes(app: &App, session: &BrowserSession, count: usize) -> anyhow::Result<Codes> {
    let now = app.clock.now();
    let scope = Scope::parse(SCOPE).map_err(|error| anyhow::anyhow!("{}", error.description))?;
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    let expires_at = now + *app.config.tokens.refresh_absolute_confidential;
    let mut db = app.store.write().await?;
    let id = app.random.id(now);
    let consent =
        consents::allow(&mut db, &id, &session.user_id, "web", &scope, now).await?.consent;
    let mut codes = VecDeque::new();
    while codes.len() < count {
        if codes.len() % BATCH == BATCH - 1 {
            db.commit().await?;
            db = app.store.write().await?;
        }
        let code = app.random.token("lk_ac_");
        let authorization = Authorization {
            id: app.random.id(now),
            consent_id: consent.id.clone(),
            user_id: session.user_id.clone(),
            client_id: "web".into(),
            session_id: session.id.clone(),
            scope: scope.clone(),
            claims: serde_json::from_value(json!({}))?,
            resource: String::new(),
            nonce: Some(app.random.token("")),
            auth_time: session.auth_time,
            acr: session.acr.clone(),
            amr: session.amr.clone(),
            offline_at: Some(now),
            created_at: now,
            redeemed_at: None,
            expires_at,
            idle_expires_at: now + *app.config.tokens.refresh_idle,
            generation: 1,
            previous_generation: None,
            rotated_at: None,
            seen_generation: 1,
            revoked_at: None,
            revoke_reason: None,
        };
        authorizations::insert(&mut db, &authorization).await?;
        let kept = Code {
            code_hash: sha256(&code),
            authorization_id: authorization.id,
            client_id: "web".into(),
            redirect_uri: REDIRECT.into(),
            code_challenge: Some(challenge.clone()),
            created_at: now,
            expires_at,
            consumed_at: None,
        };
        insert_code(&mut db, &kept).await?;
        codes.push_back(code);
    }
    db.commit().await?;
    Ok(Arc::new(Mutex::new(codes)))
}

fn take(codes: &Codes) -> Option<String> {
    codes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// The same requests again and again, `offset` first.
fn repeating(requests: Arc<Vec<Vec<u8>>>, offset: usize) -> Script {
    let mut next = offset;
    Box::new(move |_| {
        next += 1;
        requests.get(next % requests.len()).cloned()
    })
}

fn all_repeating(requests: Vec<Vec<u8>>, connections: usize) -> Vec<Script> {
    let requests = Arc::new(requests);
    let apart = requests.len().div_ceil(connections);
    (0..connections).map(|number| repeating(Arc::clone(&requests), number * apart)).collect()
}

/// One request, again and again, on each connection.
pub fn one(request: Vec<u8>) -> Vec<Script> {
    all_repeating(vec![request], CONNECTIONS)
}

fn redemption(address: SocketAddr, client: &str, code: &str) -> Vec<u8> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    load::post(address, paths::TOKEN, client, &form)
}

fn member(body: &[u8], name: &str) -> anyhow::Result<String> {
    let value: Value = serde_json::from_slice(body)?;
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("an answer without {name}: {value}"))
}

impl Clients {
    async fn scripts(self, codes: Codes) -> anyhow::Result<Scripts> {
        let grant = [("grant_type", "client_credentials")];
        let own = load::post(self.address, paths::TOKEN, &self.machine, &grant);
        let mut introspections = Vec::new();
        for _ in 0..TOKENS {
            let token = member(&self.redeem(&codes).await?, "access_token")?;
            let form = [("token", token.as_str())];
            introspections.push(load::post(
                self.address,
                paths::INTROSPECT,
                &self.resource_server,
                &form,
            ));
        }
        let active = load::once(self.address, introspections.first().context("a token")?).await?;
        let active: Value = serde_json::from_slice(&active.body)?;
        ensure!(
            active.get("active") == Some(&json!(true)),
            "a token that does not count: {active}"
        );
        let mut refresh = Vec::new();
        for _ in 0..CONNECTIONS {
            refresh.push(self.refreshing(&codes).await?);
        }
        let mut login = Vec::new();
        for _ in 0..BROWSERS {
            login.push(self.signing_in().await?);
        }
        let discovery = load::get(self.address, paths::OPENID_CONFIGURATION, "");
        Ok(Scripts {
            discovery: one(discovery),
            client_credentials: one(own),
            code_exchange: (0..CONNECTIONS).map(|_| self.exchanging(&codes)).collect(),
            refresh,
            introspection: all_repeating(introspections, CONNECTIONS),
            login,
        })
    }

    async fn redeem(&self, codes: &Codes) -> anyhow::Result<Vec<u8>> {
        let code = take(codes).context("a code")?;
        let request = redemption(self.address, &self.web, &code);
        Ok(load::once(self.address, &request).await?.body)
    }

    fn exchanging(&self, codes: &Codes) -> Script {
        let (codes, address, web) = (Arc::clone(codes), self.address, self.web.clone());
        Box::new(move |_| Some(redemption(address, &web, &take(&codes)?)))
    }

    /// A chain of refresh tokens, each for the next.
    async fn refreshing(&self, codes: &Codes) -> anyhow::Result<Script> {
        let mut token = member(&self.redeem(codes).await?, "refresh_token")?;
        let (address, web) = (self.address, self.web.clone());
        Ok(Box::new(move |last| {
            // Finding it by its prefix costs less than reading the JSON.
            let text = last.and_then(|body| std::str::from_utf8(body).ok());
            if let Some((_, rest)) = text.and_then(|text| text.split_once("lk_rt_")) {
                token = format!("lk_rt_{}", rest.split('"').next().unwrap_or_default());
            }
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            Some(load::post(address, paths::TOKEN, &web, &form))
        }))
    }

    /// A browser that has opened the page; its cookie and its form token stay good, because it
    /// does not keep the session it is given.
    async fn signing_in(&self) -> anyhow::Result<Script> {
        let page = load::once(self.address, &load::get(self.address, paths::LOGIN, "")).await?;
        let cookie = page.head.split("latchkey_browser=").nth(1).context("a cookie")?;
        let cookie = cookie.split([';', '\r']).next().unwrap_or_default();
        let html = String::from_utf8_lossy(&page.body);
        let csrf = html.split("name=\"csrf\" value=\"").nth(1).context("a form token")?;
        let csrf = csrf.split('"').next().unwrap_or_default();
        let cookie = format!("cookie: latchkey_browser={cookie}\r\nuser-agent: bench\r\n");
        let form = [("username", "alice"), ("password", PASSWORD), ("csrf", csrf)];
        let request = load::post(self.address, paths::LOGIN, &cookie, &form);
        Ok(Box::new(move |_| Some(request.clone())))
    }
}
