//! S-109: whoever is refused costs the same work: the same questions to the database in the same
//! order, and one hash with the same parameters. Times are measured by `scripts/timing`; here the
//! work is counted, which is the same on every machine.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use latchkey::identity::people::{self, NewUser, add_user};
use latchkey::paths;
use latchkey::protocol::claims::StandardClaims;
use reqwest::StatusCode;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::database::postgres_url;
use crate::support::flow::sign_in;

const WRONG: &str = "wrong-Passw0rd!";

/// What was asked of the database, and what was hashed, by this thread.
#[derive(Clone, Default)]
struct Work(Arc<Mutex<Vec<String>>>);

impl Work {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no test has panicked"))
    }
}

/// Listens to this thread as long as it is held.
///
/// With one dispatcher alone, what another thread comes by first would count as never listened to:
/// hence a second one that hears nothing.
struct Listening {
    _own: tracing::subscriber::DefaultGuard,
    _second: tracing::Dispatch,
}

impl Work {
    fn listen(&self) -> Listening {
        let second = tracing::Dispatch::new(Registry::default().with(Self::default()));
        let own = tracing::Dispatch::new(Registry::default().with(self.clone()));
        Listening { _own: tracing::dispatcher::set_default(&own), _second: second }
    }
}

/// The words of an event that say what it is about.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if matches!(field.name(), "summary" | "db.statement" | "cost" | "message") {
            write!(self.0, "{value:?} ").expect("memory");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Work {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let target = event.metadata().target();
        if target != "sqlx::query" && target != "latchkey::hashing" {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        // The pool opens a connection when it likes, and that says this first.
        if words.0.contains("SET statement_timeout") {
            return;
        }
        let folded: Vec<_> = words.0.split_whitespace().collect();
        self.0.lock().expect("no test has panicked").push(folded.join(" "));
    }
}

/// An instance with somebody of every kind. `PostgreSQL`, because its questions are asked by the
/// thread that waits for them.
async fn cast() -> Latchkey {
    let url = postgres_url().await;
    let latchkey = Latchkey::start_with(|config| {
        config.database.url = url;
        config.login.max_failures = 5;
    })
    .await;
    for name in ["wrong", "locked", "wrong2", "unproven"] {
        latchkey.person(name, json!({ "name": "Somebody" })).await;
    }
    people::lock(&latchkey.app, "locked", "asked for").await.expect("locked");
    let user = latchkey.person("factor", json!({})).await;
    latchkey.enrol(&user, b"a seed of twenty bytes").await;
    let nothing = NewUser {
        username: "no-password".into(),
        email: Some("no-password@people.example".into()),
        email_verified: false,
        claims: StandardClaims::check(json!({})).expect("claims"),
        password: None,
        admin: false,
    };
    add_user(&latchkey.app, nothing).await.expect("a person");
    latchkey
}

/// The kinds of names; the first is what all others are compared with.
const NAMES: &[&str] = &[
    "wrong",
    "nobody",
    "locked",
    "factor",
    "no-password",
    "unproven",
    "wrong2@people.example",
    "nobody@people.example",
];

/// The work of one try with a wrong password, and what it was answered.
async fn work_of(work: &Work, browser: &mut Browser, name: &str) -> (StatusCode, Vec<String>) {
    let login = browser.open(paths::LOGIN).await;
    let filled = login.fill("username", name).fill("password", WRONG);
    let form = filled.form_with("password").submission(None);
    work.taken();
    let page = browser.send(&filled, form).await.page();
    (page.status, work.taken())
}

#[tokio::test]
async fn s_109_whoever_is_refused_costs_the_same_questions_and_the_same_hash() {
    let latchkey = cast().await;
    let bob = latchkey.bob().await;
    // A browser that has signed in before has a cookie that is looked up as well.
    let mut known = latchkey.browser();
    sign_in(&mut known, &bob).await;
    let logout = known.open(paths::LOGOUT).await;
    known.submit(&logout, "Sign out").await.page();
    let work = Work::default();
    let _listening = work.listen();
    for (who, browser) in [("a stranger", None), ("a browser with a past", Some(&known))] {
        // So many wrong ones that the last are blocked; the first of those is noted.
        for number in 1..=7 {
            // A name and an address are looked up by other columns; each costs the same.
            let mut wanted = BTreeMap::new();
            for name in NAMES {
                let mut fresh = browser.cloned().unwrap_or_else(|| latchkey.browser());
                let (status, work) = work_of(&work, &mut fresh, name).await;
                let expected = if number > 5 { 429 } else { 422 };
                assert_eq!(status, expected, "{name}, try {number} of {who}");
                let hashes: Vec<_> = work.iter().filter(|one| one.contains("$argon2id")).collect();
                assert_eq!(hashes.len(), usize::from(number <= 5), "{name}: {work:#?}");
                assert!(work.len() > 5, "nothing was heard: {work:?}");
                let wanted = wanted.entry(name.contains('@')).or_insert_with(|| work.clone());
                assert_eq!(&work, wanted, "{name}, try {number} of {who}");
            }
        }
        latchkey.pass_seconds(15 * 60);
    }
}

#[tokio::test]
async fn s_109_the_work_stays_the_same_when_a_day_brings_more_than_is_kept() {
    let latchkey = cast().await;
    let work = Work::default();
    let _listening = work.listen();
    // Five are looked at, then a hundred blocked ones are kept, then one mark, then counts alone.
    for number in 1..=108 {
        let mut wanted = None;
        for name in ["wrong", "nobody"] {
            let (_, work) = work_of(&work, &mut latchkey.browser(), name).await;
            let wanted = wanted.get_or_insert_with(|| work.clone());
            assert_eq!(&work, wanted, "{name}, try {number}");
        }
    }
    assert_eq!(latchkey.count_all("sign_in_flood").await, 2);
    assert_eq!(latchkey.count_all("sign_in").await, 210);
}

#[tokio::test]
async fn s_109_who_asks_for_a_link_costs_the_same_questions() {
    let latchkey = cast().await;
    let work = Work::default();
    let _listening = work.listen();
    let mut wanted = None;
    for name in ["wrong", "nobody", "locked", "factor", "no-password", "unproven"] {
        for _ in 0..5 {
            let mut browser = latchkey.browser();
            let page = browser.open(paths::RECOVER).await.fill("username", name);
            work.taken();
            let told = browser.submit(&page, "Send me a link").await.page();
            assert!(told.status.is_success(), "{told}");
            let work = work.taken();
            assert!(work.len() > 1, "nothing was heard: {work:?}");
            let wanted = wanted.get_or_insert_with(|| work.clone());
            assert_eq!(&work, wanted, "{name}");
        }
    }
}

#[tokio::test]
async fn the_mail_about_a_block_is_sent_once_and_to_its_owner_alone() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for name in ["alice", "nobody", "alice"] {
        for _ in 0..12 {
            let mut browser = latchkey.browser();
            let login = browser.open(paths::LOGIN).await;
            let filled = login.fill("username", name).fill("password", WRONG);
            let form = filled.form_with("password").submission(None);
            browser.send(&filled, form).await;
        }
    }
    let mails = latchkey.mails().await;
    assert_eq!((mails.len(), blocks_told(&latchkey).await), (1, 1), "{mails:#?}");
    assert_eq!(mails[0].to, alice.email);
    assert!(mails[0].says("127.0.0.1"), "{}", mails[0].text);
    // An attack may last, and the next block is no news until a day has passed: whether she signs in
    // meanwhile or not.
    let mut known = latchkey.browser();
    for (seconds, told) in [(15 * 60, 1), (23 * 60 * 60, 1), (60 * 60, 2)] {
        latchkey.pass_seconds(seconds);
        for _ in 0..12 {
            let mut browser = latchkey.browser();
            let login = browser.open(paths::LOGIN).await;
            let filled = login.fill("username", "alice").fill("password", WRONG);
            let form = filled.form_with("password").submission(None);
            browser.send(&filled, form).await;
        }
        assert_eq!(blocks_told(&latchkey).await, told, "after {seconds} s more");
        latchkey.pass_seconds(15 * 60);
        sign_in(&mut known, &alice).await;
        let logout = known.open(paths::LOGOUT).await;
        known.submit(&logout, "Sign out").await.page();
    }
}

/// How many mails say that strangers were shut out.
async fn blocks_told(latchkey: &Latchkey) -> usize {
    let mails = latchkey.mails().await;
    mails.iter().filter(|mail| mail.subject.contains("trying passwords")).count()
}

#[tokio::test]
async fn a_flood_of_sign_ins_costs_nothing_but_its_answers() {
    let latchkey = cast().await;
    let work = Work::default();
    let _listening = work.listen();
    latchkey.expect_faults();
    let places: Vec<_> = std::iter::from_fn(|| latchkey.app.hasher.reserve().ok()).collect();
    assert!(!places.is_empty());
    for name in ["wrong", "nobody", "locked"] {
        let mut browser = latchkey.browser();
        let (status, work) = work_of(&work, &mut browser, name).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let told = work.iter().any(|one| one.contains("$argon2id") || one.contains("throttle"));
        assert!(!told, "{name}: {work:#?}");
    }
    drop(places);
    // What was turned away counted for nothing.
    for _ in 0..5 {
        let (status, _) = work_of(&work, &mut latchkey.browser(), "wrong").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn s_133_no_hash_is_begun_for_a_monster() {
    let latchkey = cast().await;
    let user = latchkey.person("mia", json!({})).await;
    let link = latchkey.recovery_link(&user).await;
    let work = Work::default();
    let _listening = work.listen();
    for monster in ["aA1!".repeat(33), "\u{1f511}".repeat(129), "aA1!".repeat(10_000)] {
        for name in ["mia", "nobody"] {
            let mut browser = latchkey.browser();
            let login = browser.open(paths::LOGIN).await;
            let filled = login.fill("username", name).fill("password", &monster);
            let form = filled.form_with("password").submission(None);
            work.taken();
            let page = browser.send(&filled, form).await.page();
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
            assert!(!work.taken().iter().any(|one| one.contains("$argon2id")), "{name}");
        }
        let mut browser = latchkey.browser();
        let page = browser.open(&link).await;
        let page = page.fill("password", &monster).fill("repeat", &monster);
        let page = browser.submit(&page, "Set new password").await.page();
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    }
}
