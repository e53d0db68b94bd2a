//! What a write promises: all or nothing, durable once confirmed, whoever goes away.

use std::collections::HashSet;
use std::time::Duration;

use latchkey::store::{Store, StoreError, Write, instance};
use sqlx::Executor;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::on_both_engines;

const LONG: Duration = Duration::from_secs(30);

async fn begin(store: &Store) -> Write {
    loop {
        match store.write().await {
            Ok(write) => return write,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn put(store: &Store, name: &str) -> Result<(), StoreError> {
    let mut write = begin(store).await;
    instance::set(&mut write, name, "x").await?;
    write.commit().await
}

async fn kept(store: &Store) -> HashSet<String> {
    let mut read = store.read().await.unwrap();
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM instance").fetch_all(&mut *read).await.unwrap();
    names.into_iter().collect()
}

/// Waits until PostgreSQL knows of no open transaction that nobody works in; one that was
/// forgotten would stay until the server ends it.
async fn nothing_is_left_open(store: &Store) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND state LIKE 'idle in transaction%' \
               AND clock_timestamp() - state_change > interval '1 second'";
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut read = store.read().await.unwrap();
    let open: i64 = sqlx::query_scalar(sql).fetch_one(&mut *read).await.unwrap();
    assert_eq!(open, 0, "connections lie in the pool inside a transaction");
}

on_both_engines! {
    async fn a_dropped_write_never_was(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        instance::set(&mut write, "dropped", "x").await.unwrap();
        drop(write);
        put(&db, "kept").await.unwrap();
        assert_eq!(kept(&db).await, HashSet::from(["kept".to_owned()]));
    }

    async fn two_hundred_writers_of_whom_half_go_away(db: TestDatabase) {
        let writers = (0..200_u32).map(|number| {
            let store = db.clone();
            tokio::spawn(async move {
                let name = format!("n{number:03}");
                let writing = async {
                    let mut write = begin(&store).await;
                    // Two rows: neither may ever stand alone.
                    instance::set(&mut write, &name, "x").await?;
                    yield_now().await;
                    instance::set(&mut write, &format!("{name}'"), "x").await?;
                    if number % 4 == 3 {
                        drop(write);
                        return Ok(false);
                    }
                    write.commit().await.map(|()| true)
                };
                let done = if number % 4 == 1 {
                    // Gives up somewhere: waiting, beginning, writing, or committing.
                    let patience = Duration::from_micros(u64::from(number) * 150);
                    timeout(patience, writing).await.is_ok_and(|done| done.unwrap())
                } else {
                    timeout(LONG, writing).await.expect("no deadlock").unwrap()
                };
                (name, done)
            })
        });
        let mut confirmed = HashSet::new();
        let mut refused = HashSet::new();
        for writer in writers.collect::<Vec<_>>() {
            let (name, done) = writer.await.unwrap();
            let number: u32 = name[1..].parse().unwrap();
            match number % 4 {
                _ if done => confirmed.insert(name),
                3 => refused.insert(name),
                _ => true,
            };
        }
        // The last to be given up may still be undone; a write waits for that.
        put(&db, "last").await.unwrap();
        let kept = kept(&db).await;
        for name in &confirmed {
            assert!(kept.contains(name), "{name} was confirmed and is lost");
        }
        for name in &refused {
            assert!(!kept.contains(name), "{name} was dropped and is there");
        }
        for name in kept.iter().filter(|name| name.starts_with('n')) {
            let twin = name.strip_suffix('\'').map_or(format!("{name}'"), str::to_owned);
            assert!(kept.contains(&twin), "{name} stands without its twin");
        }
        assert!(confirmed.len() >= 100);
    }

    async fn a_failed_statement_spoils_only_its_own_write(db: TestDatabase) {
        let writers = (0..40).map(|number| {
            let store = db.clone();
            tokio::spawn(async move {
                let mut write = begin(&store).await;
                instance::set(&mut write, &format!("w{number}"), "x").await.unwrap();
                if number % 2 == 0 {
                    let twice = "INSERT INTO instance (name, value) VALUES ('a', 'x'), ('a', 'x')";
                    let error = write.execute(twice).await.unwrap_err();
                    assert!(matches!(StoreError::from(error), StoreError::Conflict));
                } else {
                    write.commit().await.unwrap();
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let expected = (0..40).filter(|number| number % 2 == 1).map(|number| format!("w{number}"));
        put(&db, "last").await.unwrap();
        let mut kept = kept(&db).await;
        assert!(kept.remove("last"));
        assert_eq!(kept, expected.collect());
    }

    async fn no_connection_comes_back_inside_a_transaction(db: TestDatabase) {
        for patience in (0..120).map(|step| Duration::from_micros(step * 25)) {
            let _ = timeout(patience, async {
                let mut write = db.write().await.unwrap();
                let _ = instance::set(&mut write, "x", "x").await;
                write.commit().await
            })
            .await;
        }
        put(&db, "y").await.unwrap();
        // A write that another connection cannot see, or that it waits for, would show one.
        let other = db.another().await;
        for number in 0..40 {
            let name = format!("z{number}");
            timeout(LONG, put(&db, &name)).await.unwrap().unwrap();
            assert!(kept(&other).await.contains(&name));
        }
    }

    async fn closing_lets_those_finish_who_began(db: TestDatabase) {
        let writers = (0..30).map(|number| {
            let store = db.clone();
            tokio::spawn(async move {
                let name = format!("n{number}");
                let mut write = store.write().await?;
                instance::set(&mut write, &name, "x").await?;
                write.commit().await.map(|()| name)
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(Duration::from_millis(3)).await;
        timeout(LONG, db.close()).await.unwrap();
        let mut confirmed = HashSet::new();
        for writer in writers {
            match timeout(LONG, writer).await.unwrap().unwrap() {
                Ok(name) => _ = confirmed.insert(name),
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
            }
        }
        assert_eq!(kept(&db.another().await).await, confirmed);
    }
}

mod postgres {
    use super::*;
    use crate::support::database::TestDatabase;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_begin_given_up_half_way_leaves_no_transaction_open() {
        let db = TestDatabase::postgres().await;
        let mut idle = Vec::new();
        for _ in 0..10 {
            idle.push(db.read().await.unwrap());
        }
        drop(idle);
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Polled once, which is enough to send the BEGIN over one of the idle connections.
        let given_up: Vec<_> = (0..10).map(|_| timeout(Duration::ZERO, db.write())).collect();
        for write in futures_util::future::join_all(given_up).await {
            drop(write);
        }
        nothing_is_left_open(&db).await;
    }

    #[tokio::test]
    async fn a_commit_after_a_failed_statement_is_an_error() {
        let db = TestDatabase::postgres().await;
        let mut write = db.write().await.unwrap();
        instance::set(&mut write, "lost", "x").await.unwrap();
        write.execute("SELECT nothing").await.unwrap_err();
        assert!(write.commit().await.is_err());
        assert!(kept(&db).await.is_empty());
    }

    #[tokio::test]
    async fn connections_are_bounded_in_time_and_durable() {
        let db = TestDatabase::postgres().await;
        let mut read = db.read().await.unwrap();
        for (name, expected) in [
            ("statement_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("synchronous_commit", "on"),
            ("transaction_isolation", "read committed"),
        ] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(name)
                .fetch_one(&mut *read)
                .await
                .unwrap();
            assert_eq!(value, expected, "{name}");
        }
    }
}

mod sqlite {
    use super::*;
    use crate::support::database::TestDatabase;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writers_share_commits() {
        let db = TestDatabase::sqlite().await;
        let before = db.counters().commits;
        let writers = (0..200).map(|number| {
            let store = db.clone();
            tokio::spawn(async move { put(&store, &format!("n{number}")).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        let commits = db.counters().commits - before;
        assert!((1..60).contains(&commits), "{commits} commits for 200 writers");
        assert_eq!(kept(&db).await.len(), 200);
    }

    #[tokio::test]
    async fn a_lone_writer_does_not_wait_for_others() {
        let db = TestDatabase::sqlite().await;
        for number in 0..10 {
            put(&db, &format!("n{number}")).await.unwrap();
        }
        assert_eq!(db.counters().commits, 10);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_is_told_before_the_commit() {
        let db = TestDatabase::sqlite().await;
        let mut first = db.write().await.unwrap();
        instance::set(&mut first, "first", "x").await.unwrap();
        let store = db.clone();
        let (entered, second_entered) = tokio::sync::oneshot::channel();
        let (go, may_go) = tokio::sync::oneshot::channel();
        let second = tokio::spawn(async move {
            let mut write = store.write().await.unwrap();
            entered.send(()).unwrap();
            may_go.await.unwrap();
            instance::set(&mut write, "second", "x").await.unwrap();
            write.commit().await
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let first = tokio::spawn(first.commit());
        second_entered.await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // The first has left, the second works in the same transaction: nothing is committed.
        assert!(!first.is_finished());
        assert!(kept(&db).await.is_empty());
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(kept(&db).await.len(), 2);
        assert_eq!(db.counters().commits, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_disk_fails_the_whole_group_and_nothing_is_confirmed() {
        let db = TestDatabase::sqlite().await;
        put(&db, "before").await.unwrap();
        let mut write = db.write().await.unwrap();
        // As a full disk does, this makes SQLite roll back by itself.
        write.execute("PRAGMA max_page_count = 1").await.unwrap();
        write.commit().await.unwrap();
        let big = "x".repeat(300_000);
        let writers = (0..20).map(|number| {
            let (store, big) = (db.clone(), big.clone());
            tokio::spawn(async move {
                let mut write = begin(&store).await;
                let value = if number == 10 { big.as_str() } else { "x" };
                instance::set(&mut write, &format!("n{number}"), value).await?;
                write.commit().await.map(|()| number)
            })
        });
        let mut confirmed = HashSet::from(["before".to_owned()]);
        let mut failed = 0;
        for writer in writers.collect::<Vec<_>>() {
            match timeout(LONG, writer).await.unwrap().unwrap() {
                Ok(number) => _ = confirmed.insert(format!("n{number}")),
                Err(StoreError::Unavailable(_)) => failed += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(failed >= 1);
        assert_eq!(kept(&db).await, confirmed);
        // Its connection is a new one, without that limit.
        put(&db, "after").await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_abandoned_transaction_does_not_stand_in_the_way() {
        let db = TestDatabase::sqlite().await;
        let other = db.another().await;
        for _ in 0..20 {
            let mut write = db.write().await.unwrap();
            instance::set(&mut write, "dropped", "x").await.unwrap();
            drop(write);
            timeout(LONG, put(&other, "kept")).await.unwrap().unwrap();
        }
        assert_eq!(kept(&db).await.len(), 1);
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_come_back() {
        let db = TestDatabase::sqlite().await;
        let write = db.write().await.unwrap();
        let error = timeout(LONG, db.write()).await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        drop(write);
        put(&db, "x").await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_processes_write_in_turn() {
        let db = TestDatabase::sqlite().await;
        let other = db.another().await;
        let mut writers = Vec::new();
        for number in 0..60 {
            let store = if number % 2 == 0 { db.clone() } else { other.clone() };
            writers.push(tokio::spawn(async move { put(&store, &format!("n{number}")).await }));
        }
        for writer in writers {
            timeout(LONG, writer).await.unwrap().unwrap().unwrap();
        }
        assert_eq!(kept(&db).await.len(), 60);
    }
}
