//! The sign-in history under attack: floods, forged cursors, completeness, its end (S-143, S-144,
//! S-181).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use latchkey::identity::attempts::{self, KEPT_A_DAY};
use latchkey::paths;
use latchkey::server::sweeping;
use latchkey::store::events::{self, Event, Filter};
use latchkey::store::failure_counts;
use serde_json::json;

use crate::support::Latchkey;
use crate::support::browser::Browser;
use crate::support::flow::{sign_in, sign_in_with, totp};
use crate::support::people::{PASSWORD, TestUser};

const SEED: &[u8] = b"twenty bytes of seed";
const DAY: Duration = Duration::from_hours(24);

async fn trail(latchkey: &Latchkey) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: None, since: None, before: None, limit: 100_000 };
    events::list(&mut db, filter).await.expect("events")
}

/// A failed attempt on `user`'s account, as it is written down.
fn failure(latchkey: &Latchkey, user: Option<&TestUser>) -> Event {
    Event {
        user_id: user.map(|user| user.id.clone()),
        address: Some("203.0.113.9".into()),
        user_agent: Some("curl/8.5.0".into()),
        outcome: "failed".into(),
        details: json!({ "method": "password" }),
        ..latchkey.app.event("sign_in")
    }
}

/// So many failures, many in each transaction.
async fn flood(latchkey: &Latchkey, user: Option<&TestUser>, count: usize) {
    for start in (0..count).step_by(1000) {
        let mut db = latchkey.app.store.write().await.expect("a write");
        for _ in start..count.min(start + 1000) {
            let event = failure(latchkey, user);
            attempts::failed(&latchkey.app, &mut db, event).await.expect("recorded");
        }
        db.commit().await.expect("a commit");
    }
}

async fn rows(browser: &mut Browser, show: &str) -> Vec<String> {
    let address = format!("{}?show={show}", paths::ACCOUNT_HISTORY);
    browser.open(&address).await.texts(".log-row")
}

#[tokio::test]
async fn s_143_right_wrong_and_half_attempts_are_all_there() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    browser.user_agent = format!("Mozilla/5.0 \u{e9}{}", "x".repeat(500));
    sign_in_with(&mut browser, "alice", "wrong").await;
    latchkey.pass_seconds(1);
    sign_in_with(&mut browser, "CANARY-a-password-as-name", "wrong").await;
    latchkey.enrol(&alice, SEED).await;
    let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
    latchkey.pass_seconds(1);
    let page = browser.submit(&page.fill("code", "000000"), "Verify").await.page();
    latchkey.pass_seconds(1);
    let code = totp(SEED, latchkey.clock.now().seconds());
    browser.submit(&page.fill("code", &code), "Verify").await.page();
    let events = trail(&latchkey).await;
    let told: Vec<_> = events
        .iter()
        .rev()
        .filter(|event| event.kind == "sign_in")
        .map(|event| (event.details["method"].as_str().expect("a method"), event.outcome.as_str()))
        .collect();
    let all = [
        ("password", "failed"),
        ("password", "failed"),
        ("password", "second factor needed"),
        ("totp", "failed"),
        ("totp", "successful"),
    ];
    let sorted = |mut list: Vec<_>| {
        list.sort_unstable();
        list
    };
    assert_eq!(sorted(told), sorted(all.to_vec()), "{events:#?}");
    for event in events.iter().filter(|event| event.kind == "sign_in") {
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
        let agent = event.user_agent.as_deref().expect("a user agent");
        assert!(agent.chars().count() <= 256, "the user agent is cut: {agent}");
        assert!(!json!(event).to_string().contains("CANARY"), "it may be a password");
    }
}

#[tokio::test]
async fn s_143_a_flood_of_failures_pushes_nothing_out_and_stays_small() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    latchkey.pass(Duration::from_mins(1));
    flood(&latchkey, Some(&alice), 5_000).await;
    flood(&latchkey, None, 200).await;
    let before = trail(&latchkey).await.len();
    flood(&latchkey, Some(&alice), 15_000).await;
    assert_eq!(trail(&latchkey).await.len(), before, "what is only counted leaves no rows");
    let of_alice = trail(&latchkey).await;
    let failed =
        |event: &&Event| event.user_id.as_deref() == Some(&alice.id) && event.outcome == "failed";
    let kept = usize::try_from(KEPT_A_DAY).expect("a number");
    assert_eq!(of_alice.iter().filter(failed).count(), kept);
    let marks: Vec<_> = of_alice
        .iter()
        .filter(|event| event.kind == "sign_in_flood" && event.user_id.is_some())
        .collect();
    assert_eq!(marks.len(), 1, "the trail says once that more were only counted");
    // Her own sign-in is where it was, and the flood is told in one row.
    let successes = rows(&mut browser, "successful").await;
    assert_eq!(successes.len(), 1, "{successes:?}");
    let failures = rows(&mut browser, "failed").await;
    assert!(failures[0].contains("Wrong password, 19900 more times that day"), "{failures:?}");
    let page = browser.open(paths::ACCOUNT_HISTORY).await;
    assert!(page.says("Somebody may be guessing"), "{page}");
    let file = browser.submit(&page, "CSV for spreadsheets").await.page();
    assert_eq!(file.body.matches(",successful,").count(), 1);
    let counted: usize = file
        .body
        .lines()
        .skip(1)
        .filter(|line| line.contains(",failed,"))
        .map(|line| line.rsplit(',').next().expect("a cell").parse::<usize>().expect("a number"))
        .sum();
    assert_eq!(counted, 20_000, "none is lost");
    // Wrong codes are counted apart, and so is another account, and so is another day.
    let wrong_code =
        Event { details: json!({ "method": "totp" }), ..failure(&latchkey, Some(&alice)) };
    let mut db = latchkey.app.store.write().await.expect("a write");
    attempts::failed(&latchkey.app, &mut db, wrong_code).await.expect("recorded");
    db.commit().await.expect("a commit");
    flood(&latchkey, Some(&bob), 1).await;
    latchkey.pass(DAY);
    flood(&latchkey, Some(&alice), 1).await;
    // And the file that was taken is an event, too.
    assert_eq!(trail(&latchkey).await.len(), before + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn s_143_racing_failures_are_all_counted() {
    let latchkey = std::sync::Arc::new(Latchkey::start().await);
    let alice = latchkey.alice().await;
    let racing = (0..8).map(|_| {
        let (latchkey, alice) = (latchkey.clone(), alice.clone());
        tokio::spawn(async move {
            for _ in 0..20 {
                flood(&latchkey, Some(&alice), 1).await;
            }
        })
    });
    for task in racing.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    let mut db = latchkey.app.store.read().await.expect("a read");
    let since = latchkey.clock.now() - DAY;
    let counts = failure_counts::list_over(&mut db, &alice.id, since, 0).await.expect("counts");
    assert_eq!(counts.iter().map(|count| count.failures).collect::<Vec<_>>(), [160]);
    let kept = trail(&latchkey).await.iter().filter(|event| event.outcome == "failed").count();
    assert_eq!(kept, 100);
}

#[tokio::test]
async fn s_143_what_is_older_than_ninety_days_is_gone() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in(&mut browser, &alice).await;
    flood(&latchkey, Some(&alice), 130).await;
    latchkey.pass(89 * DAY);
    sweeping::sweep_history(&latchkey.app).await.expect("swept");
    assert!(!trail(&latchkey).await.iter().any(|event| event.kind == "history_swept"));
    sign_in(&mut browser, &alice).await;
    assert!(rows(&mut browser, "all").await.len() > 2, "still there");
    latchkey.pass(2 * DAY);
    sign_in(&mut browser, &alice).await;
    // Not shown any more even before the job has run, and then really deleted.
    let shown = rows(&mut browser, "all").await;
    assert_eq!(shown.len(), 2, "{shown:?}");
    sweeping::sweep_history(&latchkey.app).await.expect("swept");
    sweeping::sweep_history(&latchkey.app).await.expect("swept");
    let events = trail(&latchkey).await;
    assert_eq!(events.iter().filter(|event| event.kind == "sign_in").count(), 2);
    let swept: Vec<_> = events.iter().filter(|event| event.kind == "history_swept").collect();
    assert_eq!(swept.len(), 1, "a run that deletes is one event, others are none");
    // One success, a hundred failures; the count of the others.
    assert_eq!(swept[0].details, json!({ "rows": 102, "sign_ins": 101 }));
    assert!(events.iter().any(|event| event.kind == "user_added"), "other events are kept longer");
    latchkey.pass(401 * DAY);
    sweeping::sweep_history(&latchkey.app).await.expect("swept");
    let left: Vec<_> = trail(&latchkey).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(left, ["history_swept"], "the audit trail ends as well");
}

#[tokio::test]
async fn s_143_of_names_that_are_nobodys_a_day_keeps_the_first_ten_thousand() {
    let latchkey = Latchkey::start().await;
    let mut db = latchkey.app.store.write().await.expect("a write");
    for _ in 0..10_020 {
        events::record(&mut db, &failure(&latchkey, None)).await.expect("recorded");
    }
    db.commit().await.expect("a commit");
    latchkey.pass(Duration::from_hours(1));
    sweeping::sweep_history(&latchkey.app).await.expect("swept");
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = events::Filter { user_id: None, since: None, before: None, limit: 1 };
    let newest = events::list(&mut db, filter).await.expect("events");
    assert_eq!(newest[0].kind, "history_swept");
    assert_eq!(newest[0].details["rows"], 20);
}

#[tokio::test]
async fn s_144_a_cursor_is_good_for_its_person_and_list_only() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    for user in [&alice, &bob] {
        for _ in 0..3 {
            flood(&latchkey, Some(user), 20).await;
            latchkey.pass_seconds(1);
        }
    }
    let (mut hers, mut his) = (latchkey.browser(), latchkey.browser());
    sign_in(&mut hers, &alice).await;
    sign_in(&mut his, &bob).await;
    let page = hers.open(paths::ACCOUNT_HISTORY).await;
    let older = page.link("Older");
    let cursor = older.query_pairs().find(|(name, _)| name == "after").expect("a cursor").1;
    assert_eq!(hers.open(older.as_str()).await.status, 200, "her own works");
    assert_eq!(his.open(older.as_str()).await.status, 400, "hers is not his");
    let mut parts = cursor.splitn(3, '.');
    let (at, id, mac) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let later = at.parse::<i64>().unwrap() + 1;
    for forged in [
        format!("{later}.{id}.{mac}"),
        format!("{at}.{id}0.{mac}"),
        format!("{at}.{id}.{}", mac.to_lowercase()),
        format!("{at}.{id}."),
        format!("{at}.{id}"),
        "0' OR '1'='1.x.y".to_owned(),
        format!("{at}.' UNION SELECT * FROM users --.{mac}"),
        "9223372036854775808.x.AAAA".to_owned(),
        "\u{1f511}".to_owned(),
        "a".repeat(4000),
    ] {
        let mut address = reqwest::Url::parse(&latchkey.at(paths::ACCOUNT_HISTORY)).unwrap();
        address.query_pairs_mut().append_pair("after", &forged);
        let page = hers.open(address.as_str()).await;
        assert_eq!(page.status, 400, "{forged}: {page}");
    }
    // Of the other list of the same person.
    let other = format!("{}?after={cursor}", paths::ACCOUNT_CHANGES);
    assert_eq!(hers.open(&other).await.status, 400);
    let twice = format!("{}?after={cursor}&after={cursor}", paths::ACCOUNT_HISTORY);
    assert_eq!(hers.open(&twice).await.status, 400);
}

#[tokio::test]
async fn s_181_every_event_of_a_request_names_it_and_where_it_came_from() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in_with(&mut browser, "alice", "wrong").await;
    sign_in(&mut browser, &alice).await;
    let history = browser.open(paths::ACCOUNT_HISTORY).await;
    browser.submit(&history, "CSV for spreadsheets").await.page();
    let logout = browser.open(paths::LOGOUT).await;
    browser.submit(&logout, "Sign out").await.page();
    let events = trail(&latchkey).await;
    let ours: Vec<_> = events.iter().filter(|event| event.kind != "user_added").collect();
    assert_eq!(ours.len(), 4, "{ours:#?}");
    for event in &ours {
        let id = event.request_id.as_deref().unwrap_or_else(|| panic!("no request: {event:#?}"));
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"), "{event:#?}");
        assert!(event.user_agent.is_some() && event.actor.is_some(), "{event:#?}");
        assert_eq!(event.user_id.as_deref(), Some(alice.id.as_str()));
        assert!(!event.outcome.is_empty());
    }
    let requests: BTreeSet<_> = ours.iter().map(|event| &event.request_id).collect();
    assert_eq!(requests.len(), 4, "each request has a name of its own");
    let by_support = events.iter().find(|event| event.kind == "user_added").expect("an event");
    assert_eq!(by_support.actor.as_deref(), Some("administrator"));
    assert_eq!((&by_support.request_id, &by_support.address), (&None, &None));
}

/// All SQL stands in `src/store`; what changes the trail there is adding to it and its end.
#[test]
fn s_181_nothing_can_edit_the_trail() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut found = Vec::new();
    let (mut paths, mut folders) = (Vec::new(), vec![store]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the store") {
            let path = entry.expect("a file").path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        for act in ["UPDATE events", "DELETE FROM events", "INSERT INTO events"] {
            found.extend(text.matches(act).map(|act| format!("{name}: {act}")));
        }
    }
    found.sort();
    let allowed = [
        "events.rs: DELETE FROM events",
        "events.rs: INSERT INTO events",
        // What is older than the history, and what strangers made beyond measure.
        "sign_ins.rs: DELETE FROM events",
        "sign_ins.rs: DELETE FROM events",
    ];
    assert_eq!(found, allowed);
}
