//! A PostgreSQL that falls silent: packets are swallowed, and nobody is told.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use latchkey::store::{Store, StoreError, instance};

use crate::support::database::TestDatabase;
use crate::support::wall::Wall;

/// More than the pool has, so that no place may be lost.
const MANY: usize = 12;
/// The limit of a statement, and some time to spare.
const SOON: Duration = Duration::from_secs(12);

async fn behind_a_wall() -> (TestDatabase, Wall, Store) {
    let database = TestDatabase::postgres().await;
    let wall = Wall::before(&database.url).await;
    let store = Store::open(&wall.url).await.unwrap();
    store.check().await.unwrap();
    (database, wall, store)
}

async fn count(store: &Store) -> Result<i64, StoreError> {
    let mut read = store.read().await?;
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM instance").fetch_one(&mut *read).await?)
}

async fn put(store: &Store, name: &str) -> Result<(), StoreError> {
    let mut write = store.write().await?;
    instance::set(&mut write, name, "x").await?;
    write.commit().await
}

#[track_caller]
fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
    assert!(result.as_ref().is_err_and(StoreError::is_unavailable), "{result:?}");
}

/// All that was in use is free again: as many at once as there are places, and more.
async fn works_as_before(store: &Store) {
    let names: Vec<_> = (0..MANY).map(|number| format!("after-{number}")).collect();
    for result in join_all(names.iter().map(|name| put(store, name))).await {
        result.unwrap();
    }
    for result in join_all((0..MANY).map(|_| count(store))).await {
        result.unwrap();
    }
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_it_is_told_so_in_time_and_all_works_when_it_speaks_again() {
    let (_database, wall, store) = behind_a_wall().await;
    works_as_before(&store).await;
    wall.fall_silent();
    let begun = Instant::now();
    is_unavailable(&store.check().await);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    for result in join_all((0..2 * MANY).map(|_| count(&store))).await {
        is_unavailable(&result);
    }
    assert!(begun.elapsed() < Duration::from_secs(4) + SOON, "{:?}", begun.elapsed());
    is_unavailable(&store.check().await);
    wall.heal();
    works_as_before(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_ends_and_its_place_is_free_again() {
    let (_database, wall, store) = behind_a_wall().await;
    let mut readers = Vec::new();
    let mut writers = Vec::new();
    for number in 0..4 {
        readers.push(store.read().await.unwrap());
        let mut write = store.write().await.unwrap();
        instance::set(&mut write, &format!("never-{number}"), "x").await.unwrap();
        writers.push(write);
    }
    wall.fall_silent();
    let begun = Instant::now();
    // Half of them ask on, the others go home: a rollback and a sign of life are waited for.
    let asked = readers.iter_mut().take(2).map(|read| async {
        let one = sqlx::query("SELECT 1").fetch_all(&mut **read).await;
        assert!(one.is_err());
        let another = Instant::now();
        assert!(sqlx::query("SELECT 1").execute(&mut **read).await.is_err());
        assert!(another.elapsed() < Duration::from_secs(1), "nobody waits for it twice");
    });
    join_all(asked).await;
    let (going, committing) = (writers.split_off(2), writers);
    drop(going);
    for result in join_all(committing.into_iter().map(latchkey::store::Write::commit)).await {
        is_unavailable(&result);
    }
    drop(readers);
    assert!(begun.elapsed() < 2 * SOON, "{:?}", begun.elapsed());
    wall.heal();
    let begun = Instant::now();
    while count(&store).await.is_err() {
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    let patient = async {
        // The last of them has its time before its place is free.
        while join_all((0..MANY).map(|_| count(&store))).await.iter().any(Result::is_err) {}
    };
    tokio::time::timeout(SOON, patient).await.expect("all places are free again");
    works_as_before(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_given_up_half_way_takes_its_connection_with_it() {
    let database = TestDatabase::postgres().await;
    for _ in 0..MANY {
        let given_up = async {
            let mut write = database.write().await.unwrap();
            sqlx::query("SELECT pg_sleep(2)").execute(&mut *write).await
        };
        let limit = Duration::from_millis(100);
        assert!(tokio::time::timeout(limit, given_up).await.is_err());
    }
    works_as_before(&database).await;
}
