//! `event list`: the trail as an operator follows it.

use std::time::Duration;

use latchkey::clock::{Clock, Timestamp};
use latchkey::secret::Random;
use latchkey::store::Store;
use latchkey::store::events::{self, Event};
use serde_json::json;

use super::add_alice;
use crate::support::flow::text;
use crate::support::program::Program;

/// Somebody else at the same database.
struct Writer {
    store: Store,
}

impl Writer {
    async fn beside(program: &Program) -> Self {
        let file = program.folder().join("data/latchkey.db");
        let store = Store::open(&format!("sqlite://{}", file.display())).await;
        Self { store: store.expect("the database") }
    }

    /// Commits an event that says it happened at that time.
    async fn records(&self, kind: &str, at: Timestamp) {
        let event = Event {
            id: Random::System.id(at),
            at,
            kind: kind.into(),
            user_id: None,
            client_id: None,
            session_id: None,
            actor: None,
            address: None,
            user_agent: None,
            outcome: "successful".into(),
            details: json!({}),
            request_id: None,
            attempt: None,
        };
        let mut db = self.store.write().await.expect("a transaction");
        events::record(&mut db, &event).await.expect("written");
        db.commit().await.expect("a commit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_the_trail_sees_each_event_once_also_one_that_comes_late() {
    let program = Program::new();
    program.run(&["migrate"]).good();
    let writer = Writer::beside(&program).await;
    let now = Clock::System.now();
    writer.records("long_ago", now - Duration::from_hours(2)).await;
    writer.records("before", now).await;
    let following = program.follow(&["event", "list", "--since", "1h", "--follow"]);
    let mut lines = following.until("before");
    // More than is read at once, and behind them one whose transaction took its time.
    for n in 0..510 {
        writer.records(&format!("busy_{n}"), now + Duration::from_millis(n)).await;
    }
    lines.extend(following.until("busy_509"));
    writer.records("came_late", now - Duration::from_secs(10)).await;
    lines.extend(following.until("came_late"));
    // A node whose clock is ahead hides nothing of what the others write.
    writer.records("clock_ahead", now + Duration::from_hours(1)).await;
    lines.extend(following.until("clock_ahead"));
    writer.records("in_time", Clock::System.now()).await;
    lines.extend(following.until("in_time"));
    writer.records("at_last", Clock::System.now()).await;
    lines.extend(following.until("at_last"));
    assert_eq!(lines.len(), 1 + 510 + 4, "each once: {:?}", lines.last());
    assert!(!lines.iter().any(|line| line.contains("long_ago")));
    for line in &lines {
        let event: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(event["at"].is_string() && event["id"].is_string(), "{line}");
    }
    drop(following);
    writer.store.close().await;
}

#[test]
fn the_trail_of_somebody_who_was_removed_is_found_by_their_id() {
    let program = Program::new();
    let alice = add_alice(&program);
    let id = text(&alice, "id");
    program.run(&["user", "remove", "alice"]).good();
    let trail = program.run(&["event", "list", "--user", id]).good();
    assert!(trail.contains("user_added") && trail.contains("user_removed"), "{trail}");
    let told = program.run(&["event", "list", "--user", "alice"]).failure();
    assert!(told.contains("no user \"alice\"") && told.contains("give the id"), "{told}");
}
