//! Who uses an embedded database: a lock of the operating system on a file beside it.
//!
//! SQLite's own locks lie in the database, so they say nothing of one that is damaged or was moved
//! away under a running provider. This one does, and it vanishes with the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use anyhow::anyhow;

use super::StoreError;
use super::backup::beside;

/// The lock, for as long as this lives.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// For one that works on the database beside others, until it is put back from a backup.
    pub(super) fn shared(database: &Path) -> Result<Self, StoreError> {
        let file = open(database)?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(
                "a backup is being put in the database's place: try again when that is done".into(),
            )),
            taken => settled(file, taken),
        }
    }

    /// For one that takes the database away from under everybody else.
    pub(super) fn alone(database: &Path) -> Result<Self, StoreError> {
        let file = open(database)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(StoreError::Other(anyhow!(
                "the provider or another command is running on this database: stop it first"
            ))),
            taken => settled(file, taken),
        }
    }

    /// Lets go before the end.
    pub(super) fn release(&self) {
        // It ends with the file at the latest.
        let _ = self.0.unlock();
    }
}

fn settled(file: File, taken: Result<(), TryLockError>) -> Result<FileLock, StoreError> {
    match taken {
        Ok(()) => Ok(FileLock(file)),
        // A file system without such locks has SQLite's own at least.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
            Ok(FileLock(file))
        }
        Err(error) => {
            let error = anyhow::Error::new(error).context("locking the database");
            Err(StoreError::Other(error))
        }
    }
}

/// Opens the file that is locked. It holds nothing, and it stays: whoever took it away would take
/// it from under those who wait for it.
fn open(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, "lock")?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let opened = match made {
        Ok(file) => {
            give_to_owner_of(&file, database);
            Ok(file)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(&path),
        Err(error) => Err(error),
    };
    opened.map_err(|error| {
        let context = format!("opening {}", path.display());
        StoreError::Other(anyhow::Error::new(error).context(context))
    })
}

/// Makes a file that root has made the database's owner's: else the provider, which is nobody
/// special, could not open it.
pub(super) fn give_to_owner_of(file: &File, database: &Path) {
    if let Ok(owner) = std::fs::metadata(database) {
        let _only_root_may = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
}
