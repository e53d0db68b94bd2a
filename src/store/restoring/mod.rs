//! A backup in the place of an embedded database, in steps between which the program may die.
//!
//! The copy is made ready under a name of its own. Then what was there gets a second name, and only
//! when that is on the disk does it lose its first. A log never lies beside a database that it does
//! not belong to: at every moment there is the old database whole, or none, or the new one whole.
//! Where there is none the provider refuses to start and says how to go on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sqlx::{AnyConnection, Connection, Executor};

use crate::clock::Timestamp;

use super::backup::{
    beside, examine, is_named_a_database, new_file, other, path_text, settle, siblings,
    sync_folder_of,
};
use super::error::is_in_use;
use super::file_lock::{FileLock, give_to_owner_of};
use super::{StoreError, sqlite_file};

/// A backup on its way into a database's place. Nobody else may open that meanwhile.
#[derive(Debug)]
pub struct Restoring {
    target: PathBuf,
    staged: PathBuf,
    _lock: FileLock,
}

/// One step on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Gives a file a second name.
    Keep { file: PathBuf, name: PathBuf },
    /// Takes a name from a file.
    Remove(PathBuf),
    /// Makes durable what came before.
    Sync,
    /// Gives the new database its name.
    Install,
}

impl Restoring {
    /// Copies the backup `file` beside the database of `url`, for [`Restoring::put_in_place`].
    /// Fails while anybody works on that database.
    pub async fn stage(file: &Path, url: &str) -> Result<Self, StoreError> {
        examine(file).await?;
        let target = sqlite_file::path_of(url)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            fs::create_dir_all(folder)
                .context("making the database's folder")
                .map_err(StoreError::Other)?;
        }
        let target = sqlite_file::resolve(&target)
            .context("resolving the database's path")
            .map_err(StoreError::Other)?;
        let lock = FileLock::alone(&target)?;
        let staged = beside(&target, "restoring")?;
        let staging = Self { target, staged, _lock: lock };
        // Whatever an interrupted restoring has left.
        staging.discard();
        let copied = staging.copy(file).context("copying the backup");
        if copied.is_err() {
            staging.discard();
        }
        copied.map(|()| staging).map_err(StoreError::Other)
    }

    fn copy(&self, file: &Path) -> anyhow::Result<()> {
        let logs = siblings(file)?.into_iter().zip(siblings(&self.staged)?);
        // A database that was put aside has its log beside it, a backup of ours has none.
        let pairs = logs.take(1).filter(|(log, _)| log.exists());
        for (from, to) in pairs.chain([(file.to_owned(), self.staged.clone())]) {
            let mut to = new_file(&to)?;
            give_to_owner_of(&to, &self.target);
            std::io::copy(&mut File::open(from)?, &mut to)?;
            to.sync_all()?;
        }
        Ok(())
    }

    /// The URL of the copy, to be made ready with.
    pub fn url(&self) -> Result<String, StoreError> {
        Ok(format!("sqlite://{}", path_text(&self.staged)?))
    }

    /// Removes the copy; the database in use is as it was.
    pub fn discard(&self) {
        let mut files = vec![self.staged.clone()];
        files.extend(siblings(&self.staged).into_iter().flatten());
        files.extend(beside(&self.staged, "lock"));
        for file in files {
            let _not_there = fs::remove_file(file);
        }
    }

    /// Puts the copy in the database's place. What was there is kept; under which names is given
    /// back.
    pub async fn put_in_place(&self, now: Timestamp) -> Result<Vec<PathBuf>, StoreError> {
        let done = self.exchange(now).await;
        self.discard();
        done
    }

    async fn exchange(&self, now: Timestamp) -> Result<Vec<PathBuf>, StoreError> {
        // All of the copy must be in its one file: the log of another name is not its own.
        fold(&self.staged).await?;
        let [log, _, journal] = siblings(&self.staged)?;
        if has_content(&log) || has_content(&journal) {
            return Err(other("the copy could not be brought into one file"));
        }
        self.close_to_others().await?;
        let steps = self.steps(now)?;
        let kept: Vec<PathBuf> = steps.iter().filter_map(Step::keeps).collect();
        for step in &steps {
            step.carry_out(self).with_context(|| self.advice(&kept)).map_err(StoreError::Other)?;
        }
        Ok(kept)
    }

    /// Fails while another program has the database open. Else all of it comes into its one file,
    /// unless it is damaged: then it is kept as it lies.
    async fn close_to_others(&self) -> Result<(), StoreError> {
        // SQLite takes a file without its head for a new database, and throws its log away.
        if !is_named_a_database(&self.target).unwrap_or(false) {
            return Ok(());
        }
        match fold(&self.target).await {
            Err(error) if is_in_use(&error) => {
                Err(other("another program has the database open: stop it first"))
            }
            // It cannot be read to its end, so its files stay together as they are.
            Err(_) => Ok(()),
            Ok(()) => {
                let [log, memory, _] = siblings(&self.target)?;
                if !has_content(&log) {
                    // A crash has left it, and without a log it means nothing.
                    let _not_there = fs::remove_file(memory);
                }
                Ok(())
            }
        }
    }

    /// All that is to be done, in order.
    fn steps(&self, now: Timestamp) -> Result<Vec<Step>, StoreError> {
        let left: Vec<PathBuf> =
            siblings(&self.target)?.into_iter().filter(|path| path.exists()).collect();
        let there = self.target.exists();
        let aside = self.free_name(now)?;
        let mut steps = Vec::new();
        if there {
            steps.push(Step::Keep { file: self.target.clone(), name: aside.clone() });
        }
        for (file, name) in siblings(&self.target)?.into_iter().zip(siblings(&aside)?) {
            if left.contains(&file) {
                steps.push(Step::Keep { file, name });
            }
        }
        steps.push(Step::Sync);
        if !left.is_empty() {
            // Without its log a database may be an older one, in which what was ended lives.
            if there {
                steps.extend([Step::Remove(self.target.clone()), Step::Sync]);
            }
            steps.extend(left.into_iter().map(Step::Remove));
            steps.push(Step::Sync);
        }
        steps.extend([Step::Install, Step::Sync]);
        Ok(steps)
    }

    /// A name under which nothing is kept yet.
    fn free_name(&self, now: Timestamp) -> Result<PathBuf, StoreError> {
        for number in 0..1000 {
            let ending = match number {
                0 => format!("before-restore-{}", now.seconds()),
                _ => format!("before-restore-{}-{number}", now.seconds()),
            };
            let name = beside(&self.target, &ending)?;
            let beside = siblings(&name)?;
            if !name.exists() && !beside.iter().any(|path| path.exists()) {
                return Ok(name);
            }
        }
        Err(other("there are too many databases that were kept before a restore"))
    }

    /// What to do when it went wrong half way.
    fn advice(&self, kept: &[PathBuf]) -> String {
        match kept.first() {
            Some(first) if !self.target.exists() => format!(
                "the database that was there is {}: run `latchkey restore` again, or give it its \
                 name back",
                first.display()
            ),
            _ => "the database that was there is still in its place".to_owned(),
        }
    }
}

impl Step {
    /// What this step keeps.
    fn keeps(&self) -> Option<PathBuf> {
        match self {
            Self::Keep { name, .. } => Some(name.clone()),
            Self::Remove(_) | Self::Sync | Self::Install => None,
        }
    }

    fn carry_out(&self, on: &Restoring) -> anyhow::Result<()> {
        match self {
            Self::Keep { file, name } => fs::hard_link(file, name)
                // Not every file system has hard links.
                .or_else(|_| fs::copy(file, name).and_then(|_| File::open(name)?.sync_all()))
                .with_context(|| format!("keeping {}", file.display())),
            Self::Remove(file) => {
                fs::remove_file(file).with_context(|| format!("removing {}", file.display()))
            }
            Self::Sync => Ok(sync_folder_of(&on.target)?),
            Self::Install => settle(&on.staged, &on.target),
        }
    }
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Brings all of a database into its one file, which nobody else may have open.
async fn fold(file: &Path) -> Result<(), sqlx::Error> {
    let url =
        sqlite_file::plain_url(file).map_err(|error| sqlx::Error::Configuration(error.into()))?;
    let mut connection = AnyConnection::connect(&url).await?;
    // Entered before the first access, this mode takes the lock that every other user shares.
    let folded = async {
        let quiet = "PRAGMA busy_timeout = 200; PRAGMA locking_mode = EXCLUSIVE";
        connection.execute(sqlx::raw_sql(quiet)).await?;
        connection.execute(sqlx::raw_sql("BEGIN EXCLUSIVE; COMMIT")).await?;
        connection.execute(sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")).await
    };
    let folded = folded.await.map(drop);
    let closed = connection.close().await;
    folded.and(closed)
}

#[cfg(test)]
mod tests;
