//! `/account/changes`: what was changed, by whom.

use std::collections::BTreeSet;

use latchkey::identity::people;
use latchkey::paths;
use latchkey::protocol::claims::StandardClaims;
use latchkey::store::events::{self, Event};
use serde_json::json;

use crate::support::flow::sign_in;
use crate::support::stage::Stage;

/// Writes these events down, a second apart.
async fn happen(stage: &Stage, happened: Vec<Event>) {
    for event in happened {
        stage.latchkey.pass_seconds(1);
        let mut db = stage.latchkey.app.store.write().await.expect("a write");
        let at = stage.latchkey.clock.now();
        events::record(&mut db, &Event { at, ..event }).await.expect("an event");
        db.commit().await.expect("a commit");
    }
}

fn of_alice(stage: &Stage, kind: &str) -> Event {
    let user_id = Some(stage.alice.id.clone());
    Event { actor: user_id.clone(), user_id, ..stage.latchkey.app.event(kind) }
}

#[tokio::test]
async fn changes_are_told_with_who_made_them() {
    let mut stage = Stage::set().await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let claims = StandardClaims::check(json!({ "name": "Alice M." })).expect("claims");
    stage.latchkey.pass_seconds(1);
    people::set_claims(&stage.latchkey.app, "alice", claims).await.expect("set");
    let happened = vec![
        Event {
            address: Some("192.0.2.7".into()),
            user_agent: Some("curl/8.5.0".into()),
            ..of_alice(&stage, "password_changed")
        },
        Event { client_id: Some("web".into()), ..of_alice(&stage, "application_connected") },
        Event {
            actor: None,
            address: Some("203.0.113.5".into()),
            ..of_alice(&stage, "recovery_asked")
        },
        Event {
            details: json!({ "name": "<script>Phone" }),
            ..of_alice(&stage, "authenticator_added")
        },
        Event { client_id: Some("web".into()), actor: None, ..of_alice(&stage, "code_replayed") },
    ];
    happen(&stage, happened).await;
    let page = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    assert_eq!(page.heading(), "Recent changes");
    let rows = page.texts(".log-row");
    let expected: [&[&str]; 7] = [
        &["Photo Printer lost its access", "Done automatically"],
        &["An authenticator app was added", "<script>Phone", "By you"],
        &["A link for a forgotten password was asked for", "Somebody who was not signed in"],
        &["Photo Printer was connected", "By you"],
        &["Your password was changed", "By you", "curl", "192.0.2.7"],
        &["Your profile was changed", "Support"],
        &["Your account was made", "Support"],
    ];
    assert_eq!(rows.len(), expected.len(), "{rows:#?}");
    for (row, words) in rows.iter().zip(expected) {
        for word in words {
            assert!(row.contains(word), "{word}: {row}");
        }
    }
    assert!(!page.body.contains("<script>Phone"), "names are text");
}

#[tokio::test]
async fn what_comes_with_every_use_is_not_a_change() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    stage.grant(&ask).await;
    let happened = vec![
        of_alice(&stage, "confirmed"),
        Event { outcome: "failed".into(), ..of_alice(&stage, "confirmed") },
    ];
    happen(&stage, happened).await;
    let page = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    let rows = page.texts(".log-row");
    // The failure, that the application was let in, that the account was made.
    assert_eq!(rows.len(), 3, "{rows:#?}");
    assert!(rows[0].contains("could not confirm to be you"), "{rows:#?}");
}

#[tokio::test]
async fn the_pages_show_every_change_once_whatever_lies_between() {
    let mut stage = Stage::set().await;
    let mut happened = Vec::new();
    for number in 0..60 {
        let details = json!({ "name": format!("App no. {number}.") });
        happened.push(Event { details, ..of_alice(&stage, "authenticator_added") });
        // Hidden ones, more than one batch of them in a row.
        let hidden = if number == 30 { 230 } else { number % 3 };
        happened.extend((0..hidden).map(|_| of_alice(&stage, "token_revoked")));
    }
    happen(&stage, happened).await;
    sign_in(&mut stage.browser, &stage.alice).await;
    let mut page = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    let mut seen = Vec::new();
    // Sixty and the beginning of the account.
    for expected in [25, 25, 11] {
        let rows = page.texts(".log-row");
        assert_eq!(rows.len(), expected, "{rows:#?}");
        seen.extend(page.texts(".log-row bdi").into_iter().filter(|name| name.contains("no.")));
        if expected == 25 {
            let older = page.link("Older");
            page = stage.browser.open(older.as_str()).await;
        }
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (60, 60));
    assert_eq!(seen[0], "App no. 59.");
    let newest = stage.browser.open(page.link("Newest").as_str()).await;
    assert_eq!(newest.texts(".log-row").len(), 25);
}
