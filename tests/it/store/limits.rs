//! What is counted of those who try too often, and what is kept of what strangers ask for.

use std::time::Duration;

use latchkey::store::client_failures::{self, Bounds};
use latchkey::store::client_requests::{self, Share};
use latchkey::store::queue::{self, Job};
use latchkey::store::throttle;
use latchkey::store::{Db, Store, StoreError, block_mails};

use super::fixtures::{ada_and_her_printer, at};
use crate::on_both_engines;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

async fn write<T>(store: &Store, act: impl AsyncFnOnce(&mut Db) -> Result<T, StoreError>) -> T {
    let mut write = store.write().await.unwrap();
    let result = act(&mut write).await.unwrap();
    write.commit().await.unwrap();
    result
}

/// Counts a wrong secret; whether the way is closed then.
async fn fail(store: &Store, address: &str, now: i64) -> bool {
    let bounds =
        Bounds { failures: 30, window_from: at(now - MINUTE), closed_until: at(now + MINUTE) };
    let pair = ("printer", address);
    write(store, async |db| client_failures::count(db, pair, bounds, at(now)).await)
        .await
        .is_some_and(|until| until > at(now))
}

/// Takes up to so many of sixty token requests a minute; none where there are none for now.
async fn take(store: &Store, wanted: u32, now: i64) -> u32 {
    let take = async |db: &mut Db| client_requests::take(db, "printer", wanted, 60, at(now)).await;
    match write(store, take).await {
        Share::Taken(many) => many,
        Share::Spent(wait) => {
            assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{wait:?}");
            0
        }
    }
}

async fn closed(store: &Store, now: i64) -> Vec<String> {
    let mut db = store.read().await.unwrap();
    let closed = client_failures::list_closed(&mut db, at(now), 10).await.unwrap();
    closed.into_iter().map(|one| format!("{} {}", one.client_id, one.address)).collect()
}

async fn ask(store: &Store, number: i64, source: &str) {
    let job = Job {
        id: format!("job {number:04}"),
        kind: "recovery".into(),
        sealed: String::new(),
        created_at: at(number),
        due_at: at(number),
        expires_at: at(number + DAY),
        tries: 0,
    };
    write(store, async |db| queue::push_from(db, &job, source).await).await;
}

async fn asked(store: &Store) -> Vec<String> {
    let claim = async |db: &mut Db| queue::claim(db, "recovery", at(DAY - 1), at(DAY), 100).await;
    let mut ids: Vec<_> = write(store, claim).await.into_iter().map(|job| job.id).collect();
    ids.sort();
    ids
}

on_both_engines! {
    async fn thirty_wrong_secrets_a_minute_are_listened_to(db: TestDatabase) {
        for number in 0..30 {
            assert!(!fail(&db, "192.0.2.1", number).await, "wrong secret {number}");
        }
        assert!(closed(&db, 30).await.is_empty());
        assert!(fail(&db, "192.0.2.1", 30).await);
        assert!(!fail(&db, "192.0.2.2", 30).await, "elsewhere it goes on");
        assert_eq!(closed(&db, 31).await, ["printer 192.0.2.1"]);
        // What comes meanwhile makes it no longer.
        assert!(fail(&db, "192.0.2.1", 80).await);
        assert!(closed(&db, 30 + MINUTE).await.is_empty());
        // After the pause there is a whole window again.
        for number in 0..30 {
            assert!(!fail(&db, "192.0.2.1", 200 + number).await, "wrong secret {number}");
        }
        let sweep = async |db: &mut Db| client_failures::sweep(db, at(200), 50).await;
        assert_eq!(write(&db, sweep).await, 1);
    }

    async fn a_client_has_so_many_token_requests_a_minute(db: TestDatabase) {
        assert_eq!(take(&db, 25, 1000).await, 25);
        assert_eq!(take(&db, 40, 1000).await, 35, "what is left");
        assert_eq!(take(&db, 1, 1000).await, 0);
        assert_eq!(take(&db, 5, 1003).await, 3, "one more each second");
        assert_eq!(take(&db, 100, 1000 + 3 + 2 * MINUTE).await, 60, "never more than there are");
        // A clock that was a day ahead and is set right again shuts nobody out.
        assert_eq!(take(&db, 1, 1000 + DAY).await, 1);
        assert_eq!(take(&db, 60, 1300).await, 60);
        assert_eq!(take(&db, 1, 1300).await, 0);
        let sweep = async |db: &mut Db| client_requests::sweep(db, at(1300 + MINUTE), 50).await;
        assert_eq!(write(&db, sweep).await, 0, "it still says something");
        let sweep = async |db: &mut Db| client_requests::sweep(db, at(1301 + MINUTE), 50).await;
        assert_eq!(write(&db, sweep).await, 1);
    }

    async fn of_racing_nodes_none_gets_more_than_there_is(db: TestDatabase) {
        let racing = (0..40).map(|number| take(&db, number % 4 + 1, 1000));
        let taken: u32 = futures_util::future::join_all(racing).await.into_iter().sum();
        // Who is overtaken between two statements may get nothing although there was something.
        assert!((50..=60).contains(&taken), "{taken}");
    }

    async fn wrong_secrets_that_are_far_apart_close_nothing(db: TestDatabase) {
        for number in 0..100 {
            assert!(!fail(&db, "192.0.2.1", number * 3).await, "wrong secret {number}");
        }
    }

    async fn racing_wrong_secrets_all_count(db: TestDatabase) {
        let tasks: Vec<_> = (0..31)
            .map(|_| {
                let store = db.clone();
                tokio::spawn(async move { fail(&store, "192.0.2.1", 0).await })
            })
            .collect();
        let mut closing = 0;
        for task in tasks {
            closing += usize::from(task.await.unwrap());
        }
        assert_eq!(closing, 1);
    }

    async fn a_person_is_told_of_a_block_once_a_day(db: TestDatabase) {
        ada_and_her_printer(&db, &[]).await;
        let note = async |now: i64| {
            write(&db, async |db| block_mails::note(db, "u-ada", at(now), at(now - DAY)).await)
                .await
        };
        assert!(note(0).await);
        assert!(!note(1).await);
        assert!(!note(DAY - 1).await);
        assert!(note(DAY).await);
        assert!(!note(DAY + 1).await);
    }

    async fn a_try_that_was_given_back_leaves_no_row(db: TestDatabase) {
        let bounds = throttle::Bounds {
            failures: 10,
            window_from: at(-MINUTE),
            blocked_until: at(MINUTE),
            in_a_row: 100,
        };
        let take = async |db: &mut Db| throttle::take(db, "?nobody", "", bounds, at(0)).await;
        let back = async |db: &mut Db| throttle::give_back(db, "?nobody", "").await;
        let find = async |db: &mut Db| throttle::find(db, "?nobody", "").await;
        write(&db, take).await;
        write(&db, back).await;
        assert!(write(&db, find).await.is_none());
        write(&db, take).await;
        write(&db, take).await;
        write(&db, back).await;
        let kept = write(&db, find).await.expect("a try that counts");
        assert_eq!((kept.failures, kept.in_a_row), (1, 1));
    }

    async fn of_too_many_names_that_nobody_has_the_least_tried_are_forgotten(db: TestDatabase) {
        let bounds = throttle::Bounds {
            failures: 10,
            window_from: at(-MINUTE),
            blocked_until: at(MINUTE),
            in_a_row: 100,
        };
        for number in 0..10 {
            for name in [format!("?nobody {number}"), format!("0198f0a0-{number}")] {
                let take = async |db: &mut Db| {
                    throttle::take(db, &name, "", bounds, at(number)).await
                };
                write(&db, take).await;
            }
        }
        // Somebody wants to know whether the oldest is forgotten.
        for second in [20, 21] {
            let take = async |db: &mut Db| {
                throttle::take(db, "?nobody 0", "", bounds, at(second)).await
            };
            write(&db, take).await;
            let back = async |db: &mut Db| {
                let sql = "UPDATE throttle SET last_at = 0 WHERE subject = '?nobody 0'";
                sqlx::query(sql).execute(db).await.map(drop).map_err(StoreError::from)
            };
            write(&db, back).await;
        }
        let count = async |db: &mut Db| throttle::count_unknown(db).await;
        assert_eq!(write(&db, count).await, 10);
        assert_eq!(write(&db, async |db| throttle::trim_unknown(db, 4).await).await, 4);
        assert_eq!(write(&db, count).await, 6);
        for (name, kept) in [
            ("?nobody 0", true),
            ("?nobody 4", false),
            ("?nobody 5", true),
            ("0198f0a0-0", true),
        ] {
            let found = write(&db, async |db| throttle::find(db, name, "").await).await;
            assert_eq!(found.is_some(), kept, "{name}");
        }
    }

    async fn who_asks_most_loses_the_oldest_of_it(db: TestDatabase) {
        ask(&db, 0, "192.0.2.1").await;
        for number in 1..8 {
            ask(&db, number, "192.0.2.2").await;
        }
        let beyond = async |db: &mut Db| {
            queue::drop_beyond(db, ("recovery", "192.0.2.2"), 5, 50).await
        };
        assert_eq!(write(&db, beyond).await, 2);
        assert_eq!(write(&db, beyond).await, 0);
        ask(&db, 8, "192.0.2.3").await;
        assert_eq!(write(&db, async |db| queue::trim(db, "recovery", 2).await).await, 2);
        assert_eq!(asked(&db).await, ["job 0000", "job 0005", "job 0006", "job 0007", "job 0008"]);
    }
}
