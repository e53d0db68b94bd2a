//! The second factor under attack (S-091, S-121 … S-130, S-139, S-169), beside what
//! `sign_in/two_factor.rs` says of the code itself.

use latchkey::app::App;
use latchkey::identity::people;
use latchkey::identity::sessions::Whereabouts;
use latchkey::identity::two_factor::{self, By, Factor};
use latchkey::paths;
use latchkey::store::{credentials, devices, users};
use reqwest::Url;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::{Arrival, Browser};
use crate::support::clients;
use crate::support::flow::{
    address, claims_of, exchange, post_raw, sign_in, sign_in_with, text, type_in, walk,
};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::phone::Phone;

const CONFIRM: &str = paths::ACCOUNT_CONFIRM;

/// Alice, signed in and with two-factor.
pub(super) struct Scene {
    pub(super) latchkey: Latchkey,
    pub(super) alice: TestUser,
    pub(super) browser: Browser,
    pub(super) phone: Phone,
    pub(super) codes: Vec<String>,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let latchkey = Latchkey::start().await;
        let alice = latchkey.alice().await;
        let mut browser = latchkey.browser();
        sign_in(&mut browser, &alice).await;
        let (phone, codes) = latchkey.turn_on(&mut browser).await;
        Self { latchkey, alice, browser, phone, codes }
    }

    /// A browser that she trusts, signed out again.
    async fn trusted(&self) -> Browser {
        let (mut home, owed) = self.latchkey.owing(&self.alice).await;
        let page = self.phone.answer(&self.latchkey, &mut home, owed.tick("trust")).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        sign_out(&mut home).await;
        home
    }

    /// Where the password alone leads in that browser.
    async fn password_leads(&self, home: &mut Browser) -> String {
        let password = &self.alice.password;
        sign_in_with(home, "alice", password).await.url.path().to_owned()
    }

    async fn accepts(&self, typed: &str) -> Option<Factor> {
        accept(&self.latchkey.app, &self.alice.id, typed).await.expect("an answer")
    }

    /// So many wrong codes of strangers, not faster than they are looked at.
    async fn fails(&self, times: i64) {
        for n in 0..times {
            self.latchkey.pass_seconds(390);
            assert_eq!(self.accepts(&self.phone.code(&self.latchkey, 40 + n)).await, None);
        }
        self.latchkey.pass_seconds(3601);
    }
}

/// Shows a code of that person.
async fn accept(app: &App, user_id: &str, typed: &str) -> anyhow::Result<Option<Factor>> {
    let mut db = app.store.write().await?;
    let user = users::find(&mut db, user_id).await?.expect("the person");
    let whereabouts = Whereabouts { address: "192.0.2.66".into(), ..Whereabouts::default() };
    let by = By { user: &user, session: None, whereabouts: &whereabouts };
    let found = two_factor::accept(app, &mut db, &by, typed).await;
    db.commit().await?;
    found
}

pub(super) async fn sign_out(browser: &mut Browser) {
    let page = browser.open(paths::LOGOUT).await;
    browser.submit(&page, "Sign out").await.page();
}

/// Sends a page's form to another path of ours.
async fn send_to(latchkey: &Latchkey, browser: &Browser, page: &Page, path: &str) -> u16 {
    let url: Url = latchkey.at(path).parse().expect("an address");
    let fields = [("csrf".to_owned(), page.value("csrf").to_owned())];
    let headers = [("origin", latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    post_raw(browser, &url, &fields, &headers).await.status().as_u16()
}

#[tokio::test]
async fn s_091_a_trusted_browser_is_no_second_factor() {
    let scene = Scene::set().await;
    let web = scene.latchkey.client(clients::web()).await;
    let mut home = scene.trusted().await;
    // What the application learns is the truth.
    let login = home.arrive(&address(&scene.latchkey.issuer, &web, &[])).await.page();
    let arrival = type_in(&mut home, login, "alice", &scene.alice.password).await;
    let came = walk(&mut home, &scene.alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let caller = web.credentials();
    let tokens = exchange(&scene.latchkey.endpoints, &caller, &web, &code).await.good();
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!((&id["acr"], &id["amr"]), (&json!("urn:latchkey:acr:password"), &json!(["pwd"])));
    // What matters in the account wants the code.
    for path in [
        paths::ACCOUNT_TWO_FACTOR_SET_UP,
        paths::ACCOUNT_BACKUP_CODES,
        paths::ACCOUNT_TWO_FACTOR_OFF,
    ] {
        assert_eq!(home.open(path).await.url.path(), CONFIRM, "{path}");
    }
    // And so does an application that asks for more.
    let acr = r#"{"id_token":{"acr":{"essential":true,"values":["urn:latchkey:acr:mfa"]}}}"#;
    for more in [
        ("claims", acr),
        ("acr_values", "urn:latchkey:acr:mfa"),
        ("prompt", "login"),
        ("max_age", "0"),
    ] {
        let mut home = scene.trusted().await;
        let asked = address(&scene.latchkey.issuer, &web, &[more]);
        let login = home.arrive(&asked).await.page();
        let page = type_in(&mut home, login, "alice", &scene.alice.password).await.page();
        assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{more:?}");
    }
}

#[tokio::test]
async fn s_121_trust_dies_with_what_it_was_given_for() {
    let another = "an0ther-Lamp%91".to_owned();
    for what in ["password", "lock", "off", "new app", "an app less", "reset"] {
        let mut scene = Scene::set().await;
        let mut home = scene.trusted().await;
        let app = &scene.latchkey.app;
        scene.latchkey.pass_seconds(1);
        match what {
            "password" => {
                let new = another.clone().into();
                people::set_password(app, "alice", &new).await.expect("another password");
                scene.alice.password.clone_from(&another);
            }
            "lock" => {
                people::lock(app, "alice", "a test").await.expect("a lock");
                people::unlock(app, "alice").await.expect("no lock");
            }
            "off" => {
                let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR_OFF).await;
                scene.browser.submit(&page, "Turn off").await.page();
                let mut db = app.store.read().await.expect("a read");
                let left = devices::list(&mut db, &scene.alice.id).await.expect("a list");
                assert!(left.iter().all(|device| device.trusted_at.is_none()));
                drop(db);
                scene.latchkey.turn_on(&mut scene.browser).await;
            }
            "new app" => {
                let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
                let code = Phone::scan(&page).code(&scene.latchkey, 0);
                scene.browser.submit(&page.fill("code", &code), "Add this app").await.page();
            }
            "an app less" => {
                // The phone that was stolen, whose codes made somebody's browser a trusted one.
                let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
                let code = Phone::scan(&page).code(&scene.latchkey, 0);
                scene.browser.submit(&page.fill("code", &code), "Add this app").await.page();
                scene.latchkey.pass_seconds(60);
                home = scene.trusted().await;
                assert_eq!(scene.password_leads(&mut home).await, paths::ACCOUNT_SECURITY);
                sign_out(&mut home).await;
                let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR).await;
                let page = scene.browser.open(page.link("Remove Pixel").as_str()).await;
                scene.browser.submit(&page, "Remove it").await.page();
            }
            _ => {
                two_factor::reset(app, "alice").await.expect("a reset");
                let mut fresh = scene.latchkey.browser();
                sign_in(&mut fresh, &scene.alice).await;
                scene.latchkey.turn_on(&mut fresh).await;
            }
        }
        assert_eq!(scene.password_leads(&mut home).await, paths::LOGIN_TWO_FACTOR, "{what}");
    }
}

#[tokio::test]
async fn s_121_trust_is_of_one_person_in_one_browser() {
    let scene = Scene::set().await;
    let mut home = scene.trusted().await;
    let bob = scene.latchkey.bob().await;
    let mut his = scene.latchkey.browser();
    sign_in(&mut his, &bob).await;
    scene.latchkey.turn_on(&mut his).await;
    let page = sign_in_with(&mut home, "bob", &bob.password).await;
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "she trusted it, not he");
    let mut db = scene.latchkey.app.store.read().await.expect("a read");
    let listed = devices::list(&mut db, &scene.alice.id).await.expect("a list");
    let hers = listed.iter().find(|device| device.trusted_at.is_some()).expect("her browser");
    assert!(!format!("{hers:?}").contains(&home.cookies().value("latchkey_device").expect("it")));
}

#[tokio::test]
async fn s_124_three_wrong_codes_in_half_a_minute_are_looked_at() {
    let scene = Scene::set().await;
    scene.latchkey.pass_seconds(30);
    let right = scene.phone.code(&scene.latchkey, 0);
    for wrong in ["000001", "000002", "000003"] {
        assert_ne!(wrong, right);
        assert_eq!(scene.accepts(wrong).await, None);
    }
    // Over fresh flows as well: the count is the account's.
    let (mut browser, owed) = scene.latchkey.owing(&scene.alice).await;
    let page = browser.submit(&owed.fill("code", &right), "Verify").await.page();
    assert_eq!(page.status, 422);
    assert!(page.says("Wait half a minute"), "{page}");
    scene.latchkey.pass_seconds(30);
    assert_eq!(scene.accepts(&scene.phone.code(&scene.latchkey, 0)).await, Some(Factor::Totp));
    // The password was not locked by it.
    scene.latchkey.owing(&scene.alice).await;
}

#[tokio::test]
async fn s_124_a_hundred_wrong_codes_in_a_row_end_the_apps_codes() {
    let scene = Scene::set().await;
    scene.fails(100).await;
    assert_eq!(scene.accepts(&scene.phone.code(&scene.latchkey, 0)).await, None);
    let (mut browser, owed) = scene.latchkey.owing(&scene.alice).await;
    let code = scene.phone.code(&scene.latchkey, 0);
    let page = browser.submit(&owed.fill("code", &code), "Verify").await.page();
    assert!(page.says("Use a backup code, or ask support"), "{page}");
    let left = Factor::BackupCode { left: 9 };
    assert_eq!(scene.accepts(&scene.codes[0]).await, Some(left), "the owner gets in");
    scene.latchkey.pass_seconds(30);
    assert_eq!(scene.accepts(&scene.phone.code(&scene.latchkey, 0)).await, Some(Factor::Totp));
}

#[tokio::test(flavor = "multi_thread")]
async fn s_124_the_hundredth_wrong_code_is_told_once() {
    let mut scene = Scene::set().await;
    let second = scene.latchkey.another_node().await;
    scene.fails(98).await;
    assert_eq!(scene.latchkey.count("authenticator_disabled", &scene.alice).await, 0);
    // The last two of them at once, with more behind.
    let mut tries = Vec::new();
    for n in 0..8 {
        let app = if n % 2 == 0 { scene.latchkey.app.clone() } else { second.app.clone() };
        let (user, code) = (scene.alice.id.clone(), scene.phone.code(&scene.latchkey, 40 + n));
        tries.push(tokio::spawn(async move { accept(&app, &user, &code).await }));
    }
    for one in tries {
        assert_eq!(one.await.expect("a task").expect("an answer"), None);
    }
    scene.fails(1).await;
    assert_eq!(scene.latchkey.count("authenticator_disabled", &scene.alice).await, 1);
    let about = "The codes of your authenticator app are blocked";
    let mail = scene.latchkey.mail_about(about).await;
    assert!(mail.says("somebody knows your password") && mail.says("192.0.2.66"), "{}", mail.text);
    let mails = scene.latchkey.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.subject == about).count(), 1);
    // Strangers' tries close nothing to the browser that she knows, where she finds it among the
    // changes.
    let owed = sign_in_with(&mut scene.browser, "alice", &scene.alice.password).await;
    let page = scene.phone.answer(&scene.latchkey, &mut scene.browser, owed).await;
    assert!(page.says("Codes were blocked after many wrong ones"), "{page}");
    // A backup code opens the way to set the app up anew, and then all is well.
    scene.latchkey.pass_seconds(301);
    let page = scene.browser.open("/account/two-factor/set-up?replace=1").await;
    assert_eq!(page.url.path(), CONFIRM, "{page}");
    let page = page.fill("password", &scene.alice.password).fill("code", &scene.codes[1]);
    let page = scene.browser.submit(&page, "Confirm").await.page();
    let phone = Phone::scan(&page);
    let page = page.fill("code", &phone.code(&scene.latchkey, 0));
    let page = scene.browser.submit(&page, "Replace the old one").await.page();
    assert!(page.says("what it replaced no longer does"), "{page}");
    let page = scene.browser.open(paths::ACCOUNT_SECURITY).await;
    assert!(!page.says("codes are blocked"), "{page}");
    scene.latchkey.enter_with(&scene.alice, &phone).await;
}

#[tokio::test]
async fn s_124_support_unlocks_codes_that_are_blocked() {
    let scene = Scene::set().await;
    scene.fails(100).await;
    assert_eq!(scene.accepts(&scene.phone.code(&scene.latchkey, 0)).await, None);
    people::unlock(&scene.latchkey.app, "alice").await.expect("unlocked");
    scene.latchkey.enter_with(&scene.alice, &scene.phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_126_of_twenty_browsers_with_one_backup_code_one_gets_in() {
    let scene = Scene::set().await;
    let second = scene.latchkey.another_node().await;
    let mut tries = Vec::new();
    for n in 0..20 {
        let app = if n % 2 == 0 { scene.latchkey.app.clone() } else { second.app.clone() };
        let (user, code) = (scene.alice.id.clone(), scene.codes[4].clone());
        tries.push(tokio::spawn(async move {
            accept(&app, &user, &code).await.expect("an answer").is_some()
        }));
    }
    let mut opened = 0;
    for one in tries {
        opened += usize::from(one.await.expect("an answer"));
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn s_126_a_backup_code_is_of_one_person_and_of_one_set() {
    let scene = Scene::set().await;
    let bob = scene.latchkey.bob().await;
    let mut his = scene.latchkey.browser();
    sign_in(&mut his, &bob).await;
    let (_, theirs) = scene.latchkey.turn_on(&mut his).await;
    assert_eq!(scene.accepts(&theirs[0]).await, None, "his code is nothing to her account");
    let mut db = scene.latchkey.app.store.write().await.expect("a write");
    let codes = latchkey::store::backup_codes::list(&mut db, &scene.alice.id).await.expect("codes");
    for (kept, shown) in codes.iter().zip(&scene.codes) {
        let bare = shown.replace('-', "");
        assert!(!kept.code_hash.contains(&bare) && kept.code_hash.len() == 43, "{kept:?}");
        assert_ne!(kept.code_hash, latchkey::secret::sha256(&bare), "not without the key");
    }
}

#[tokio::test]
async fn s_127_what_changes_factors_wants_a_fresh_proof() {
    let mut scene = Scene::set().await;
    let overview = scene.browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let remove = overview.link("Remove Pixel").path().to_owned();
    scene.latchkey.pass_seconds(301);
    for path in [
        paths::ACCOUNT_TWO_FACTOR_SET_UP,
        paths::ACCOUNT_BACKUP_CODES,
        paths::ACCOUNT_TWO_FACTOR_OFF,
        &remove,
    ] {
        assert_eq!(scene.browser.open(path).await.url.path(), CONFIRM, "{path}");
        let status = send_to(&scene.latchkey, &scene.browser, &overview, path).await;
        assert_eq!(status, 303, "{path}: to confirm first");
    }
    let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    assert!(page.says("Pixel") && page.says("10 of your codes"), "nothing happened: {page}");
    // A stale session without two-factor cannot turn it on either.
    let bob = scene.latchkey.bob().await;
    let mut his = scene.latchkey.browser();
    sign_in(&mut his, &bob).await;
    scene.latchkey.pass_seconds(301);
    assert_eq!(his.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await.url.path(), CONFIRM);
}

#[tokio::test]
async fn s_127_a_seed_counts_only_after_a_right_code() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    let phone = Phone::scan(&page);
    for code in ["", "000000", "12345", &phone.code(&latchkey, 3)] {
        let page = browser.submit(&page.clone().fill("code", code), "Turn on").await.page();
        assert_eq!(page.status, 422, "{code:?}");
    }
    // Nor with the id of a seed that is somebody else's.
    let bob = latchkey.bob().await;
    let mut his = latchkey.browser();
    sign_in(&mut his, &bob).await;
    let theirs = his.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    let swapped = page.fill("enrolment", theirs.value("enrolment"));
    let swapped = swapped.fill("code", &Phone::scan(&theirs).code(&latchkey, 0));
    assert_eq!(browser.submit(&swapped, "Turn on").await.page().status, 422);
    for user in [&alice, &bob] {
        sign_in(&mut latchkey.browser(), user).await;
    }
}

#[tokio::test]
async fn s_127_who_copied_an_older_cookie_has_not_seen_the_seed() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let seen = Phone::scan(&browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await);
    assert_eq!(Phone::scan(&browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await), seen);
    // The owner proves who they are, which makes the copy worthless, and what it was shown.
    latchkey.pass_seconds(301);
    let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
    assert_eq!(page.url.path(), CONFIRM, "{page}");
    let page = page.fill("password", &alice.password);
    let page = browser.submit(&page, "Confirm").await.page();
    assert_ne!(Phone::scan(&page), seen);
}

#[tokio::test]
async fn s_127_of_two_that_set_up_at_once_one_wins() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut pages = Vec::new();
    for _ in 0..2 {
        let mut browser = latchkey.browser();
        sign_in(&mut browser, &alice).await;
        let page = browser.open(paths::ACCOUNT_TWO_FACTOR_SET_UP).await;
        pages.push((browser, page));
    }
    let phones: Vec<_> = pages.iter().map(|(_, page)| Phone::scan(page)).collect();
    let mut arrivals = Vec::new();
    for ((mut browser, page), phone) in pages.into_iter().zip(&phones) {
        let page = page.fill("code", &phone.code(&latchkey, 0));
        let task = async move { browser.submit(&page, "Turn on").await.page() };
        arrivals.push(tokio::spawn(task));
    }
    let mut won = 0;
    for arrival in arrivals {
        let page = arrival.await.expect("a page");
        won += usize::from(page.heading() == "Save your backup codes");
    }
    assert_eq!(won, 1);
    let mut db = latchkey.app.store.read().await.expect("a read");
    let left = credentials::list_totp(&mut db, &alice.id).await.expect("a list");
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].confirmed_at.is_some());
}

#[tokio::test]
async fn s_128_a_new_password_from_support_leaves_the_factor() {
    let mut scene = Scene::set().await;
    let new = "an0ther-Lamp%91";
    let set = people::set_password(&scene.latchkey.app, "alice", &new.to_owned().into()).await;
    set.expect("another password");
    scene.alice.password = new.to_owned();
    let (mut browser, page) = scene.latchkey.owing(&scene.alice).await;
    let page = scene.phone.answer(&scene.latchkey, &mut browser, page).await;
    assert_eq!(page.url.path(), paths::LOGIN_CHANGE_PASSWORD, "{page}");
}

#[tokio::test]
async fn s_129_a_seed_opens_for_its_own_person_only() {
    let scene = Scene::set().await;
    let bob = scene.latchkey.bob().await;
    let app = &scene.latchkey.app;
    let mut db = app.store.write().await.expect("a write");
    let hers = credentials::list_totp(&mut db, &scene.alice.id).await.expect("a list");
    let mut copy = hers[0].clone();
    assert!(!copy.sealed_seed.contains(&String::from_utf8_lossy(&scene.phone.seed).into_owned()));
    copy.id = app.random.id(app.clock.now());
    copy.user_id.clone_from(&bob.id);
    credentials::insert_totp(&mut db, &copy).await.expect("a copy");
    db.commit().await.expect("a commit");
    scene.latchkey.pass_seconds(30);
    let code = scene.phone.code(&scene.latchkey, 0);
    assert!(accept(app, &bob.id, &code).await.is_err(), "it must not open");
}

#[tokio::test]
async fn s_130_tokens_tell_the_truth_about_the_factors() {
    let scene = Scene::set().await;
    let latchkey = &scene.latchkey;
    let web = latchkey.client(clients::web()).await;
    let bob = latchkey.bob().await;
    let mut his = latchkey.browser();
    let tokens = latchkey.tokens_in(&mut his, &bob, &web, &[]).await;
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!((&id["acr"], &id["amr"]), (&json!("urn:latchkey:acr:password"), &json!(["pwd"])));
    let acr = r#"{"id_token":{"acr":{"essential":true,"values":["urn:latchkey:acr:mfa"]}}}"#;
    let silent = address(&latchkey.issuer, &web, &[("claims", acr), ("prompt", "none")]);
    let Arrival::Client(came) = his.arrive(&silent).await else { panic!("a page") };
    let error = came.parameter("error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
    // Who sets two-factor up has shown both from then on.
    let mut hers = scene.browser.clone();
    let arrival = hers.arrive(&address(&latchkey.issuer, &web, &[("claims", acr)])).await;
    let came = walk(&mut hers, &scene.alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let tokens = exchange(&latchkey.endpoints, &web.credentials(), &web, &code).await.good();
    let id = claims_of(text(&tokens, "id_token"));
    assert_eq!(id["acr"], "urn:latchkey:acr:mfa");
    assert_eq!(id["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn s_139_what_is_somebody_elses_is_not_there() {
    let mut scene = Scene::set().await;
    scene.trusted().await;
    let page = scene.browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let theirs = page.attributes(".rows a[href^='/account/two-factor/']", "href");
    assert_eq!(theirs.len(), 2, "{page}");
    let bob = scene.latchkey.bob().await;
    let mut his = scene.latchkey.browser();
    sign_in(&mut his, &bob).await;
    scene.latchkey.turn_on(&mut his).await;
    let own = his.open(paths::ACCOUNT_TWO_FACTOR).await;
    for path in &theirs {
        assert_eq!(his.open(path).await.status, 404, "{path}");
        assert_eq!(send_to(&scene.latchkey, &his, &own, path).await, 404, "{path}");
    }
    let after = scene.browser.open(paths::ACCOUNT_TWO_FACTOR).await;
    let left = after.attributes(".rows a[href^='/account/two-factor/']", "href");
    assert_eq!(left, theirs, "nothing happened");
}

#[tokio::test]
async fn s_169_a_reset_by_support_ends_all_that_was_open() {
    let mut scene = Scene::set().await;
    let web = scene.latchkey.client(clients::web()).await;
    let rs = scene.latchkey.client(clients::rs()).await;
    let offline = [("scope", "openid offline_access")];
    let mut hers = scene.browser.clone();
    let tokens = scene.latchkey.tokens_in(&mut hers, &scene.alice, &web, &offline).await;
    let (half, owed) = scene.latchkey.owing(&scene.alice).await;
    let (_, removed) = two_factor::reset(&scene.latchkey.app, "alice").await.expect("a reset");
    assert_eq!(removed, 1);
    assert_eq!(scene.browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
    for name in ["access_token", "refresh_token"] {
        let seen = scene.latchkey.introspect(&rs, text(&tokens, name)).await;
        assert_eq!(seen["active"], false, "{name}");
    }
    let mut half = half;
    let page = scene.phone.answer(&scene.latchkey, &mut half, owed).await;
    assert_eq!(page.url.path(), paths::LOGIN, "also a sign-in that was half done");
    let (mut db, user) = (scene.latchkey.app.store.read().await.expect("a read"), &scene.alice.id);
    let codes = latchkey::store::backup_codes::count_left(&mut db, user).await.expect("a count");
    assert_eq!(codes, 0);
    sign_in(&mut scene.latchkey.browser(), &scene.alice).await;
}
