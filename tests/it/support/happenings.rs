//! What happens behind the back of an application: sign-outs, locks, removals, other nodes.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::identity::{clients as registry, people};
use latchkey::paths;
use latchkey::secret::Random;
use latchkey::server::router::router;
use latchkey::store::{clients as client_store, consents, events};
use secrecy::SecretString;

use latchkey::clock::Timestamp;
use tokio_util::sync::CancellationToken;

use super::browser::Browser;
use super::endpoint::Endpoints;
use super::page::Page;
use super::people::TestUser;
use super::stage::Stage;
use super::{Latchkey, SEED};

impl Stage {
    /// How many events of this kind are about Alice.
    pub async fn events(&self, kind: &str) -> usize {
        self.latchkey.count(kind, &self.alice).await
    }

    /// Alice signs out in her browser.
    pub async fn sign_out(&mut self) {
        let page = self.browser.open(paths::LOGOUT).await;
        self.browser.submit(&page, "sign out").await.page();
    }

    /// Alice ends, from her browser, the one session whose row says `words`; the page after it.
    pub async fn end_session(&mut self, words: &str) -> Page {
        let list = self.browser.open(paths::ACCOUNT_SESSIONS).await;
        let rows = list.texts("#active-sessions > li");
        let at = rows.iter().position(|row| row.contains(words));
        let at = at.unwrap_or_else(|| panic!("no session {words:?}: {list}"));
        let end = &list.attributes("#active-sessions > li > a", "href")[at];
        let page = self.browser.open(end).await;
        let current = page.has("Sign out of this browser");
        let button = if current { "Sign out of this browser" } else { "Sign out that browser" };
        self.browser.submit(&page, button).await.page()
    }

    /// Alice ends, from her browser, all other sessions.
    pub async fn end_other_sessions(&mut self) {
        let page = self.browser.open(paths::ACCOUNT_SESSIONS_END_OTHERS).await;
        let form = page.forms().iter().find(|form| form.action == page.url);
        let form = form.expect("there are others").submission(None);
        self.browser.send(&page, form).await.page();
    }

    /// An administrator locks Alice out.
    pub async fn lock(&self) {
        people::lock(&self.latchkey.app, "alice", "a test").await.expect("locked");
    }

    /// An administrator sets Alice's password.
    pub async fn set_password(&self, new: &str) {
        let new = SecretString::from(new);
        people::set_password(&self.latchkey.app, "alice", &new).await.expect("a new password");
    }

    /// An administrator removes the usual client.
    pub async fn remove_client(&self) {
        registry::remove(&self.latchkey.app, &self.web.id).await.expect("removed");
    }

    /// The usual client may do nothing any more.
    pub async fn disable_client(&self) {
        let app = &self.latchkey.app;
        let mut db = app.store.write().await.expect("a transaction");
        let found = client_store::find(&mut db, &self.web.id).await.expect("an answer");
        let mut client = found.expect("the client");
        client.disabled_at = Some(app.clock.now());
        assert!(client_store::update(&mut db, &client).await.expect("an update"));
        db.commit().await.expect("a commit");
    }

    /// Alice takes back what she allowed the usual client.
    pub async fn revoke_consent(&self) {
        revoke_consent(&self.latchkey.app, &self.alice.id, &self.web.id).await;
    }
}

/// Disconnects the application of this name on the page of the person before `browser`.
pub async fn disconnect(browser: &mut Browser, application: &str) -> Page {
    let list = browser.open(paths::ACCOUNT_APPLICATIONS).await;
    let ask = list.link(&format!("Revoke access of {application}"));
    let ask = browser.open(ask.as_str()).await;
    browser.submit(&ask, "Revoke access").await.page()
}

/// Takes back what a person allowed a client.
pub async fn revoke_consent(app: &App, user_id: &str, client_id: &str) {
    let mut db = app.store.write().await.expect("a transaction");
    let found = consents::find(&mut db, user_id, client_id).await.expect("an answer");
    let (consent, _) = found.expect("a consent");
    let now = app.clock.now();
    let done = consents::revoke(&mut db, &consent.id, user_id, "a test", now).await;
    assert!(done.expect("revoked"));
    db.commit().await.expect("a commit");
}

/// Makes a temporary password the person's own, as if they had chosen it themselves.
pub async fn let_it_last(app: &App, user_id: &str) {
    let mut db = app.store.write().await.expect("a write");
    let sql = "UPDATE password_credentials SET must_change_at = NULL WHERE user_id = $1";
    sqlx::query(sql).bind(user_id).execute(&mut *db).await.expect("written");
    db.commit().await.expect("a commit");
}

impl Latchkey {
    /// How many events of this kind are about `user`.
    pub async fn count(&self, kind: &str, user: &TestUser) -> usize {
        let mut db = self.app.store.read().await.expect("a connection");
        let user_id = Some(user.id.as_str());
        let filter = events::Filter { user_id, since: None, before: None, limit: 1000 };
        let listed = events::list(&mut db, filter).await.expect("events");
        listed.iter().filter(|event| event.kind == kind).count()
    }

    /// How many events of this kind the trail holds, whomever they are about.
    pub async fn count_all(&self, kind: &str) -> usize {
        let mut db = self.app.store.read().await.expect("a connection");
        let start = (Timestamp::from_millis(0), "");
        let listed = events::list_after(&mut db, start, 10_000).await.expect("events");
        listed.iter().filter(|event| event.kind == kind).count()
    }

    /// From now on the database may fail.
    pub fn expect_faults(&self) {
        self.oracles.expect_faults();
    }

    /// Another node on the same database and keys.
    pub async fn another_node(&self) -> Self {
        self.another_node_with(|_| {}).await
    }

    /// The same, started after its operator changed the configuration.
    pub async fn another_node_with(&self, change: impl FnOnce(&mut Config)) -> Self {
        self.another_node_by(self.clock.clone(), change).await
    }

    /// The same on a machine whose clock is its own.
    pub async fn another_node_by(&self, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.app.config.clone();
        change(&mut config);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let socket = format!("http://{}", listener.local_addr().expect("an address"));
        let random = Random::seeded(SEED.fetch_add(1, Ordering::Relaxed));
        let started = App::start(config, clock.clone(), random).await;
        let app = started.expect("the node starts");
        let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            axum::serve(listener, service).await.expect("the node serves");
        });
        self.oracles.allow(&socket);
        Self {
            app,
            issuer: self.issuer.clone(),
            clock,
            endpoints: Endpoints::new(&socket, self.oracles.clone()),
            oracles: self.oracles.clone(),
            server,
            stop: CancellationToken::new(),
            _folder: tempfile::tempdir().expect("a folder"),
        }
    }
}
