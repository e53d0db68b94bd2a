//! Opening a database, and bringing its schema up to date.

use latchkey::store::{Store, StoreError, events};
use sqlx::{AnyConnection, Connection, Executor};

use crate::on_both_engines;
use crate::support::database::{TestDatabase, postgres_url, sqlite_url};

on_both_engines! {
    async fn migrating_twice_changes_nothing(db: TestDatabase) {
        db.migrate().await.unwrap();
        db.check().await.unwrap();
    }

    async fn an_older_program_refuses_a_newer_schema(db: TestDatabase) {
        let mut connection = AnyConnection::connect(&db.url).await.unwrap();
        let sql = if db.is_sqlite() {
            "INSERT INTO _sqlx_migrations VALUES (99991231000000, 'x', 0, TRUE, X'00', 1)"
        } else {
            "INSERT INTO _sqlx_migrations VALUES (99991231000000, 'x', now(), TRUE, '\\x00', 1)"
        };
        connection.execute(sql).await.unwrap();
        let refused = db.another().await.migrate().await.unwrap_err().to_string();
        assert!(refused.contains("newer than this program"), "{refused}");
    }

    async fn a_corrupt_row_names_its_table_and_id(db: TestDatabase) {
        let mut write = db.write().await.unwrap();
        write
            .execute("INSERT INTO events (id, at, kind, outcome, details) \
                      VALUES ('e-1', 1, 'x', 'ok', 'not json')")
            .await
            .unwrap();
        write.commit().await.unwrap();
        let mut read = db.read().await.unwrap();
        let all = events::Filter { user_id: None, since: None, before: None, limit: 10 };
        let error = events::list(&mut read, all).await.unwrap_err();
        let StoreError::Corrupt { table: "events", id, cause } = error else { panic!("{error:?}") };
        assert_eq!(id, "e-1");
        assert!(cause.contains("details"), "{cause}");
    }

    async fn a_closed_store_says_that_it_is_not_available(db: TestDatabase) {
        db.close().await;
        for error in [
            db.check().await.unwrap_err(),
            db.read().await.unwrap_err(),
            db.write().await.unwrap_err(),
            db.standing("x").await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
    }
}

async fn nodes_that_start_together(url: &str) {
    let nodes = (0..6).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let store = Store::open(&url).await?;
            store.migrate().await?;
            store.check().await
        })
    });
    for node in nodes.collect::<Vec<_>>() {
        node.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_all_migrate_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    nodes_that_start_together(&sqlite_url(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_all_migrate_postgres() {
    nodes_that_start_together(&postgres_url().await).await;
}

#[tokio::test]
async fn sqlite_files_are_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/a folder/new/latchkey.db", folder.path().display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path().join("a folder/new")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        files += 1;
    }
    assert!(files >= 1);
    let mode = std::fs::metadata(folder.path().join("a folder")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_a_clear_error() {
    for url in ["mysql://x", "sqlite::memory:", "sqlite://", "sqlite://x.db?cache=shared"] {
        assert!(matches!(Store::open(url).await, Err(StoreError::Other(_))), "{url}");
    }
    let error = Store::open("postgres://nobody@127.0.0.1:1/x").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_sqlite_reader_cannot_write() {
    let db = TestDatabase::sqlite().await;
    let mut read = db.read().await.unwrap();
    let error = read.execute("DELETE FROM users").await.unwrap_err();
    assert!(matches!(StoreError::from(error), StoreError::Unavailable(_)));
}
