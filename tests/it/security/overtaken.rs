//! What was proven or asked counts only if nothing came in between that ends it: the model of
//! `tests/it/model` found these gaps between two transactions of one request.

use std::time::Duration;

use latchkey::identity::people;
use latchkey::identity::sessions::{Arrival, Proof, Whereabouts, still_stands};
use latchkey::identity::sign_in::{self, Attempt, SignIn};
use latchkey::identity::two_factor::{self, SecondFactor};
use latchkey::paths;
use latchkey::store::sessions;
use latchkey::store::users::User;
use secrecy::SecretString;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::clients;
use crate::support::flow::{sign_in as enter, sign_in_with, totp};
use crate::support::people::TestUser;
use crate::support::stage::{Ask, Grant, Stage};

const SEED: &[u8] = b"12345678901234567890";

/// What comes in between.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Password,
    LockAndUnlock,
    Reset,
}

impl Between {
    async fn happen(self, latchkey: &Latchkey) {
        let app = &latchkey.app;
        match self {
            Self::Nothing => {}
            Self::Password => {
                let new = SecretString::from("an0ther-Orbit%lamp");
                people::set_password(app, "alice", &new).await.unwrap();
            }
            Self::LockAndUnlock => {
                people::lock(app, "alice", "a test").await.unwrap();
                people::unlock(app, "alice").await.unwrap();
            }
            Self::Reset => drop(two_factor::reset(app, "alice").await.unwrap()),
        }
    }
}

async fn with_app() -> (Latchkey, TestUser) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    latchkey.enrol(&alice, SEED).await;
    (latchkey, alice)
}

/// Types the right password; whose it is, and the hash that it was compared with.
async fn proven(latchkey: &Latchkey, alice: &TestUser) -> (User, String) {
    let attempt = Attempt {
        login: &alice.username,
        password: alice.password.clone().into(),
        whereabouts: &Whereabouts::default(),
        client_id: None,
    };
    match sign_in::sign_in(&latchkey.app, attempt).await.unwrap() {
        SignIn::SecondFactorNeeded { user, hash } => (user, hash),
        other => panic!("{other:?}"),
    }
}

fn arrival<'a>(user: &'a User, proof: &'a Proof, whereabouts: &'a Whereabouts) -> Arrival<'a> {
    Arrival {
        user,
        proof,
        whereabouts,
        before: None,
        remembered: false,
        hash: None,
        pending: None,
        trusts: false,
    }
}

#[tokio::test]
async fn a_password_that_was_replaced_since_begins_no_half_sign_in() {
    for (between, begins) in
        [(Between::Nothing, true), (Between::Password, false), (Between::LockAndUnlock, true)]
    {
        let (latchkey, alice) = with_app().await;
        let (user, hash) = proven(&latchkey, &alice).await;
        between.happen(&latchkey).await;
        let proof = Proof::password(latchkey.clock.now());
        let whereabouts = Whereabouts::default();
        let arrival = Arrival { hash: Some(&hash), ..arrival(&user, &proof, &whereabouts) };
        let owed = sign_in::owe_second_factor(&latchkey.app, &arrival, None).await.unwrap();
        assert_eq!(owed.is_some(), begins, "{between:?}");
    }
}

#[tokio::test]
async fn a_code_that_was_taken_before_signs_nobody_in_after() {
    for (between, stands) in [
        (Between::Nothing, true),
        (Between::Password, false),
        (Between::LockAndUnlock, false),
        (Between::Reset, false),
    ] {
        let (latchkey, alice) = with_app().await;
        let app = &latchkey.app;
        let (user, hash) = proven(&latchkey, &alice).await;
        let (proof, whereabouts) = (Proof::password(app.clock.now()), Whereabouts::default());
        let password = Arrival { hash: Some(&hash), ..arrival(&user, &proof, &whereabouts) };
        let token = sign_in::owe_second_factor(app, &password, None).await.unwrap().unwrap();
        let pending = sign_in::owing(app, &token).await.unwrap().expect("it is owed");
        let code = totp(SEED, app.clock.now().seconds());
        let attempt =
            two_factor::Attempt { code: &code, whereabouts: &whereabouts, client_id: None };
        let checked = two_factor::check_code(app, &pending, attempt).await.unwrap();
        let SecondFactor::Proven(user, proof, _) = checked else { panic!("{checked:?}") };
        between.happen(&latchkey).await;
        let arrival =
            Arrival { pending: Some(&pending.id_hash), ..arrival(&user, &proof, &whereabouts) };
        let mut db = app.store.write().await.unwrap();
        assert_eq!(still_stands(&mut db, &arrival).await.unwrap(), stands, "{between:?}");
        // And once only.
        assert!(!still_stands(&mut db, &arrival).await.unwrap(), "{between:?}");
    }
}

#[tokio::test]
async fn a_lock_ends_half_sign_ins_for_good() {
    let (latchkey, alice) = with_app().await;
    let mut browser = latchkey.browser();
    let page = sign_in_with(&mut browser, &alice.username, &alice.password).await;
    Between::LockAndUnlock.happen(&latchkey).await;
    let page = page.fill("code", &totp(SEED, latchkey.clock.now().seconds()));
    let page = browser.submit(&page, "Verify").await.page();
    assert_eq!(page.url.path(), paths::LOGIN, "{page}");
}

#[tokio::test]
async fn an_application_that_asks_silently_is_told_that_a_code_is_owed() {
    let (latchkey, alice) = with_app().await;
    let web = latchkey.client(clients::web()).await;
    let mut browser = latchkey.browser();
    let silent = Ask::of(&web).with("prompt", "none");
    for (owes, error) in [(false, "login_required"), (true, "interaction_required")] {
        if owes {
            sign_in_with(&mut browser, &alice.username, &alice.password).await;
        }
        let told = browser.arrive(&silent.address()).await.departure();
        assert_eq!(told.parameter("error").as_deref(), Some(error), "{}", told.url);
    }
}

#[tokio::test]
async fn an_ended_session_cannot_be_held() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser: Browser = latchkey.browser();
    enter(&mut browser, &alice).await;
    let (app, now) = (&latchkey.app, latchkey.clock.now());
    let token = browser.cookies().value("session").expect("a session");
    let found = latchkey::identity::sessions::find(app, &token).await.unwrap();
    let (session, _) = found.expect("it lives");
    let mut db = app.store.write().await.unwrap();
    assert!(sessions::hold(&mut db, &session.id, now).await.unwrap());
    assert!(!sessions::hold(&mut db, &session.id, session.expires_at).await.unwrap());
    sessions::end(&mut db, &session.id, "a test", now).await.unwrap();
    assert!(!sessions::hold(&mut db, &session.id, now).await.unwrap());
}

#[tokio::test]
async fn a_refresh_after_a_lost_answer_counts_as_a_use() {
    let days = |days: u64| Duration::from_hours(24 * days);
    let mut stage = Stage::set().await;
    let first = stage.grant(&stage.ask_offline()).await;
    stage.refresh(&first.refresh).await.good();
    stage.latchkey.pass(days(13));
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    stage.latchkey.pass(days(13));
    assert!(stage.refresh(&second.refresh).await.status.is_success());
}
