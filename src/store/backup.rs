//! A copy of an embedded database while it is in use.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};

use super::engine::Engine;
use super::{Store, StoreError, sqlite_file};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What SQLite may keep beside a database under its name with these endings: the log, the memory
/// that its users share, the journal of one without a log.
pub(super) const SIBLINGS: [&str; 3] = ["-wal", "-shm", "-journal"];

impl Store {
    /// Writes a consistent copy into `file`, which must not be there yet; others go on reading and
    /// writing meanwhile. It is on the disk, readable by us alone and checked when this returns.
    pub async fn back_up(&self, file: &Path) -> Result<(), StoreError> {
        let Engine::Sqlite(database) = &self.engine else {
            return Err(other("only an embedded database is copied by us; use pg_dump"));
        };
        if file.exists() {
            return Err(other(format!("{} is there already", file.display())));
        }
        if let Some(stray) = siblings(file)?.into_iter().find(|path| path.exists()) {
            // SQLite would take it for what belongs to the copy.
            return Err(other(format!("{} lies there: remove it first", stray.display())));
        }
        let partial = beside(file, "partial")?;
        // SQLite writes into an empty file, and leaves it the mode that it has.
        new_file(&partial).map_err(StoreError::Other)?;
        let copied = async {
            let mut connection = database.connect_plain().await?;
            let text = path_text(&partial)?;
            sqlx::query("VACUUM INTO $1").bind(text).execute(&mut connection).await?;
            connection.close().await?;
            examine(&partial).await
        };
        let done = copied.await.and_then(|()| settle(&partial, file).map_err(StoreError::Other));
        if done.is_err() {
            // What is left of it is of no use to anybody.
            let _gone = fs::remove_file(&partial);
        }
        done
    }
}

/// Fails unless `file` is a sound SQLite database.
pub async fn examine(file: &Path) -> Result<(), StoreError> {
    install_default_drivers();
    let shown = file.display();
    let named = is_named_a_database(file);
    if !named.map_err(|error| other(format!("{shown} cannot be read: {error}")))? {
        return Err(other(format!("{shown} is no backup: not an SQLite database")));
    }
    let url = sqlite_file::read_only_url(file)?;
    let mut connection = AnyConnection::connect(&url).await?;
    let verdict = sqlx::query_scalar::<_, String>("PRAGMA integrity_check");
    let verdict = verdict.fetch_one(&mut connection).await;
    connection.close().await?;
    match verdict {
        Ok(word) if word == "ok" => Ok(()),
        Ok(word) => Err(other(format!("{shown} is damaged: {word}"))),
        Err(error) => Err(other(format!("{shown} is damaged: {error}"))),
    }
}

/// Whether the file says of itself that it is an SQLite database.
pub(super) fn is_named_a_database(file: &Path) -> std::io::Result<bool> {
    let mut head = [0; 16];
    File::open(file)?.read_exact(&mut head)?;
    Ok(&head == MAGIC)
}

pub(super) fn other(what: impl Into<String>) -> StoreError {
    StoreError::Other(anyhow!(what.into()))
}

pub(super) fn path_text(path: &Path) -> Result<String, StoreError> {
    path.to_str().map(str::to_owned).ok_or_else(|| other("the path is not UTF-8"))
}

/// `path` with one more ending after a dot.
pub(super) fn beside(path: &Path, ending: &str) -> Result<PathBuf, StoreError> {
    let mut name = path.file_name().ok_or_else(|| other("the path names no file"))?.to_owned();
    name.push(".");
    name.push(ending);
    Ok(path.with_file_name(name))
}

/// What SQLite may keep beside the database `path`, whether or not it does.
pub(super) fn siblings(path: &Path) -> Result<[PathBuf; 3], StoreError> {
    let name = path.file_name().ok_or_else(|| other("the path names no file"))?;
    Ok(SIBLINGS.map(|ending| {
        let mut name = name.to_owned();
        name.push(ending);
        path.with_file_name(name)
    }))
}

/// A new, empty file that is ours alone.
pub(super) fn new_file(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Gives a finished file its name, so that it is there whole or not at all, also after a crash.
pub(super) fn settle(from: &Path, to: &Path) -> anyhow::Result<()> {
    let moved = || -> std::io::Result<()> {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        sync_folder_of(to)
    };
    moved().with_context(|| format!("writing {}", to.display()))
}

/// Makes durable which files a folder holds.
pub(super) fn sync_folder_of(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
