//! Browsers that an account knows (S-086, S-110, S-121, S-124): each account gives a browser a token of
//! its own, takes nothing over that was there before, and closes nothing to the browsers it knows.

use latchkey::identity::browsers;
use latchkey::identity::sessions::Whereabouts;
use latchkey::identity::two_factor::{self, By, Factor, accept};
use latchkey::paths;
use latchkey::secret::sha256;
use latchkey::store::{devices, users};

use Seat::{Home, Strange};

use super::two_factor::{Scene, sign_out};
use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{sign_in, sign_in_with};
use crate::support::page::Page;
use crate::support::people::TestUser;

const DEVICE: &str = "latchkey_device";

/// The tokens that a browser holds.
fn tokens(browser: &Browser) -> Vec<String> {
    let held = browser.cookies().value(DEVICE).expect("a cookie");
    held.split('.').map(str::to_owned).collect()
}

async fn is_known(latchkey: &Latchkey, user: &TestUser, tokens: &[String]) -> bool {
    let whereabouts = Whereabouts { devices: tokens.to_vec(), ..Whereabouts::default() };
    let mut db = latchkey.app.store.read().await.expect("a read");
    browsers::find(&mut db, &user.id, &whereabouts).await.expect("an answer").is_some()
}

#[tokio::test]
async fn s_086_a_device_token_that_was_there_before_is_worth_nothing_to_who_signs_in() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &bob).await;
    sign_out(&mut browser).await;
    let planted = "p".repeat(43);
    let his = tokens(&browser);
    browser.cookies().replace(DEVICE, &format!("{planted}.{}", his[0]));
    sign_in(&mut browser, &alice).await;
    assert!(!is_known(&latchkey, &alice, &[planted.clone(), his[0].clone()]).await);
    let held = tokens(&browser);
    assert!(is_known(&latchkey, &alice, &held[..1]).await && held[0] != planted);
    assert_eq!(held[1..], [planted.clone(), his[0].clone()], "{held:?}");
    // It stays Bob's as well, who is no stranger in it.
    assert!(is_known(&latchkey, &bob, &held).await && !is_known(&latchkey, &bob, &held[..1]).await);
    sign_out(&mut browser).await;
    sign_in(&mut browser, &bob).await;
    assert_eq!(tokens(&browser)[0], his[0], "his own is kept");
    let mut db = latchkey.app.store.read().await.expect("a read");
    for user in [&alice, &bob] {
        assert_eq!(devices::list(&mut db, &user.id).await.expect("a list").len(), 1);
    }
}

#[tokio::test]
async fn a_browser_is_known_to_five_accounts_at_most() {
    let latchkey = Latchkey::start().await;
    let mut browser = latchkey.browser();
    for name in ["ada", "ben", "cleo", "dan", "eve", "finn", "gus"] {
        let user = latchkey.person(name, serde_json::json!({})).await;
        sign_in(&mut browser, &user).await;
        let held = tokens(&browser);
        assert!(held.len() <= 5 && is_known(&latchkey, &user, &held[..1]).await, "{held:?}");
        sign_out(&mut browser).await;
    }
    assert_eq!(tokens(&browser).len(), 5);
}

#[tokio::test]
async fn s_086_a_copy_from_before_a_browser_was_forgotten_stays_worthless() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let copied = tokens(&browser);
    let page = browser.open(paths::ACCOUNT_SESSIONS).await;
    let forget = page.attributes("a[href*='/devices/']", "href");
    let page = browser.open(&forget[0]).await;
    browser.submit(&page, "Forget").await.page();
    assert!(!is_known(&latchkey, &alice, &copied).await);
    sign_out(&mut browser).await;
    sign_in(&mut browser, &alice).await;
    assert!(is_known(&latchkey, &alice, &tokens(&browser)).await);
    assert!(
        !is_known(&latchkey, &alice, &copied).await,
        "the owner is there again, the copy is not"
    );
}

/// Where a code is typed.
#[derive(Clone, Copy)]
enum Seat {
    /// In the browser that she has signed in from.
    Home,
    Strange,
}

impl Scene {
    /// The browser that she set it up in knows her, and is signed out again.
    async fn signed_out() -> Self {
        let mut scene = Self::set().await;
        sign_out(&mut scene.browser).await;
        scene
    }

    /// Types a code from the browser that she has signed in from, or from another.
    async fn accepts_in(&self, seat: Seat, code: &str) -> Option<Factor> {
        let devices = match seat {
            Home => tokens(&self.browser),
            Strange => Vec::new(),
        };
        let whereabouts = Whereabouts { devices, ..Whereabouts::default() };
        let mut db = self.latchkey.app.store.write().await.expect("a write");
        let user = users::find(&mut db, &self.alice.id).await.expect("a read").expect("Alice");
        let by = By { user: &user, session: None, whereabouts: &whereabouts };
        let found = accept(&self.latchkey.app, &mut db, &by, code).await.expect("an answer");
        db.commit().await.expect("a commit");
        found
    }

    /// Whether no app's code counts anywhere, as the overview tells.
    async fn is_blocked(&self) -> bool {
        let mut db = self.latchkey.app.store.read().await.expect("a read");
        two_factor::are_codes_blocked(&mut db, &self.alice.id).await.expect("an answer")
    }

    fn right(&self) -> String {
        self.phone.code(&self.latchkey, 0)
    }

    fn wrong(&self) -> String {
        self.phone.code(&self.latchkey, 40)
    }
}

#[tokio::test]
async fn s_121_a_browser_is_trusted_by_a_token_that_nobody_copied_before() {
    let scene = Scene::signed_out().await;
    let mut browser = scene.browser.clone();
    let copied = tokens(&browser);
    let owed = sign_in_with(&mut browser, "alice", &scene.alice.password).await;
    let page = scene.phone.answer(&scene.latchkey, &mut browser, owed.tick("trust")).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    sign_out(&mut browser).await;
    assert!(!is_known(&scene.latchkey, &scene.alice, &copied).await);
    let leads = async |held: &str| {
        let mut browser = browser.new_tab();
        browser.cookies().replace(DEVICE, held);
        let page: Page = sign_in_with(&mut browser, "alice", &scene.alice.password).await;
        page.url.path().to_owned()
    };
    let own = tokens(&browser);
    assert_eq!(leads(&copied.join(".")).await, paths::LOGIN_TWO_FACTOR);
    assert_eq!(leads(&own.join(".")).await, paths::ACCOUNT_SECURITY);
    let mut db = scene.latchkey.app.store.read().await.expect("a read");
    let known = devices::list(&mut db, &scene.alice.id).await.expect("a list");
    assert!(known.iter().any(|device| device.token_hash == sha256(&own[0])), "{known:?}");
}

#[tokio::test]
async fn s_124_who_knows_the_password_does_not_close_the_second_factor_to_its_owner() {
    let scene = Scene::signed_out().await;
    scene.latchkey.pass_seconds(60);
    for _ in 0..3 {
        assert_eq!(scene.accepts_in(Strange, &scene.wrong()).await, None);
    }
    // Strangers must wait half a minute; the owner need not, neither at home nor with a backup code.
    assert_eq!(scene.accepts_in(Strange, &scene.right()).await, None);
    let left = Factor::BackupCode { left: 9 };
    for _ in 0..3 {
        assert_eq!(scene.accepts_in(Strange, "0000-0000-0000-0000").await, None);
    }
    assert_eq!(
        scene.accepts_in(Strange, &scene.codes[0]).await,
        None,
        "backup codes have their own"
    );
    assert_eq!(scene.accepts_in(Home, &scene.codes[0]).await, Some(left));
    for _ in 0..3 {
        assert_eq!(scene.accepts_in(Strange, &scene.wrong()).await, None);
    }
    assert_eq!(scene.accepts_in(Home, &scene.right()).await, Some(Factor::Totp));
    assert!(!scene.is_blocked().await);
}

#[tokio::test]
async fn s_124_strangers_guess_ten_codes_an_hour_and_then_come_back_later() {
    let scene = Scene::signed_out().await;
    for _ in 0..10 {
        scene.latchkey.pass_seconds(60);
        assert_eq!(scene.accepts_in(Strange, &scene.wrong()).await, None);
    }
    scene.latchkey.pass_seconds(60);
    let (mut stranger, owed) = scene.latchkey.owing(&scene.alice).await;
    let page = stranger.submit(&owed.fill("code", &scene.right()), "Verify").await.page();
    assert!(page.status == 422 && page.says("Wait an hour"), "{page}");
    assert_eq!(scene.accepts_in(Home, &scene.right()).await, Some(Factor::Totp));
    scene.latchkey.pass_seconds(60);
    assert_eq!(scene.accepts_in(Strange, &scene.right()).await, None, "the hour runs on");
    let left = Factor::BackupCode { left: 9 };
    assert_eq!(scene.accepts_in(Strange, &scene.codes[1]).await, Some(left));
    for _ in 0..10 {
        scene.latchkey.pass_seconds(60);
        assert_eq!(scene.accepts_in(Strange, &scene.wrong()).await, None);
    }
    scene.latchkey.pass_seconds(3600);
    assert_eq!(scene.accepts_in(Strange, &scene.right()).await, Some(Factor::Totp));
}

#[tokio::test]
async fn s_124_a_hundred_from_strangers_leave_the_known_browser_its_own_hundred() {
    let scene = Scene::signed_out().await;
    for _ in 0..100 {
        scene.latchkey.pass_seconds(361);
        assert_eq!(scene.accepts_in(Strange, &scene.wrong()).await, None);
    }
    scene.latchkey.pass_seconds(3601);
    assert_eq!(scene.accepts_in(Strange, &scene.right()).await, None, "closed to strangers");
    assert_eq!(scene.accepts_in(Home, &scene.right()).await, Some(Factor::Totp));
    scene.latchkey.pass_seconds(60);
    assert_eq!(
        scene.accepts_in(Strange, &scene.right()).await,
        Some(Factor::Totp),
        "she broke the row"
    );
    assert!(!scene.is_blocked().await, "strangers close nothing but their own way");
    for _ in 0..100 {
        scene.latchkey.pass_seconds(61);
        assert_eq!(scene.accepts_in(Home, &scene.wrong()).await, None);
    }
    scene.latchkey.pass_seconds(60);
    for seat in [Home, Strange] {
        assert_eq!(scene.accepts_in(seat, &scene.right()).await, None, "closed everywhere");
    }
    assert!(scene.is_blocked().await);
    assert_eq!(scene.latchkey.count("authenticator_disabled", &scene.alice).await, 2);
    let left = Factor::BackupCode { left: 9 };
    assert_eq!(scene.accepts_in(Strange, &scene.codes[0]).await, Some(left));
    scene.latchkey.pass_seconds(60);
    assert_eq!(scene.accepts_in(Home, &scene.right()).await, Some(Factor::Totp));
}
