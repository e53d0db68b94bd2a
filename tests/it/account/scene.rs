//! What the tests of the password and of confirming stand on.

use latchkey::paths;
use latchkey::secret::sha256;
use latchkey::store::events::{self, Event};
use latchkey::store::kept_forms::{self, KeptForm};

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{sign_in_with, totp};
use crate::support::page::Page;
use crate::support::people::TestUser;

pub const SEED: &[u8] = b"12345678901234567890";
pub const SESSION: &str = "latchkey_session";
/// A password that fits and is not the one they have.
pub const NEW: &str = "N3w-Harbour%Gull";

/// Somebody before a browser in which they are signed in.
pub struct Scene {
    pub latchkey: Latchkey,
    pub alice: TestUser,
    pub browser: Browser,
}

impl Scene {
    /// Alice, with a password alone.
    pub async fn set() -> Self {
        Self::on(Latchkey::start().await, false).await
    }

    /// Alice, who has an authenticator app.
    pub async fn with_two_factor() -> Self {
        Self::on(Latchkey::start().await, true).await
    }

    pub async fn on(latchkey: Latchkey, two_factor: bool) -> Self {
        let alice = latchkey.alice().await;
        if two_factor {
            latchkey.enrol(&alice, SEED).await;
        }
        let browser = latchkey.browser();
        let mut scene = Self { latchkey, alice, browser };
        scene.browser = scene.signed_in(&scene.alice.password).await;
        scene
    }

    /// The code of now.
    pub fn code(&self) -> String {
        totp(SEED, self.latchkey.clock.now().seconds())
    }

    /// Another browser in which Alice is signed in.
    pub async fn signed_in(&self, password: &str) -> Browser {
        let mut browser = self.latchkey.browser();
        let page = sign_in_with(&mut browser, "alice", password).await;
        if page.url.path() == paths::LOGIN_TWO_FACTOR {
            self.latchkey.pass_seconds(30);
            let page = page.fill("code", &self.code());
            let page = browser.submit(&page, "Verify").await.page();
            assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        } else {
            assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        }
        browser
    }

    /// What the browser's session cookie holds.
    pub fn session(&self) -> String {
        self.browser.cookies().value(SESSION).expect("a session")
    }

    /// Whether this browser is still signed in.
    pub async fn is_signed_in(browser: &mut Browser) -> bool {
        browser.open(paths::ACCOUNT_SECURITY).await.url.path() == paths::ACCOUNT_SECURITY
    }

    /// Whether a password is the right one.
    pub async fn opens(&self, password: &str) -> bool {
        let page = sign_in_with(&mut self.latchkey.browser(), "alice", password).await;
        page.url.path() != paths::LOGIN
    }

    /// The events of a kind about Alice, the newest first.
    pub async fn events(&self, kind: &str) -> Vec<Event> {
        let mut db = self.latchkey.app.store.read().await.expect("a connection");
        let user_id = Some(self.alice.id.as_str());
        let filter = events::Filter { user_id, since: None, before: None, limit: 1000 };
        let listed = events::list(&mut db, filter).await.expect("events");
        listed.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// The id of the browser's session.
    pub async fn session_id(&self) -> String {
        let app = &self.latchkey.app;
        let found = latchkey::identity::sessions::find(app, &self.session()).await;
        found.expect("an answer").expect("a live session").0.id
    }

    /// A form that Alice sent to `path` before she was asked to confirm; gives its id.
    pub async fn kept(&self, path: &str) -> String {
        let app = &self.latchkey.app;
        let id = app.random.token("");
        let form = KeptForm {
            id_hash: sha256(&id),
            session_id: self.session_id().await,
            path: path.to_owned(),
            sealed_fields: String::new(),
            expires_at: app.clock.now() + std::time::Duration::from_mins(10),
        };
        let mut db = app.store.write().await.expect("a write");
        kept_forms::insert(&mut db, &form).await.expect("a form");
        db.commit().await.expect("a commit");
        id
    }
}

/// Fills and sends the form that changes the password.
pub async fn change(browser: &mut Browser, old: &str, new: &str) -> Page {
    let page = browser.open(paths::ACCOUNT_PASSWORD).await;
    let page = page.fill("password", old).fill("new_password", new);
    let page = page.fill("new_password_again", new);
    browser.submit(&page, "Change password").await.page()
}

/// Whether the page says that the password is changed.
pub fn is_changed(page: &Page) -> bool {
    !page.texts("#changed").is_empty()
}
