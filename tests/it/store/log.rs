//! SQLite's log: brought into the database beside the commits.

use std::fs;
use std::path::Path;

use latchkey::store::Store;
use latchkey::store::backup::examine;
use sqlx::Executor;

use crate::support::database::sqlite_url;

/// About so many pages are written by one [`fill`].
const PAGES: u64 = 1500;
const PAGE: u64 = 4096;

async fn fill(store: &Store, round: u32) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
               INSERT INTO instance (name, value) \
               SELECT 'round/' || $1 || '/' || i, hex(zeroblob(1700)) FROM n";
    let mut db = store.write().await.unwrap();
    db.execute(sqlx::query(sql).bind(i64::from(round))).await.unwrap();
    db.commit().await.unwrap();
}

fn length_of_log(folder: &Path) -> u64 {
    fs::metadata(folder.join("latchkey.db-wal")).unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_under_writes_and_the_database_is_whole_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let file = url.trim_start_matches("sqlite://").to_owned();
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    for round in 0..8 {
        fill(&store, round).await;
        store.checkpoint().await.unwrap();
    }
    let folder = Path::new(&file).parent().unwrap();
    let length = length_of_log(folder);
    assert!((PAGES * PAGE / 2..PAGES * PAGE * 3).contains(&length), "{length} bytes");
    // Somebody reads all the while: what they see stays, and nobody waits.
    let mut reader = store.read().await.unwrap();
    reader.execute("BEGIN").await.unwrap();
    let count = "SELECT COUNT(*) FROM instance WHERE name LIKE 'round/%'";
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut *reader).await.unwrap();
    for round in 8..10 {
        fill(&store, round).await;
        store.checkpoint().await.unwrap();
    }
    let after: i64 = sqlx::query_scalar(count).fetch_one(&mut *reader).await.unwrap();
    assert_eq!(after, before);
    reader.execute("COMMIT").await.unwrap();
    drop(reader);
    store.close().await;
    assert!(!folder.join("latchkey.db-wal").exists(), "all of it is in the database");
    examine(Path::new(&file)).await.unwrap();
    let store = Store::open(&url).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut *reader).await.unwrap();
    assert_eq!(rows, 15_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_bounded_also_where_nobody_looks_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let file = url.trim_start_matches("sqlite://").to_owned();
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    for round in 0..16 {
        fill(&store, round).await;
    }
    let length = length_of_log(Path::new(&file).parent().unwrap());
    assert!(length < (8192 + 3 * PAGES) * PAGE, "{length} bytes");
    store.close().await;
}
