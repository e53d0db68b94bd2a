//! Guessing ends, and the owner is not shut out (S-108, S-110, S-111, S-115, S-117).

use std::time::Duration;

use latchkey::identity::people;
use latchkey::identity::sessions::Whereabouts;
use latchkey::identity::sign_in::{self, Attempt, SignIn};
use latchkey::paths;
use latchkey::server::sweeping;
use latchkey::store::events::{self, Filter};
use latchkey::store::throttle;
use reqwest::StatusCode;

use crate::support::browser::Browser;
use crate::support::flow::{post_raw, sign_in, sign_in_with};
use crate::support::page::Page;
use crate::support::people::TestUser;
use crate::support::{Latchkey, in_haste};

const WRONG: &str = "wrong-Passw0rd!";

/// A guess from a browser that was never here.
async fn guess(latchkey: &Latchkey, username: &str, password: &str) -> Page {
    sign_in_with(&mut latchkey.browser(), username, password).await
}

fn evaluated(page: &Page) -> bool {
    match page.status {
        StatusCode::UNPROCESSABLE_ENTITY => true,
        StatusCode::TOO_MANY_REQUESTS => {
            assert!(page.headers.contains_key("retry-after") || page.says("until"), "{page}");
            assert!(page.has("password"), "the page stays a sign-in page: {page}");
            false
        }
        _ => panic!("{page}"),
    }
}

fn is_in(page: &Page) -> bool {
    page.url.path() == paths::ACCOUNT_SECURITY
}

/// A browser that has signed in to the account before.
async fn known_browser(latchkey: &Latchkey, user: &TestUser) -> Browser {
    let mut browser = latchkey.browser();
    sign_in(&mut browser, user).await;
    let page = browser.open(paths::LOGOUT).await;
    browser.submit(&page, "Sign out").await;
    browser
}

/// How the sign-ins of the account went, by the audit trail.
async fn outcomes(latchkey: &Latchkey, user: &TestUser, outcome: &str) -> usize {
    let mut db = latchkey.app.store.read().await.expect("a connection");
    let filter = Filter { user_id: Some(&user.id), since: None, before: None, limit: 1000 };
    let listed = events::list(&mut db, filter).await.expect("events");
    listed.iter().filter(|event| event.kind == "sign_in" && event.outcome == outcome).count()
}

#[tokio::test]
async fn s_110_strangers_are_shut_out_and_the_owner_is_not() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut known = known_browser(&latchkey, &alice).await;
    for number in 0..25 {
        let page = guess(&latchkey, "alice", WRONG).await;
        assert_eq!(evaluated(&page), number < 10, "guess {number}: {page}");
    }
    // Not even the right password is looked at.
    assert!(!evaluated(&guess(&latchkey, "alice", &alice.password).await));
    // The owner gets in at the first try, and with one mistake as well.
    let page = sign_in_with(&mut known, "alice", WRONG).await;
    assert!(evaluated(&page));
    sign_in(&mut known, &alice).await;
    // That opens nothing to strangers before their time.
    assert!(!evaluated(&guess(&latchkey, "alice", WRONG).await));
    latchkey.pass(Duration::from_mins(15));
    assert!(is_in(&guess(&latchkey, "alice", &alice.password).await));
}

#[tokio::test]
async fn blocked_attempts_are_told_in_the_history_and_do_not_count() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for _ in 0..15 {
        guess(&latchkey, "alice", WRONG).await;
    }
    assert_eq!(outcomes(&latchkey, &alice, "failed").await, 10);
    assert_eq!(outcomes(&latchkey, &alice, "blocked").await, 5);
    // They do not make the block longer.
    latchkey.pass(Duration::from_mins(14));
    assert!(!evaluated(&guess(&latchkey, "alice", WRONG).await));
    latchkey.pass(Duration::from_mins(1));
    assert!(evaluated(&guess(&latchkey, "alice", WRONG).await));
}

#[tokio::test]
async fn s_111_a_hundred_in_a_row_close_the_way_to_strangers() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut known = known_browser(&latchkey, &alice).await;
    for day in 0..10 {
        for _ in 0..10 {
            assert!(evaluated(&guess(&latchkey, "alice", WRONG).await), "day {day}");
        }
        latchkey.pass(Duration::from_hours(24));
    }
    let page = guess(&latchkey, "alice", &alice.password).await;
    assert!(!evaluated(&page), "a hundred were looked at: {page}");
    latchkey.pass(Duration::from_hours(24 * 30));
    assert!(!evaluated(&guess(&latchkey, "alice", &alice.password).await));
    // The owner's own sign-in opens it again.
    sign_in(&mut known, &alice).await;
    assert!(is_in(&guess(&latchkey, "alice", &alice.password).await));
}

#[tokio::test]
async fn s_108_a_hundred_over_months_do_not_tell_whether_there_is_such_an_account() {
    let latchkey = Latchkey::start_with(in_haste).await;
    latchkey.alice().await;
    for number in 0..100 {
        for name in ["alice", "nobody"] {
            assert!(evaluated(&guess(&latchkey, name, WRONG).await), "try {number} at {name}");
        }
        latchkey.pass(Duration::from_hours(24 * 3));
        sweeping::sweep(&latchkey.app).await.expect("swept");
    }
    let alice = guess(&latchkey, "alice", WRONG).await;
    let nobody = guess(&latchkey, "nobody", WRONG).await;
    assert!(!evaluated(&alice));
    assert_eq!(seen(&alice, "alice"), seen(&nobody, "nobody"));
    // What nobody tries at for a year is forgotten all the same.
    latchkey.pass(sweeping::UNKNOWN_KEPT + Duration::from_hours(1));
    sweeping::sweep(&latchkey.app).await.expect("swept");
    let mut db = latchkey.app.store.read().await.expect("a read");
    assert_eq!(throttle::count_unknown(&mut db).await.expect("an answer"), 0);
}

#[tokio::test]
async fn s_109_what_is_blocked_is_answered_no_sooner_than_a_hash() {
    let latchkey = Latchkey::start_with(in_haste).await;
    latchkey.alice().await;
    let whereabouts = Whereabouts::default();
    let attempt = |login| Attempt {
        login,
        password: WRONG.into(),
        whereabouts: &whereabouts,
        client_id: None,
    };
    for name in ["alice", "nobody"] {
        for _ in 0..10 {
            let refused = sign_in::sign_in(&latchkey.app, attempt(name)).await.expect("an answer");
            assert!(matches!(refused, SignIn::Refused), "{name}: {refused:?}");
        }
        let begun = std::time::Instant::now();
        let blocked = sign_in::sign_in(&latchkey.app, attempt(name)).await.expect("an answer");
        assert!(matches!(blocked, SignIn::Blocked { .. }), "{name}: {blocked:?}");
        assert!(begun.elapsed() >= Duration::from_millis(20), "{name}");
    }
}

#[tokio::test]
async fn s_111_a_hundred_in_a_known_browser_end_the_password() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut known = known_browser(&latchkey, &alice).await;
    for _ in 0..10 {
        for _ in 0..10 {
            assert!(evaluated(&sign_in_with(&mut known, "alice", WRONG).await));
        }
        latchkey.pass(Duration::from_hours(1));
    }
    for browser in [&mut known, &mut latchkey.browser()] {
        assert!(!evaluated(&sign_in_with(browser, "alice", &alice.password).await));
    }
    people::unlock(&latchkey.app, "alice").await.expect("support unlocks");
    assert!(is_in(&guess(&latchkey, "alice", &alice.password).await));
}

#[tokio::test]
async fn a_success_ends_the_row() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for _ in 0..30 {
        for _ in 0..9 {
            assert!(evaluated(&guess(&latchkey, "alice", WRONG).await));
        }
        assert!(is_in(&guess(&latchkey, "alice", &alice.password).await));
    }
}

/// What a stranger sees, without what differs on each page anyway.
fn seen(page: &Page, username: &str) -> (StatusCode, String, Vec<String>) {
    let csrf = page.value("csrf").to_owned();
    let body = page.body.replace(&csrf, "…").replace(username, "…");
    let names = page.headers.keys().map(|name| name.as_str().to_owned()).collect();
    (page.status, body, names)
}

#[tokio::test]
async fn s_108_a_block_does_not_tell_whether_there_is_such_an_account() {
    let latchkey = Latchkey::start().await;
    latchkey.alice().await;
    let locked = latchkey.bob().await;
    people::lock(&latchkey.app, &locked.username, "asked").await.expect("support locks");
    for number in 0..12 {
        let of = async |name: &str| seen(&guess(&latchkey, name, WRONG).await, name);
        let (known, unknown) = (of("alice").await, of("nobody").await);
        assert_eq!(known, unknown, "try {number}");
        assert_eq!(known, of("bob").await, "try {number} at a locked account");
    }
}

#[tokio::test]
async fn s_115_one_account_has_one_count() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let names = ["alice", "ALICE", " alice ", "\u{ff41}lice", alice.email.as_str()];
    for number in 0..10 {
        assert!(evaluated(&guess(&latchkey, names[number % names.len()], WRONG).await));
    }
    for name in names {
        assert!(!evaluated(&guess(&latchkey, name, &alice.password).await), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_117_racing_guesses_are_no_more_than_slow_ones() {
    let latchkey = Latchkey::start_with(in_haste).await;
    let alice = latchkey.alice().await;
    let mut forms = Vec::new();
    for _ in 0..60 {
        let mut browser = latchkey.browser();
        let login = browser.open(paths::LOGIN).await;
        forms.push((browser, login.fill("username", "alice").fill("password", WRONG)));
    }
    let guesses = forms.into_iter().map(|(mut browser, filled)| {
        tokio::spawn(async move {
            let form = filled.form_with("password").submission(None);
            browser.send(&filled, form).await.page().status
        })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut looked_at = 0;
    for guess in guesses {
        let status = guess.await.expect("no panic");
        assert!(matches!(status.as_u16(), 422 | 429), "{status}");
        looked_at += usize::from(status == StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert!(looked_at <= 10, "{looked_at} guesses were looked at");
    assert_eq!(outcomes(&latchkey, &alice, "failed").await, looked_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_117_two_nodes_and_a_restart_count_together() {
    let url = crate::support::database::postgres_url().await;
    let latchkey = Latchkey::start_with(|config| {
        in_haste(config);
        config.database.url = url;
    });
    let latchkey = latchkey.await;
    let alice = latchkey.alice().await;
    let second = latchkey.another_node().await;
    let sockets = [latchkey.issuer.clone(), second.endpoints.socket()];
    let mut forms = Vec::new();
    for number in 0..60 {
        let mut browser = latchkey.browser();
        let login = browser.open(paths::LOGIN).await;
        let filled = login.fill("username", "alice").fill("password", WRONG);
        let fields = filled.form_with("password").submission(None).fields;
        let at = format!("{}{}", sockets[number % 2], paths::LOGIN);
        forms.push((browser, at.parse::<reqwest::Url>().expect("an address"), fields));
    }
    let guesses = forms.into_iter().map(|(browser, at, fields)| {
        let home = latchkey.issuer.clone();
        tokio::spawn(async move {
            let headers = [("origin", home.as_str()), ("sec-fetch-site", "same-origin")];
            post_raw(&browser, &at, &fields, &headers).await.status().as_u16()
        })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut looked_at = 0;
    for guess in guesses {
        let status = guess.await.expect("no panic");
        assert!(matches!(status, 422 | 429), "{status}");
        looked_at += usize::from(status == 422);
    }
    assert!(looked_at <= 10, "{looked_at} guesses were looked at");
    // What was counted outlives the nodes that counted.
    drop(second);
    let fresh = latchkey.another_node().await;
    let mut browser = latchkey.browser();
    let login = browser.open(paths::LOGIN).await;
    let filled = login.fill("username", "alice").fill("password", &alice.password);
    let fields = filled.form_with("password").submission(None).fields;
    let at = format!("{}{}", fresh.endpoints.socket(), paths::LOGIN);
    let headers = [("origin", latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = post_raw(&browser, &at.parse().expect("an address"), &fields, &headers).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
}
