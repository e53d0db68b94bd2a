//! What two transactions both take they take in one order: sessions before consents and before what
//! stands against a second factor. Else PostgreSQL ends one of them, and somebody sees an error.
//!
//! A third transaction holds what both want, until both wait for it.

use std::sync::Arc;

use latchkey::app::App;
use latchkey::identity::password_change::{self, Change, Changed};
use latchkey::identity::sessions::{Proof, Whereabouts};
use latchkey::identity::two_factor;
use latchkey::paths;
use latchkey::store::{credentials, sessions, users};
use sqlx::{AnyConnection, Connection, Executor};

use crate::support::Latchkey;
use crate::support::browser::Arrival;
use crate::support::database::postgres_url;
use crate::support::flow::sign_in;
use crate::support::phone::Phone;
use crate::support::stage::Stage;

/// A transaction that holds what others want, and one to see who waits for it.
struct Gate {
    holder: AnyConnection,
    watcher: AnyConnection,
}

impl Gate {
    /// Holds every session.
    async fn shut(url: &str) -> Self {
        Self::holding(url, "SELECT id FROM browser_sessions FOR UPDATE").await
    }

    async fn holding(url: &str, sql: &'static str) -> Self {
        let mut holder = AnyConnection::connect(url).await.unwrap();
        let watcher = AnyConnection::connect(url).await.unwrap();
        holder.execute("BEGIN").await.unwrap();
        holder.execute(sql).await.unwrap();
        Self { holder, watcher }
    }

    /// Returns once so many wait.
    async fn until(&mut self, waiting: i64) {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        loop {
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut self.watcher).await.unwrap();
            if count >= waiting {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn open(mut self) {
        self.holder.execute("COMMIT").await.unwrap();
    }
}

async fn on_postgres() -> (Latchkey, String) {
    let url = postgres_url().await;
    let own = url.clone();
    (Latchkey::start_with(|config| config.database.url = own).await, url)
}

/// Changes the password in Alice's one session, and ends her applications.
async fn change(app: Arc<App>, user_id: String) -> Changed {
    let (session, user, old) = {
        let mut db = app.store.read().await.unwrap();
        let session = sessions::list(&mut db, &user_id).await.unwrap().swap_remove(0);
        let user = users::find(&mut db, &user_id).await.unwrap().unwrap();
        (session, user, credentials::find(&mut db, &user_id).await.unwrap().unwrap())
    };
    let change = Change {
        session: &session,
        user: &user,
        proof: &Proof::password(app.clock.now()),
        old_hash: &old.hash,
        new_hash: "another".into(),
        end_applications: true,
        whereabouts: &Whereabouts::default(),
    };
    password_change::change(&app, change).await.expect("it waits in no circle")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_that_ends_applications_meets_a_request_of_the_same_session() {
    let (latchkey, url) = on_postgres().await;
    let mut stage = Stage::on(latchkey).await;
    stage.grant(&stage.ask()).await;
    let mut gate = Gate::shut(&url).await;
    let (mut tab, ask) = (stage.browser.new_tab(), stage.ask().with("prompt", "none"));
    let asking = tokio::spawn(async move { tab.arrive(&ask.address()).await });
    gate.until(1).await;
    let app = Arc::clone(&stage.latchkey.app);
    let changing = tokio::spawn(change(app, stage.alice.id.clone()));
    gate.until(2).await;
    gate.open().await;
    let Arrival::Client(came) = asking.await.unwrap() else { panic!("a page came") };
    assert!(came.parameter("code").is_some(), "it was first: {}", came.url);
    assert!(matches!(changing.await.unwrap(), Changed::Done { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_request_is_not_told_half_of_what_ended() {
    let (latchkey, url) = on_postgres().await;
    let mut stage = Stage::on(latchkey).await;
    stage.grant(&stage.ask()).await;
    // It has read the session, and wants to read the consent: one act ends both.
    let mut gate = Gate::holding(&url, "LOCK TABLE consents").await;
    let (mut tab, ask) = (stage.browser.new_tab(), stage.ask().with("prompt", "none"));
    let address = ask.address();
    let asking = tokio::spawn(async move { tab.arrive(&address).await });
    gate.until(1).await;
    for ended in ["UPDATE consents SET revoked_at = 1", "UPDATE browser_sessions SET ended_at = 1"]
    {
        gate.holder.execute(ended).await.unwrap();
    }
    gate.open().await;
    stage.refused("silent", &ask, asking.await.unwrap(), "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_the_second_factor_meets_an_app_that_is_being_set_up() {
    let (latchkey, url) = on_postgres().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    let code = Phone::scan(&page).code(&latchkey, 0);
    let page = page.fill("code", &code).fill("name", "Pixel");
    let mut gate = Gate::shut(&url).await;
    let app = Arc::clone(&latchkey.app);
    let resetting = tokio::spawn(async move { two_factor::reset(&app, "alice").await });
    gate.until(1).await;
    let confirming = tokio::spawn(async move { browser.submit(&page, "Turn on").await.page() });
    gate.until(2).await;
    gate.open().await;
    resetting.await.unwrap().expect("it waits in no circle");
    let page = confirming.await.unwrap();
    // The session had ended when its turn came: no factor came into being in it.
    assert!(page.heading() != "Save your backup codes", "{page}");
    let mut db = latchkey.app.store.read().await.unwrap();
    assert!(!credentials::has_second_factor(&mut db, &alice.id).await.unwrap());
}
