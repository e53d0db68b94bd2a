//! PostgreSQL: a pool of connections, an ordinary transaction for each write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, Connection, Executor, Pool, Transaction};

use super::{Db, StoreError};

/// How long a caller waits for a connection before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// After how long without use a connection is asked whether it still lives.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(5);
/// Bounds what a stuck caller can hold up. A stronger `synchronous_commit` of the operator's
/// (`remote_apply`) is left alone.
const SETTINGS: &str = "SET statement_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '5s'; \
    SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// An open PostgreSQL database.
#[derive(Debug)]
pub(super) struct Postgres {
    url: String,
    pub(super) pool: Pool<Any>,
    commits: Arc<AtomicU64>,
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
                        connection.ping().await?;
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
        let mut connection = AnyConnection::connect(&self.url).await?;
        connection.execute(sqlx::raw_sql(SETTINGS)).await?;
        Ok(connection)
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Begins a transaction. In a task of its own, because a BEGIN that is given up half way
    /// leaves the connection inside a transaction that nobody knows of.
    pub(super) async fn write(&self) -> Result<PostgresWrite, StoreError> {
        let pool = self.pool.clone();
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        let transaction = begun.map_err(|_| stopped())??;
        Ok(PostgresWrite { transaction, commits: Arc::clone(&self.commits) })
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("stopping".into())
}

/// A transaction; dropped, it is rolled back before the connection is used again.
#[derive(Debug)]
pub(super) struct PostgresWrite {
    transaction: Transaction<'static, Any>,
    commits: Arc<AtomicU64>,
}

impl PostgresWrite {
    pub(super) fn db(&self) -> &Db {
        &self.transaction
    }

    pub(super) fn db_mut(&mut self) -> &mut Db {
        &mut self.transaction
    }

    /// Commits, in a task of its own so that it is never given up half way.
    ///
    /// After a failed statement PostgreSQL answers COMMIT with success but rolls back; the SELECT
    /// before it, in the same message, fails then. The BEGIN after it is for the driver, which
    /// takes the transaction to be open and rolls it back when the connection goes home.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        let Self { mut transaction, commits } = self;
        let committed = tokio::spawn(async move {
            let sql = sqlx::raw_sql("SELECT 1; COMMIT; BEGIN");
            let result = transaction.execute(sql).await;
            if result.is_ok() {
                commits.fetch_add(1, Ordering::Relaxed);
            }
            result.map(drop)
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
