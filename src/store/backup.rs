//! A copy of an embedded database while it is in use, and what must end when one is put back.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};

use crate::clock::Timestamp;

use super::engine::Engine;
use super::{Db, Store, StoreError, revisions, sqlite};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The word for the end of what was alive in a restored database.
const RESTORED: &str = "restored from a backup";

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
    let mut head = [0; 16];
    let read = File::open(file).and_then(|mut open| {
        use std::io::Read;
        open.read_exact(&mut head)
    });
    read.map_err(|error| other(format!("{shown} cannot be read: {error}")))?;
    if &head != MAGIC {
        return Err(other(format!("{shown} is no backup: not an SQLite database")));
    }
    let url = sqlite::read_only_url(file)?;
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

/// Copies the backup `file` beside the database of `url`, for [`put_in_place`]; gives its URL.
pub async fn stage(file: &Path, url: &str) -> Result<(PathBuf, String), StoreError> {
    examine(file).await?;
    let target = sqlite::path_of(url)?;
    let staged = beside(&target, "restoring")?;
    let copy = || -> anyhow::Result<()> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).context("making the database's folder")?;
        }
        let _left_over = fs::remove_file(&staged);
        let mut to = new_file(&staged)?;
        std::io::copy(&mut File::open(file)?, &mut to)?;
        Ok(to.sync_all()?)
    };
    copy().context("copying the backup").map_err(StoreError::Other)?;
    let url = format!("sqlite://{}", path_text(&staged)?);
    Ok((staged, url))
}

/// Puts the staged database in the place of that of `url`. One that was there is kept beside it,
/// under the name that is given back. Fails while another program has it open.
pub async fn put_in_place(
    staged: &Path,
    url: &str,
    now: Timestamp,
) -> Result<Option<PathBuf>, StoreError> {
    let target = sqlite::path_of(url)?;
    let mut kept = None;
    if target.exists() {
        close_to_others(url).await?;
        let aside = beside(&target, &format!("before-restore-{}", now.seconds()))?;
        fs::rename(&target, &aside)
            .context("keeping the database that was there")
            .map_err(StoreError::Other)?;
        kept = Some(aside);
    }
    settle(staged, &target).map_err(StoreError::Other)?;
    Ok(kept)
}

/// Fails while somebody else has the database open; else leaves all of it in its one file.
async fn close_to_others(url: &str) -> Result<(), StoreError> {
    let mut connection = sqlite::connect_plain(url).await?;
    // Entered before the first access, this mode takes the lock that every other user shares.
    let locked = async {
        connection
            .execute(sqlx::raw_sql("PRAGMA busy_timeout = 200; PRAGMA locking_mode = EXCLUSIVE"))
            .await?;
        connection.execute(sqlx::raw_sql("BEGIN EXCLUSIVE; COMMIT")).await?;
        connection.execute(sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")).await
    };
    locked.await.map_err(|error| match StoreError::from(error) {
        StoreError::Unavailable(_) => other("the provider is running: stop it first"),
        error => error,
    })?;
    connection.close().await?;
    Ok(())
}

/// Ends everything that was alive when the backup was made: what was revoked since must not live
/// again. People sign in anew and applications ask anew; what is allowed stays allowed.
pub async fn begin_new_epoch(db: &mut Db, now: Timestamp) -> Result<(), StoreError> {
    revisions::lock(db).await?;
    let ends = [
        "UPDATE browser_sessions SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL",
        "UPDATE authorizations SET revoked_at = $1, revoke_reason = $2 WHERE revoked_at IS NULL",
    ];
    for sql in ends {
        sqlx::query(sql).bind(now).bind(RESTORED).execute(&mut *db).await?;
    }
    let sql = "UPDATE authorization_codes SET consumed_at = $1 WHERE consumed_at IS NULL";
    sqlx::query(sql).bind(now).execute(&mut *db).await?;
    // A code that was accepted after the backup must not be accepted again.
    let step = now.seconds() / 30 + 1;
    let sql = "UPDATE totp_credentials SET last_step = $1 WHERE last_step < $1";
    sqlx::query(sql).bind(step).execute(&mut *db).await?;
    sqlx::query("UPDATE devices SET trusted_until = NULL, trusted_at = NULL")
        .execute(&mut *db)
        .await?;
    for sql in [
        "DELETE FROM pending_sign_ins",
        "DELETE FROM pending_authorizations",
        "DELETE FROM links",
        "DELETE FROM kept_forms",
        "DELETE FROM queue",
    ] {
        sqlx::query(sql).execute(&mut *db).await?;
    }
    revisions::bump(db).await
}

fn other(what: impl Into<String>) -> StoreError {
    StoreError::Other(anyhow!(what.into()))
}

fn path_text(path: &Path) -> Result<String, StoreError> {
    path.to_str().map(str::to_owned).ok_or_else(|| other("the path is not UTF-8"))
}

/// `path` with one more ending.
fn beside(path: &Path, ending: &str) -> Result<PathBuf, StoreError> {
    let mut name = path.file_name().ok_or_else(|| other("the path names no file"))?.to_owned();
    name.push(".");
    name.push(ending);
    Ok(path.with_file_name(name))
}

/// A new, empty file that is ours alone.
fn new_file(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Gives a finished file its name, so that it is there whole or not at all, also after a crash.
fn settle(from: &Path, to: &Path) -> anyhow::Result<()> {
    let moved = || -> std::io::Result<()> {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    moved().with_context(|| format!("writing {}", to.display()))
}
