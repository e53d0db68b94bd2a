//! All SQL: one file for each family of tables, its records above it; here the database itself.

use std::ops::{Deref, DerefMut};

pub mod acting;
pub mod active_sessions;
pub mod applications;
pub mod authorization_requests;
pub mod authorizations;
pub mod backup;
pub mod backup_codes;
pub mod block_mails;
pub mod client_failures;
pub mod client_requests;
pub mod clients;
pub mod consents;
pub mod credentials;
mod db;
pub mod devices;
mod engine;
pub mod enrolments;
pub mod epoch;
mod error;
pub mod events;
pub mod factor_failures;
pub mod failure_counts;
pub mod faults;
mod file_lock;
mod group_commit;
pub mod held;
pub mod instance;
pub mod kept_forms;
pub mod links;
mod migrate;
pub mod pending_sign_ins;
mod postgres;
pub mod proof_tries;
pub mod queue;
pub mod recent_events;
pub mod removals;
pub mod request_shares;
pub mod restoring;
mod revisions;
pub mod revoked_tokens;
mod row;
pub mod sealed;
pub mod sessions;
pub mod sign_ins;
pub mod signing_keys;
mod sqlite;
mod sqlite_file;
pub mod standing;
pub mod throttle;
pub mod used_assertions;
pub mod users;
mod weights;

pub use db::Db;
pub use error::StoreError;
pub use standing::{Live, Revision, Standing};

use engine::Engine;
use faults::{Faults, Point};
use group_commit::GroupWrite;
use postgres::PostgresWrite;
use revisions::RevisionReader;
use standing::LiveCache;

/// The connections of one node, unless its operator says otherwise.
const CONNECTIONS: u32 = 10;

/// The database: SQLite in this process, or PostgreSQL. A handle; clones share all.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    cache: LiveCache,
    faults: Faults,
}

/// What the store did since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Transactions that were committed; on SQLite several writes may share one.
    pub commits: u64,
    /// Reads of the revision that caches are checked against.
    pub revision_reads: u64,
    /// What the caches weigh, in bytes.
    pub cached_bytes: u64,
}

impl Store {
    /// [`Store::open_with`] the usual number of connections.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, CONNECTIONS).await
    }

    /// Opens the database at `url`, `sqlite://…` or `postgres://…`, with at most so many
    /// connections; makes an SQLite file if there is none. Call [`Store::migrate`] before anything
    /// else.
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = Engine::open(url, connections).await?;
        let cache = LiveCache::new(RevisionReader::start(engine.clone()));
        Ok(Self { engine, cache, faults: Faults::default() })
    }

    /// Whether `url` names an SQLite file that is not there yet.
    #[must_use]
    pub fn is_absent(url: &str) -> bool {
        url.strip_prefix("sqlite://").is_some_and(|path| {
            let path = path.split('?').next().unwrap_or_default();
            !path.contains(":memory:") && !std::path::Path::new(path).exists()
        })
    }

    /// Whether nothing was ever made in it: not even the first migration.
    pub async fn is_blank(&self) -> Result<bool, StoreError> {
        migrate::is_blank(&self.engine).await
    }

    /// Fails if an embedded database is damaged. It is read as a whole, so a file of more than
    /// `most_bytes` is left unread.
    pub async fn examine(&self, most_bytes: u64) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.examine(most_bytes).await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Brings the schema up to date; other nodes may do the same at the same time.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate::run(&self.engine).await
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Read, StoreError> {
        self.faults.at(Point::Read).await?;
        Ok(Read { db: self.engine.read().await? })
    }

    /// A transaction for writing. Nothing of it counts before [`Write::commit`] returned `Ok`;
    /// dropped, it never was. Hash no password and call no other machine while you hold one, and
    /// end it after the first error.
    pub async fn write(&self) -> Result<Write, StoreError> {
        self.faults.at(Point::Write).await?;
        let lease = match &self.engine {
            Engine::Sqlite(sqlite) => Lease::Sqlite(sqlite.writer.write().await?),
            Engine::Postgres(postgres) => Lease::Postgres(postgres.write().await?),
        };
        Ok(Write { lease, faults: self.faults.clone() })
    }

    /// Brings the log of an embedded database into it, if that is long; to be called now and then,
    /// so that no commit has to do it.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.checkpoint().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.cache.check().await
    }

    /// Waits for the writes under way and closes all connections.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// What the store did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            commits: self.engine.commits(),
            revision_reads: self.cache.revision_reads(),
            cached_bytes: self.cache.bytes(),
        }
    }
}

/// A connection for reading; SQLite refuses any write on it.
#[derive(Debug)]
pub struct Read {
    db: Db,
}

impl Deref for Read {
    type Target = Db;
    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Read {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

/// A transaction.
#[derive(Debug)]
#[must_use = "a write that is not committed never was"]
pub struct Write {
    lease: Lease,
    faults: Faults,
}

#[derive(Debug)]
enum Lease {
    Sqlite(GroupWrite),
    Postgres(PostgresWrite),
}

impl Write {
    /// Makes the transaction durable. After an error it most likely never was, but that is
    /// certain only when the database can be asked again.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.faults.at(Point::BeforeCommit).await?;
        match self.lease {
            Lease::Sqlite(write) => write.commit().await?,
            Lease::Postgres(write) => write.commit().await?,
        }
        self.faults.at(Point::AfterCommit).await
    }
}

impl Deref for Write {
    type Target = Db;
    fn deref(&self) -> &Db {
        match &self.lease {
            Lease::Sqlite(write) => write.db(),
            Lease::Postgres(write) => write.db(),
        }
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Db {
        match &mut self.lease {
            Lease::Sqlite(write) => write.db_mut(),
            Lease::Postgres(write) => write.db_mut(),
        }
    }
}
