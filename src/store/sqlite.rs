//! SQLite: how connections are set up, several readers and one writer.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, Connection, Executor, Pool};
use tokio::sync::Mutex;

use super::StoreError;
use super::backup::siblings;
use super::file_lock::FileLock;
use super::group_commit::Writer;
use super::sqlite_file::{path_of, prepare, url_of};

/// How long a caller waits for a reader before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Readers run in threads of their own, so more of them than cores only hold memory.
const MIN_READERS: usize = 4;
const MAX_READERS: usize = 16;

/// No mmap: an I/O error would come as a signal that kills the process, not as an error.
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
    PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON";
/// A COMMIT returns when the data is on the disk. The log shrinks again after a burst. It goes into
/// the database by [`Sqlite::checkpoint`]; only where that is not called, or comes too late, does it
/// in a COMMIT, which is then a slow one.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
    PRAGMA synchronous = FULL; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; \
    PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 8192";
/// From how many bytes on the log is worth a checkpoint: a thousand pages of 4 KiB.
const LONG_LOG: u64 = 4 << 20;

/// An open SQLite database.
#[derive(Debug)]
pub(super) struct Sqlite {
    url: String,
    path: PathBuf,
    lock: FileLock,
    /// The connection of [`Sqlite::checkpoint`] until it is closed, and the commits at the last one.
    /// Opened with the file, so that it never meets another one under the same name.
    checkpointer: Mutex<(Option<AnyConnection>, u64)>,
    pub(super) readers: Pool<Any>,
    pub(super) writer: Writer,
}

impl Sqlite {
    pub(super) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let path = path_of(url)?;
        let (path, lock) = tokio::task::spawn_blocking(move || prepare(&path))
            .await
            .map_err(|error| StoreError::Other(error.into()))??;
        let url = url_of(&path)?;
        // The first connection makes the file a database in WAL mode before any reader opens it.
        connect_writer(&url).await?.close().await?;
        let count = std::thread::available_parallelism().map_or(MIN_READERS, |cores| {
            cores.get().saturating_mul(2).clamp(MIN_READERS, MAX_READERS)
        });
        let readers = AnyPoolOptions::new()
            .max_connections(u32::try_from(count).unwrap_or(4).min(connections))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(READER)).await.map(drop) })
            })
            .connect(&url)
            .await?;
        let writer = Writer::new(url.clone());
        let checkpointer = Mutex::new((Some(connect_writer(&url).await?), 0));
        Ok(Self { url, path, lock, checkpointer, readers, writer })
    }

    /// Fails if the file is damaged where SQLite itself can see it: in how its pages hang together,
    /// and whether its indexes tell the same as its tables.
    pub(super) async fn examine(&self, most_bytes: u64) -> Result<(), StoreError> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() > most_bytes) {
            return Ok(());
        }
        let mut connection = self.connect_reader().await?;
        let verdict = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)");
        let verdict = verdict.fetch_one(&mut connection).await;
        let _ = connection.close().await;
        match verdict?.as_str() {
            "ok" => Ok(()),
            what => Err(StoreError::Other(anyhow!(
                "the database is damaged ({}): put a backup in its place with `latchkey restore`",
                what.replace('\n', "; ")
            ))),
        }
    }

    /// Brings what is in a long log into the database. Nobody waits for it, neither readers nor the
    /// writer, and a backup that is being made keeps what it looks at.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        let commits = self.writer.commits();
        let [log, ..] = siblings(&self.path)?;
        // The file stays as long as it was when its content is done with.
        let is_long = fs::metadata(log).is_ok_and(|log| log.len() >= LONG_LOG);
        let mut checkpointer = self.checkpointer.lock().await;
        let (Some(connection), before) = &mut *checkpointer else { return Ok(()) };
        if is_long && *before != commits {
            *before = commits;
            connection.execute(sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)")).await?;
        }
        Ok(())
    }

    /// Closes all connections; then the file may be exchanged.
    pub(super) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
        if let Some(connection) = self.checkpointer.lock().await.0.take() {
            // What else could be done about it?
            let _ = connection.close().await;
        }
        self.lock.release();
    }

    /// A connection for reading that belongs to no pool.
    pub(super) async fn connect_reader(&self) -> Result<AnyConnection, StoreError> {
        let mut connection = AnyConnection::connect(&self.url).await?;
        connection.execute(sqlx::raw_sql(READER)).await?;
        Ok(connection)
    }

    /// A connection without any settings of ours.
    pub(super) async fn connect_plain(&self) -> Result<AnyConnection, StoreError> {
        connect_plain(&self.url).await
    }

    /// A connection for writing beside that of [`Writer`].
    pub(super) async fn connect_writer(&self) -> Result<AnyConnection, StoreError> {
        connect_writer(&self.url).await
    }
}

/// A connection that may write.
pub(super) async fn connect_writer(url: &str) -> Result<AnyConnection, StoreError> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(WRITER)).await?;
    enter_wal(&mut connection).await?;
    Ok(connection)
}

/// A connection without any settings of ours.
pub(super) async fn connect_plain(url: &str) -> Result<AnyConnection, StoreError> {
    Ok(AnyConnection::connect(url).await?)
}

/// Turns the log on. Only the first time does anything; then SQLite does not wait for the lock,
/// so that programs starting together have to try again.
async fn enter_wal(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut last = None;
    for _ in 0..100 {
        let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL");
        match mode.fetch_one(&mut *connection).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Other(anyhow!(
                    "SQLite's journal stays in mode `{mode}`; the file system does not support WAL"
                )));
            }
            Err(error) => match StoreError::from(error) {
                error @ StoreError::Unavailable(_) => last = Some(error),
                error => return Err(error),
            },
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(last.unwrap_or(StoreError::Unavailable("SQLite's journal mode is locked".into())))
}
