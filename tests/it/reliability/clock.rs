//! nodes whose clocks differ, and clocks that jump.

use std::sync::atomic::Ordering;
use std::time::Duration;

use latchkey::clock::{Clock, Timestamp};
use latchkey::paths;
use latchkey::server::sweeping::sweep;

use crate::support::browser::http;
use crate::support::clients::{self, AssertionKey};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::stage::{Ask, Grant, Stage, is_alive};
use crate::support::{Latchkey, START};

/// How far the clocks of two machines may be apart that ask a time server.
const USUAL: i64 = 30;

/// Sets a clock by hand, also backwards.
fn set(clock: &Clock, seconds: i64) {
    let Clock::Manual(at) = clock else { panic!("the machine's clock is left alone") };
    at.store(Timestamp::from_seconds(START.seconds() + seconds).millis(), Ordering::SeqCst);
}

/// A node whose clock is ahead by so many seconds.
async fn node_ahead(stage: &Stage, seconds: i64) -> Latchkey {
    let clock = Clock::manual(START);
    set(&clock, seconds);
    stage.latchkey.another_node_by(clock, |_| {}).await
}

/// Whether Alice's browser gets a code from that node without being asked anything.
async fn is_signed_in(stage: &Stage, node: &Latchkey) -> bool {
    let mut url: reqwest::Url = stage.latchkey.at("/").parse().unwrap();
    let cookies = stage.browser.cookies().header(&url, false).expect("cookies");
    url = node.endpoints.socket().parse().unwrap();
    let ask = stage.ask().with("prompt", "none");
    let request = http().get(url.join(&ask.address()).unwrap()).header("cookie", cookies);
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_redirection(), "{answer:?}");
    answer.headers()["location"].to_str().unwrap().contains("code=")
}

#[tokio::test]
async fn nodes_whose_clocks_differ_agree_as_far_as_they_differ() {
    for skew in [USUAL, -USUAL, 300, -300] {
        let mut stage = Stage::set().await;
        let other = node_ahead(&stage, skew).await;
        let ask = stage.ask_offline();
        let grant = stage.grant(&ask).await;
        // What one gives the other takes, whichever of them is ahead.
        assert!(is_alive(&other.endpoints, &stage.rs, &grant.access).await, "{skew}");
        assert!(is_signed_in(&stage, &other).await, "{skew}: the session is lost");
        let code = stage.code(&ask).await;
        let form = ask.redemption(&code);
        let there = other.endpoints.post(paths::TOKEN, &stage.web.credentials(), &form).await;
        // A node that is far ahead takes a code for too old: that is safe.
        assert_eq!(there.status == 200, skew < 60, "{skew}: {there}");
        let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
        let there = other.endpoints.post(paths::TOKEN, &stage.web.credentials(), &form).await;
        let from_there = Grant::read(&there);
        assert!(stage.is_alive(&from_there.access).await, "{skew}");
        // Nobody's token outlives the times that stand in it by more than the clocks differ.
        for (what, token) in [("here", &grant.access), ("there", &from_there.access)] {
            let form = [("token", token.as_str())];
            let caller = stage.rs.credentials();
            let told = stage.latchkey.endpoints.post(paths::INTROSPECT, &caller, &form).await;
            let expires = told.good()["exp"].as_i64().expect("exp") - START.seconds();
            for (node, ahead) in [(&stage.latchkey, 0), (&other, skew)] {
                let most = expires + 60.max(skew.abs());
                set(&node.clock, most + ahead);
                let alive = is_alive(&node.endpoints, &stage.rs, token).await;
                assert!(!alive, "{skew}: made {what}, alive {} s too long", most - expires);
                set(&node.clock, ahead);
            }
        }
    }
}

/// A clock that is slewed goes a tenth too fast or too slow for half an hour.
#[tokio::test]
async fn nodes_whose_clocks_drift_apart_agree_as_far_as_they_differ() {
    for pace in [66, 54] {
        let mut stage = Stage::set().await;
        let other = node_ahead(&stage, 0).await;
        let ask = stage.ask_offline();
        let mut grant = stage.grant(&ask).await;
        for minute in (3..=30).step_by(3) {
            set(&stage.latchkey.clock, minute * 60);
            set(&other.clock, minute * pace);
            let apart = (minute * (pace - 60)).abs();
            // By turns at the one and at the other.
            let node = if minute % 2 == 0 { &stage.latchkey } else { &other };
            let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh.as_str())];
            let told = node.endpoints.post(paths::TOKEN, &stage.web.credentials(), &form).await;
            grant = Grant::read(&told);
            for node in [&stage.latchkey, &other] {
                let alive = is_alive(&node.endpoints, &stage.rs, &grant.access).await;
                assert!(alive, "{pace}, minute {minute}: a fresh token is dead");
                assert!(is_signed_in(&stage, node).await, "{pace}, minute {minute}: signed out");
            }
            if apart < 60 {
                let code = stage.code(&ask).await;
                let form = ask.redemption(&code);
                let caller = stage.web.credentials();
                Grant::read(&other.endpoints.post(paths::TOKEN, &caller, &form).await);
            }
        }
        let form = [("token", grant.access.as_str())];
        let caller = stage.rs.credentials();
        let told = stage.latchkey.endpoints.post(paths::INTROSPECT, &caller, &form).await;
        let expires = told.good()["exp"].as_i64().expect("exp") - START.seconds();
        let apart = 30 * (pace - 60);
        for (node, ahead) in [(&stage.latchkey, 0), (&other, apart)] {
            set(&node.clock, expires + 60.max(apart.abs()) + ahead);
            let alive = is_alive(&node.endpoints, &stage.rs, &grant.access).await;
            assert!(!alive, "{pace}: a token outlived its time by more than the clocks differ");
        }
    }
}

#[tokio::test]
async fn half_a_minute_more_signs_nobody_out() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let grant = stage.grant(&ask).await;
    set(&stage.latchkey.clock, USUAL);
    assert!(is_signed_in(&stage, &stage.latchkey).await);
    assert!(stage.is_alive(&grant.access).await);
    Grant::read(&stage.refresh(&grant.refresh).await);
}

/// Everything that a browser and an application do most; the standing checks see to it that
/// nothing breaks.
async fn do_everything(stage: &mut Stage) -> Grant {
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    assert!(stage.is_alive(&grant.access).await);
    let next = Grant::read(&stage.refresh(&grant.refresh).await);
    for path in [
        paths::ACCOUNT_SECURITY,
        paths::ACCOUNT_SESSIONS,
        paths::ACCOUNT_HISTORY,
        paths::ACCOUNT_CHANGES,
        paths::ACCOUNT_APPLICATIONS,
        paths::ACCOUNT_PASSWORD,
        paths::ACCOUNT_TWO_FACTOR,
    ] {
        stage.browser.open(path).await;
    }
    sweep(&stage.latchkey.app).await.expect("it sweeps");
    stage.latchkey.app.tend_keys().await.expect("keys are tended");
    next
}

#[tokio::test]
async fn a_clock_that_jumps_breaks_nothing() {
    let mut stage = Stage::set().await;
    for at in [0, 86_400, 0, -3600, 3600, -86_400, 30, 7 * 86_400, 0] {
        set(&stage.latchkey.clock, at);
        let grant = do_everything(&mut stage).await;
        assert!(stage.is_alive(&grant.access).await, "at {at}");
        assert!(is_signed_in(&stage, &stage.latchkey).await, "at {at}");
    }
}

#[tokio::test]
async fn a_session_and_a_token_are_over_when_the_clock_has_jumped_past_them() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let grant = stage.grant(&ask).await;
    set(&stage.latchkey.clock, 86_400 + 60);
    assert!(!is_signed_in(&stage, &stage.latchkey).await);
    assert!(!stage.is_alive(&grant.access).await);
    stage.refresh(&grant.refresh).await.refuses(400, "invalid_grant");
}

#[tokio::test]
async fn what_was_revoked_stays_dead_when_the_clock_was_wrong_by_a_day() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let grant = stage.grant(&ask).await;
    let form = [("token", grant.access.as_str())];
    stage
        .latchkey
        .endpoints
        .post(paths::REVOKE, &stage.web.credentials(), &form)
        .await
        .good_or_empty();
    assert!(!stage.is_alive(&grant.access).await);
    set(&stage.latchkey.clock, 86_400);
    sweep(&stage.latchkey.app).await.expect("it sweeps");
    set(&stage.latchkey.clock, 1);
    assert!(!stage.is_alive(&grant.access).await, "a revoked token is alive again");
}

#[tokio::test]
async fn an_assertion_counts_once_whatever_the_clock_does() {
    let mut stage = Stage::set().await;
    let key = AssertionKey::generate("a");
    let payroll = stage.latchkey.client(clients::pkj(&key)).await;
    let code = stage.code(&Ask::of(&payroll)).await;
    let assertion = stage.latchkey.assertion(&payroll, &key);
    let form = [("grant_type", "authorization_code"), ("code", code.as_str())];
    let endpoints = &stage.latchkey.endpoints;
    let first = endpoints.post(paths::TOKEN, &assertion, &form).await;
    assert_ne!(first.status, 401, "the assertion is good: {first}");
    for away in [86_400, -3600, 172_000] {
        set(&stage.latchkey.clock, away);
        sweep(&stage.latchkey.app).await.expect("it sweeps");
        set(&stage.latchkey.clock, 1);
        let again = endpoints.post(paths::TOKEN, &assertion, &form).await;
        again.refuses(401, "invalid_client");
    }
    // The client itself goes on as soon as the time of what was forgotten has passed.
    stage.latchkey.pass_seconds(120);
    let assertion = stage.latchkey.assertion(&payroll, &key);
    let next = endpoints.post(paths::TOKEN, &assertion, &form).await;
    assert_ne!(next.status, 401, "a new assertion is good: {next}");
}

/// Whether this code opens the account to a browser that has proven the password.
async fn opens(latchkey: &Latchkey, alice: &TestUser, code: &str) -> bool {
    let (mut browser, page): (_, Page) = latchkey.owing(alice).await;
    let page = browser.submit(&page.fill("code", code), "Verify").await.page();
    page.url.path() == paths::ACCOUNT_SECURITY
}

#[tokio::test]
async fn a_code_of_an_authenticator_counts_once_whatever_the_clock_does() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    latchkey.enrol(&alice, b"12345678901234567890").await;
    let code = |latchkey: &Latchkey| {
        let now = latchkey.clock.now().seconds();
        crate::support::flow::totp(b"12345678901234567890", now)
    };
    latchkey.pass(Duration::from_mins(5));
    let used = code(&latchkey);
    assert!(opens(&latchkey, &alice, &used).await);
    // Set back: neither that code nor one from before it.
    for back in [270, 240, 0] {
        set(&latchkey.clock, back);
        assert!(!opens(&latchkey, &alice, &used).await, "{back}");
        let older = code(&latchkey);
        assert!(!opens(&latchkey, &alice, &older).await, "{back}");
        latchkey.pass(Duration::from_mins(15));
        sweep(&latchkey.app).await.expect("it sweeps");
    }
    set(&latchkey.clock, 3600);
    let fresh = code(&latchkey);
    assert!(opens(&latchkey, &alice, &fresh).await, "its owner is not shut out for ever");
}
