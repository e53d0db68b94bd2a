//! SQLite: where the file may lie, how connections are set up, several readers and one writer.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, Connection, Executor, Pool};

use super::StoreError;
use super::group_commit::Writer;

/// How long a caller waits for a reader before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Readers run in threads of their own, so more of them than cores only hold memory.
const MIN_READERS: usize = 4;
const MAX_READERS: usize = 16;

/// No mmap: an I/O error would come as a signal that kills the process, not as an error.
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
    PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON";
/// A COMMIT returns when the data is on the disk. The log shrinks again after a burst.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; \
    PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; \
    PRAGMA journal_size_limit = 67108864";

/// File systems without the locks and the shared memory that SQLite's log relies on.
const NETWORK: [&str; 20] = [
    "9p2000.L",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph",
    "fuse.curlftpfs",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// An open SQLite database.
#[derive(Debug)]
pub(super) struct Sqlite {
    url: String,
    pub(super) readers: Pool<Any>,
    pub(super) writer: Writer,
}

impl Sqlite {
    pub(super) async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let path = path_of(url)?;
        let path = tokio::task::spawn_blocking(move || prepare(&path))
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
        Ok(Self { url, readers, writer })
    }

    /// Fails if the file is damaged where SQLite itself can see it: in how its pages hang together,
    /// and whether its indexes tell the same as its tables.
    pub(super) async fn examine(&self, most_bytes: u64) -> Result<(), StoreError> {
        let path = path_of(&self.url)?;
        if fs::metadata(&path).is_ok_and(|file| file.len() > most_bytes) {
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

/// The URL of a file that is only looked at.
pub(super) fn read_only_url(path: &Path) -> Result<String, StoreError> {
    Ok(url_of(path)?.replace("?mode=rwc", "?mode=ro"))
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

/// The path in a URL `sqlite://PATH` or `sqlite:PATH`.
pub(super) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let refuse = |cause: &'static str| Err(StoreError::Other(anyhow!(cause)));
    let rest = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    let Some(rest) = rest else { return refuse("not an sqlite:// URL") };
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if !matches!(parameters, "" | "mode=rwc" | "mode=rw") {
        return refuse("an sqlite:// URL takes no parameters");
    }
    if path.is_empty() || path == ":memory:" {
        return refuse("an sqlite:// URL must name a file");
    }
    Ok(PathBuf::from(path))
}

/// The URL of an absolute path, for the driver.
fn url_of(path: &Path) -> Result<String, StoreError> {
    let path = path.to_str().ok_or_else(|| anyhow!("the database's path is not UTF-8"));
    let path = path.map_err(StoreError::Other)?;
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                encoded.push(char::from(byte));
            }
            byte => {
                encoded.push('%');
                encoded.extend(
                    [byte >> 4, byte & 15]
                        .map(|half| char::from_digit(half.into(), 16).unwrap_or('0')),
                );
            }
        }
    }
    Ok(format!("sqlite://{encoded}?mode=rwc"))
}

/// Makes folder and file, if they are missing, for nobody but us; says where the file lies.
fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let fail = |error: std::io::Error, doing: &'static str| {
        let context = format!("{doing} {}", path.display());
        StoreError::Other(anyhow::Error::new(error).context(context))
    };
    let path = std::path::absolute(path).map_err(|error| fail(error, "resolving"))?;
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| fail(error, "making the folder of"))?;
    }
    // SQLite gives its other files the mode of this one.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail(error, "making")),
    }
    let path = fs::canonicalize(&path).map_err(|error| fail(error, "resolving"))?;
    if let Ok(mounts) = fs::read_to_string("/proc/mounts")
        && let Some(kind) = file_system(&mounts, &path)
        && NETWORK.contains(&kind.as_str())
    {
        return Err(StoreError::Other(anyhow!(
            "{} lies on a network file system ({kind}), where SQLite loses data: \
             use a local disk, or PostgreSQL",
            path.display()
        )));
    }
    Ok(path)
}

/// The type of the file system that `path` lies on, by the lines of `/proc/mounts`.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let mut found: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(_), Some(point), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let point = PathBuf::from(unescape(point));
        let depth = point.components().filter(|part| *part != Component::CurDir).count();
        // The last of several mounts at one place is the one that is seen.
        if path.starts_with(&point) && found.is_none_or(|(deepest, _)| depth >= deepest) {
            found = Some((depth, kind));
        }
    }
    found.map(|(_, kind)| kind.to_owned())
}

/// `/proc/mounts` writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "/dev/vda / ext4 rw 0 0\nsrv:/x /mnt/far\\040away nfs4 rw 0 0\n\
                          tmpfs /mnt/far\\040away/near tmpfs rw 0 0\n";

    #[test]
    fn the_deepest_mount_point_decides() {
        let kind = |path: &str| file_system(MOUNTS, Path::new(path));
        assert_eq!(kind("/var/lib/a.db").as_deref(), Some("ext4"));
        assert_eq!(kind("/mnt/far away/a.db").as_deref(), Some("nfs4"));
        assert_eq!(kind("/mnt/far awayish/a.db").as_deref(), Some("ext4"));
        assert_eq!(kind("/mnt/far away/near/a.db").as_deref(), Some("tmpfs"));
    }

    #[test]
    fn a_url_names_a_file() {
        assert_eq!(path_of("sqlite://data/latchkey.db").unwrap(), Path::new("data/latchkey.db"));
        assert_eq!(path_of("sqlite:///var/x.db?mode=rwc").unwrap(), Path::new("/var/x.db"));
        for refused in ["sqlite://", "sqlite::memory:", "sqlite://x?cache=shared", "postgres://x"] {
            assert!(path_of(refused).is_err(), "{refused}");
        }
        assert_eq!(url_of(Path::new("/a b/ü.db")).unwrap(), "sqlite:///a%20b/%c3%bc.db?mode=rwc");
    }
}
