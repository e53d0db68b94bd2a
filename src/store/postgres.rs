//! PostgreSQL: a pool of connections, an ordinary transaction for each write.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, Connection, Executor, Pool};
use tokio::time::timeout;

use super::db::{ANSWER_WITHIN, silent};
use super::{Db, StoreError};

/// How long a caller waits for a connection before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// After how long without use a connection is asked whether it still lives.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(5);
/// How long it may take to say so: then there is still time for a new one in its place.
const PING_WITHIN: Duration = Duration::from_secs(1);
/// Bounds what a stuck caller can hold up. A stronger `synchronous_commit` of the operator's
/// (`remote_apply`) is left alone.
const SETTINGS: &str = "SET statement_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '5s'; \
    SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// An open PostgreSQL database.
pub(super) struct Postgres {
    url: String,
    pub(super) pool: Pool<Any>,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for Postgres {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("commits", &self.commits).finish_non_exhaustive()
    }
}

impl Postgres {
    pub(super) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(SETTINGS)).await.map(drop) })
            })
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > IDLE_BEFORE_PING {
                        timeout(PING_WITHIN, connection.ping()).await.map_err(|_| silent())??;
                    }
                    Ok(true)
                })
            })
            .connect(url)
            .await?;
        Ok(Self { url: url.to_owned(), pool, commits: Arc::default() })
    }

    /// A connection that belongs to no pool.
    pub(super) async fn connect(&self) -> Result<AnyConnection, StoreError> {
        let connected = async {
            let mut connection = AnyConnection::connect(&self.url).await?;
            connection.execute(sqlx::raw_sql(SETTINGS)).await?;
            Ok(connection)
        };
        timeout(ANSWER_WITHIN, connected).await.map_err(|_| silent())?
    }

    /// A connection for reading.
    pub(super) async fn read(&self) -> Result<Db, StoreError> {
        Ok(Db::remote(self.pool.acquire().await?))
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Begins a transaction. Given up half way, its connection is not used again.
    pub(super) async fn write(&self) -> Result<PostgresWrite, StoreError> {
        let mut db = self.read().await?;
        db.begin().await?;
        Ok(PostgresWrite { db, commits: Arc::clone(&self.commits) })
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("stopping".into())
}

/// A transaction; dropped, it is rolled back before the connection is used again.
#[derive(Debug)]
pub(super) struct PostgresWrite {
    db: Db,
    commits: Arc<AtomicU64>,
}

impl PostgresWrite {
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    pub(super) fn db_mut(&mut self) -> &mut Db {
        &mut self.db
    }

    /// Commits, in a task of its own so that it is never given up half way.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { mut db, commits } = self;
        let committed = tokio::spawn(async move {
            let result = db.commit().await;
            if result.is_ok() {
                commits.fetch_add(1, Ordering::Relaxed);
            }
            result
        });
        committed.await.map_err(|_| stopped())?.map_err(unless_committed)
    }
}

/// An error of COMMIT leaves open what became of it, so the caller may only be told to retry.
fn unless_committed(error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Other(cause) => StoreError::Other(cause.context("committing")),
        error => error,
    }
}
