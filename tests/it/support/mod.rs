//! What tests stand on: an instance of its own for each, browsers, clients and people.
//!
//! The instance is the real program behind a real socket, on a fresh database, with a clock that
//! moves only when told and randomness from a seed. `LATCHKEY_TEST_ENGINE=postgres` puts it on
//! PostgreSQL. Nothing is shared between tests and nothing waits.

pub mod browser;
pub mod chromium;
pub mod clients;
pub mod cookie_jar;
pub mod database;
pub mod dump;
pub mod endpoint;
pub mod flow;
pub mod forge;
pub mod happenings;
pub mod mails;
pub mod mmdb;
pub mod oracles;
pub mod page;
pub mod people;
pub mod phone;
pub mod program;
pub mod relying_party;
pub mod routes;
pub mod stage;
pub mod verify;
pub mod wall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use latchkey::app::App;
use latchkey::clock::{Clock, Timestamp};
use latchkey::config::Config;
use latchkey::identity::clients::{ClientSecret, register};
use latchkey::identity::people::{NewUser, add_user};
use latchkey::protocol::claims::StandardClaims;
use latchkey::secret::Random;
use latchkey::server::router::router;
use latchkey::web::client_address::Peer;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use browser::Browser;
use clients::TestClient;
use endpoint::Endpoints;
use oracles::Oracles;
use people::{PASSWORD, TestUser};

/// When every test begins: 2026-03-02 09:00:00 UTC.
pub const START: Timestamp = Timestamp::from_seconds(1_772_442_000);

/// No two instances draw the same randomness, but each test the same in every run of its own.
static SEED: AtomicU64 = AtomicU64::new(1);

/// Cheap hashes: where many sign in at once and the test is not about Argon2id, a busy machine must
/// not turn them away.
pub fn in_haste(config: &mut Config) {
    config.password.argon2_memory_kib = 64;
    config.password.argon2_iterations = 1;
}

/// A running instance.
pub struct Latchkey {
    pub app: Arc<App>,
    pub issuer: String,
    pub clock: Clock,
    pub endpoints: Endpoints,
    oracles: Oracles,
    server: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Latchkey {
    /// An instance with default configuration.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// An instance whose configuration the test changes.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let socket = format!("http://{address}");
        let folder = tempfile::tempdir().expect("a folder of its own");
        let mut config = Config { issuer: socket.clone(), ..Config::default() };
        config.database.url = database_url(&folder).await;
        config.keys.directory = folder.path().join("keys");
        config.mail.transport = format!("file://{}", folder.path().join("outbox").display());
        config.server.listen = address;
        // Time stands still here, and a hundred tests' worth of sign-ins come from one address.
        config.rate_limits.login_per_minute = 1_000_000;
        config.rate_limits.recovery_per_hour = 1_000_000;
        config.rate_limits.authorize_per_minute = 1_000_000;
        config.rate_limits.forms_per_minute = 1_000_000;
        config.rate_limits.token_per_minute = 1_000_000;
        config.rate_limits.unproven_per_minute = 1_000_000;
        // Nor is anybody told to come back because a dozen tests hash at once.
        config.password.hash_queue = 1000;
        change(&mut config);
        let issuer = config.issuer.clone();
        let clock = Clock::manual(START);
        let random = Random::seeded(SEED.fetch_add(1, Ordering::Relaxed));
        let app = App::start(config, clock.clone(), random).await.expect("the instance starts");
        let stop = CancellationToken::new();
        let server = serve(listener, app.clone(), stop.clone());
        let oracles = Oracles::new(&issuer);
        let endpoints = Endpoints::new(&socket, oracles.clone());
        Self { app, issuer, clock, endpoints, oracles, server, stop, _folder: folder }
    }

    /// Stops, and starts again under the same address with what lies on the disk by then.
    pub async fn restart(&mut self) {
        self.stop.cancel();
        (&mut self.server).await.expect("the instance stops");
        self.app.store.close().await;
        let address = self.app.config.server.listen;
        self.app = App::start(self.app.config.clone(), self.clock.clone(), self.app.random.clone())
            .await
            .expect("the instance starts again");
        let listener = tokio::net::TcpListener::bind(address).await.expect("the same port");
        self.stop = CancellationToken::new();
        self.server = serve(listener, self.app.clone(), self.stop.clone());
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.issuer, self.oracles.clone(), self.clock.clone())
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets so many seconds pass.
    pub fn pass_seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// `path` as an absolute address.
    pub fn at(&self, path: &str) -> String {
        latchkey::paths::absolute(&self.issuer, path)
    }

    /// Alice, who has told us everything about herself.
    pub async fn alice(&self) -> TestUser {
        self.person("alice", people::all_claims()).await
    }

    /// Bob, of whom we know only name and address of mail.
    pub async fn bob(&self) -> TestUser {
        self.person("bob", json!({ "name": "Bob" })).await
    }

    /// Somebody with these claims.
    pub async fn person(&self, username: &str, claims: Value) -> TestUser {
        let email = format!("{username}@people.example");
        let user = add_user(
            &self.app,
            NewUser {
                username: username.to_owned(),
                email: Some(email.clone()),
                email_verified: true,
                claims: StandardClaims::check(claims).expect("claims that fit"),
                password: Some(SecretString::from(PASSWORD)),
                admin: false,
            },
        )
        .await
        .expect("a person");
        TestUser { id: user.id, username: username.to_owned(), email, password: PASSWORD.into() }
    }

    /// Registers a client, with a secret of ours if it needs one.
    pub async fn client(&self, metadata: Value) -> TestClient {
        self.register(metadata, ClientSecret::Generated).await
    }

    /// Registers a client with a secret of its own.
    pub async fn client_with_secret(&self, metadata: Value, secret: &str) -> TestClient {
        let given = ClientSecret::Given(SecretString::from(secret));
        let client = self.register(metadata, given).await;
        TestClient { secret: Some(secret.to_owned()), ..client }
    }

    /// The redirects it registers become places that a redirect may lead to.
    async fn register(&self, metadata: Value, secret: ClientSecret) -> TestClient {
        for key in ["redirect_uris", "post_logout_redirect_uris"] {
            for uri in metadata[key].as_array().into_iter().flatten() {
                self.oracles.allow(uri.as_str().expect("a URI is text"));
            }
        }
        let (client, secret) =
            register(&self.app, metadata, secret).await.expect("metadata that fit");
        let metadata = serde_json::to_value(&client.metadata).expect("metadata are JSON");
        let redirect_uri = metadata["redirect_uris"][0].as_str().unwrap_or_default().to_owned();
        TestClient { id: client.id, secret, redirect_uri, metadata }
    }
}

/// Serves until told to stop.
fn serve(
    listener: tokio::net::TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let service = router(app)
        .layer(axum::middleware::map_request(tell_peer))
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        let serving = axum::serve(listener, service);
        let serving = serving.with_graceful_shutdown(stop.cancelled_owned());
        serving.await.expect("the instance serves");
    })
}

/// The other end of the connection, as the real listener tells it.
async fn tell_peer(
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: axum::extract::Request,
) -> axum::extract::Request {
    request.extensions_mut().insert(Peer(address));
    request
}

/// A fresh database on the engine that `LATCHKEY_TEST_ENGINE` names.
async fn database_url(folder: &tempfile::TempDir) -> String {
    match std::env::var("LATCHKEY_TEST_ENGINE").as_deref() {
        Err(_) | Ok("" | "sqlite") => database::sqlite_url(folder),
        Ok("postgres") => database::postgres_url().await,
        Ok(other) => panic!("LATCHKEY_TEST_ENGINE is {other:?}; expected sqlite or postgres"),
    }
}

impl Drop for Latchkey {
    fn drop(&mut self) {
        self.server.abort();
    }
}
