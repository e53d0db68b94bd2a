//! A password that support sets opens nothing but the page that asks for another one (S-169), and
//! a hash of before is hashed anew without telling (S-109, S-138).

use std::time::Duration;

use latchkey::hashing::Hasher;
use latchkey::identity::people;
use latchkey::identity::sessions::{self, Arrival, Proof, Whereabouts};
use latchkey::identity::sign_in::{Attempt, SignIn, sign_in as check};
use latchkey::paths;
use latchkey::secret::Random;
use latchkey::store::{credentials, users};
use reqwest::StatusCode;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{
    address, claims_of, exchange, sign_in, sign_in_with, text, type_in, walk,
};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::stage::Stage;

const GIVEN: &str = "An0ther-Lamp%44";
const OWN: &str = "N3w-Harbour%Gull";
const CHANGE: &str = paths::LOGIN_CHANGE_PASSWORD;

async fn set(latchkey: &Latchkey, name: &str) {
    people::set_password(&latchkey.app, name, &GIVEN.into()).await.expect("a temporary password");
}

async fn choose(browser: &mut Browser, page: &Page, new: &str, repeat: &str) -> Page {
    let page = page.clone().fill("password", new).fill("repeat", repeat);
    browser.submit(&page, "Set new password").await.page()
}

/// The page of another password, in a browser of its own.
async fn before(latchkey: &Latchkey, name: &str) -> (Browser, Page) {
    let mut browser = latchkey.browser();
    let page = sign_in_with(&mut browser, name, GIVEN).await;
    assert_eq!(page.url.path(), CHANGE, "{page}");
    (browser, page)
}

#[tokio::test]
async fn s_169_a_password_that_support_sets_must_be_changed_before_anything_opens() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    set(&stage.latchkey, "alice").await;
    stage.is_dead("set by support", &grant).await;
    let home = stage.browser.open(paths::ACCOUNT_SECURITY).await;
    assert_eq!(home.url.path(), paths::LOGIN, "every session is dead");
    let (mut browser, page) = before(&stage.latchkey, "alice").await;
    for path in [paths::ACCOUNT_SECURITY, paths::ACCOUNT_PASSWORD, paths::LOGIN_TWO_FACTOR] {
        let page = browser.open(path).await;
        assert_eq!(page.url.path(), paths::LOGIN, "{path}: {page}");
    }
    let silent = stage.ask().with("prompt", "none");
    // The way back to the page is still there.
    let (mut browser, page) = match browser.open(CHANGE).await {
        open if open.url.path() == CHANGE => (browser, page),
        _ => before(&stage.latchkey, "alice").await,
    };
    let arrival = browser.arrive(&silent.address()).await;
    stage.refused("prompt=none", &silent, arrival, "login_required");
    for (new, repeat, told) in [
        (GIVEN, GIVEN, "same as your current one"),
        (OWN, GIVEN, "not the same"),
        ("short", "short", "at least 8"),
        ("Alice-Moreau-1!", "Alice-Moreau-1!", "your own name"),
    ] {
        let again = choose(&mut browser, &page, new, repeat).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}: {again}");
        assert!(again.says(told), "{new}: {again}");
        assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
        let open = browser.open(CHANGE).await;
        if open.url.path() != CHANGE {
            (browser, _) = before(&stage.latchkey, "alice").await;
        }
    }
    let (mut browser, page) = before(&stage.latchkey, "alice").await;
    let done = choose(&mut browser, &page, OWN, OWN).await;
    assert_eq!(done.url.path(), paths::ACCOUNT_SECURITY, "{done}");
    let other = sign_in_with(&mut stage.latchkey.browser(), "alice", GIVEN).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{other}");
    let other = sign_in_with(&mut stage.latchkey.browser(), "alice", OWN).await;
    assert_eq!(other.url.path(), paths::ACCOUNT_SECURITY, "{other}");
    assert_eq!(
        (stage.events("password_set").await, stage.events("password_changed").await),
        (1, 1)
    );
    let mails = stage.latchkey.mails_to(&stage.alice.email).await;
    assert_eq!(mails.iter().filter(|mail| mail.subject.contains("password")).count(), 2);
}

#[tokio::test]
async fn s_169_what_was_proven_counts_once_the_password_is_ones_own() {
    let latchkey = Latchkey::start().await;
    let mut alice = latchkey.alice().await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    let (phone, _) = latchkey.turn_on(&mut browser).await;
    set(&latchkey, "alice").await;
    alice.password = GIVEN.into();
    // Within a request of an application, with a second factor.
    let mut browser = latchkey.browser();
    let login = browser.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let page = type_in(&mut browser, login, "alice", GIVEN).await.page();
    assert_eq!(page.url.path(), paths::LOGIN_TWO_FACTOR, "{page}");
    let page = phone.answer(&latchkey, &mut browser, page).await;
    assert_eq!(page.url.path(), CHANGE, "the code does not open it either: {page}");
    // In another browser there is nothing to change, nor a request to cancel.
    let other = latchkey.browser().open(page.url.as_str()).await;
    assert!(other.status.is_client_error() && !other.has("repeat"), "{other}");
    let page = page.fill("password", OWN).fill("repeat", OWN);
    let arrival = browser.submit(&page, "Set new password").await;
    let code = walk(&mut browser, &alice, arrival).await.parameter("code").expect("a code");
    let told = exchange(&latchkey.endpoints, &web.credentials(), &web, &code).await.good();
    assert_eq!(claims_of(text(&told, "id_token"))["acr"], "urn:latchkey:acr:mfa");
    // Cancelled, the application is told so.
    set(&latchkey, "alice").await;
    let mut browser = latchkey.browser();
    let login = browser.arrive(&address(&latchkey.issuer, &web, &[])).await.page();
    let page = type_in(&mut browser, login, "alice", GIVEN).await.page();
    let page = phone.answer(&latchkey, &mut browser, page).await;
    let told = browser.submit(&page, "Cancel").await.departure();
    assert_eq!(told.parameter("error").as_deref(), Some("access_denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn s_169_a_temporary_password_is_changed_once_within_a_week_or_by_mail() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    set(&latchkey, "alice").await;
    let (mut one, page) = before(&latchkey, "alice").await;
    let (mut two, other) = before(&latchkey, "alice").await;
    let (first, second) = tokio::join!(
        choose(&mut one, &page, OWN, OWN),
        choose(&mut two, &other, "An0ther-Gull%7", "An0ther-Gull%7"),
    );
    let opened = [first, second];
    let opened = opened.iter().filter(|page| page.url.path() == paths::ACCOUNT_SECURITY).count();
    assert_eq!(opened, 1, "of two at once one counts");
    assert_eq!(latchkey.count("password_changed", &alice).await, 1);
    // A page that support has overtaken.
    set(&latchkey, "alice").await;
    let (mut late, page) = before(&latchkey, "alice").await;
    people::set_password(&latchkey.app, "alice", &"Th1rd-Lamp%44x".into()).await.expect("set");
    let page = choose(&mut late, &page, OWN, OWN).await;
    assert_eq!(page.url.path(), paths::LOGIN, "{page}");
    // By mail Bob chooses his own, and is asked for no other.
    set(&latchkey, "bob").await;
    let mut browser = latchkey.browser();
    let page = browser.open(&latchkey.recovery_link(&bob).await).await;
    choose(&mut browser, &page, OWN, OWN).await;
    let bob = TestUser { password: OWN.into(), ..bob };
    sign_in(&mut latchkey.browser(), &bob).await;
    // A week later nobody comes in by it, as if it were wrong.
    set(&latchkey, "bob").await;
    latchkey.pass(Duration::from_hours(24 * 7));
    let page = sign_in_with(&mut latchkey.browser(), "bob", GIVEN).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s_138_an_old_hash_is_hashed_anew_after_the_answer_and_stays_the_same_password() {
    let stage = Stage::set().await;
    let (app, alice) = (&stage.latchkey.app, &stage.alice);
    let old = Hasher::new(8192, 1, 1, 0, app.lasting.pepper(), &Random::System).expect("a hasher");
    let turn = old.reserve().expect("a place");
    let old = old.hash(&turn, alice.password.clone().into(), &Random::System).await;
    let old = old.expect("a hash");
    let mut db = app.store.write().await.expect("a write");
    let sql = "UPDATE password_credentials SET hash = $2 WHERE user_id = $1";
    sqlx::query(sql).bind(&alice.id).bind(&old).execute(&mut *db).await.expect("written");
    db.commit().await.expect("a commit");
    let whereabouts = Whereabouts::default();
    let attempt = Attempt {
        login: "alice",
        password: alice.password.clone().into(),
        whereabouts: &whereabouts,
        client_id: None,
    };
    let SignIn::Proven { user, hash } = check(app, attempt).await.expect("an answer") else {
        panic!("it is her password");
    };
    app.afterwards.close();
    app.afterwards.wait().await;
    let mut db = app.store.write().await.expect("a write");
    let now = credentials::find(&mut db, &user.id).await.expect("a read").expect("a password").hash;
    assert!(now.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{now}");
    assert_eq!(hash, old);
    // Who proved it a moment before comes in all the same; after a change nobody does.
    let user = users::find(&mut db, &user.id).await.expect("a read").expect("Alice");
    let proof = Proof::password(app.clock.now());
    let arrival = Arrival {
        user: &user,
        proof: &proof,
        whereabouts: &whereabouts,
        before: None,
        remembered: false,
        hash: Some(&hash),
        pending: None,
        trusts: false,
    };
    assert!(sessions::still_stands(&mut db, &arrival).await.expect("an answer"));
    drop(db);
    sign_in(&mut stage.latchkey.browser(), alice).await;
    set(&stage.latchkey, "alice").await;
    let mut db = app.store.write().await.expect("a write");
    assert!(!sessions::still_stands(&mut db, &arrival).await.expect("an answer"));
    // By a code alone, too, that was typed after the password which is no more.
    let by_code = Arrival { hash: None, ..arrival };
    assert!(sessions::still_stands(&mut db, &by_code).await.expect("set in the same instant"));
    drop(db);
    stage.latchkey.pass_seconds(1);
    set(&stage.latchkey, "alice").await;
    let mut db = app.store.write().await.expect("a write");
    assert!(!sessions::still_stands(&mut db, &by_code).await.expect("an answer"));
}

#[tokio::test]
async fn a_temporary_password_that_somebody_knows_leaves_its_trace() {
    let stage = Stage::set().await;
    set(&stage.latchkey, "alice").await;
    let (mut browser, page) = before(&stage.latchkey, "alice").await;
    let told = stage.latchkey.count("sign_in", &stage.alice).await;
    assert_eq!(told, 1, "also when they stop before the change");
    choose(&mut browser, &page, OWN, OWN).await;
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    assert!(page.says("Signed in") && !page.says("Stopped at a new password"), "{page}");
    // Another time nobody goes on.
    set(&stage.latchkey, "alice").await;
    before(&stage.latchkey, "alice").await;
    let (mut browser, page) = before(&stage.latchkey, "alice").await;
    choose(&mut browser, &page, "An0ther-Owl%77", "An0ther-Owl%77").await;
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    assert!(page.says("Stopped at a new password"), "{page}");
}
