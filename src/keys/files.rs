//! The files of the master key: made once, readable by nobody else, never replaced silently.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use crate::secret::Random;

/// The file of the key that seals; other `*.key` files in its folder only open what they sealed.
pub(super) const CURRENT: &str = "master.key";
/// The file of a key that is to become the current one.
pub(super) const NEXT: &str = "next.key";
/// The first line of a file; the second is the key, 32 bytes in base64url.
const VERSION: &str = "latchkey-master-key-v1";

/// A master key as it lies in its file.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Why there is no master key to work with; each is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Sealed data without its key: making a new one would lose it for good.
    #[error(
        "the master key {} is missing, but the database holds data sealed with it; \
         put the file back from your backup", .0.display()
    )]
    Missing(PathBuf),
    /// Somebody else on the machine could use it.
    #[error("the master key {} is open to other users; run: chmod 600 {}", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// Not what was once written there.
    #[error("the master key {} is damaged; put the file back from your backup", .0.display())]
    Damaged(PathBuf),
    /// The file system refused.
    #[error("the master key {} cannot be read or made: {}", .0.display(), .1)]
    File(PathBuf, #[source] io::Error),
}

/// The secret in `master.key`; at first start a new one is made.
pub(super) fn current(
    folder: &Path,
    sealed_data_exists: bool,
    random: &Random,
) -> Result<Secret, MasterKeyError> {
    let path = folder.join(CURRENT);
    match read(&path)? {
        Some(secret) => Ok(secret),
        None if sealed_data_exists => Err(MasterKeyError::Missing(path)),
        None => {
            create(folder, &path, random).map_err(|e| MasterKeyError::File(path.clone(), e))?;
            // Another node may have been quicker: its key is the one.
            read(&path)?.ok_or(MasterKeyError::Missing(path))
        }
    }
}

/// The secrets in the other `*.key` files of `folder`, with the files' names.
pub(super) fn others(folder: &Path) -> Result<Vec<(String, Secret)>, MasterKeyError> {
    let mut others = Vec::new();
    for path in other_keys(folder).map_err(|e| MasterKeyError::File(folder.to_owned(), e))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        others.extend(read(&path)?.map(|secret| (name, secret)));
    }
    Ok(others)
}

/// Makes `next.key` unless there is one: a key that only opens until it becomes the master key.
pub(super) fn prepare(folder: &Path, random: &Random) -> Result<PathBuf, MasterKeyError> {
    let path = folder.join(NEXT);
    if read(&path)?.is_none() {
        create(folder, &path, random).map_err(|e| MasterKeyError::File(path.clone(), e))?;
    }
    Ok(path)
}

/// Gives the file `name` the place of `master.key`, whose key stays in the folder as `former`. At
/// no moment is there no `master.key`, and no key is ever without a file.
pub(super) fn promote(folder: &Path, name: &str, former: &str) -> Result<(), MasterKeyError> {
    let path = folder.join(CURRENT);
    let moved = || {
        match fs::hard_link(&path, folder.join(former)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        File::open(folder)?.sync_all()?;
        fs::rename(folder.join(name), &path)?;
        File::open(folder)?.sync_all()
    };
    moved().map_err(|error| MasterKeyError::File(path.clone(), error))
}

/// Keeps others from changing the folder's keys while it lives; fails when somebody does already.
pub(super) fn lock(folder: &Path) -> Result<File, MasterKeyError> {
    let failed = |error| MasterKeyError::File(folder.join(CURRENT), error);
    let folder = File::open(folder).map_err(failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        Err(fs::TryLockError::WouldBlock) => {
            Err(failed(io::Error::other("somebody else is replacing it at this moment")))
        }
    }
}

/// Whether the file of the current key is in `folder`, whatever is in it.
pub(super) fn current_is_in(folder: &Path) -> bool {
    folder.join(CURRENT).exists()
}

fn other_keys(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        if is_key && path.file_name().is_some_and(|name| name != CURRENT) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Option<Secret>, MasterKeyError> {
    let failed = |error| MasterKeyError::File(path.to_owned(), error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Of the open file, so that nothing can be put in its place in between.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(MasterKeyError::Damaged(path.to_owned()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(MasterKeyError::Exposed(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    file.take(1024).read_to_end(&mut bytes).map_err(failed)?;
    let secret = decode(&bytes).ok_or_else(|| MasterKeyError::Damaged(path.to_owned()))?;
    Ok(Some(secret))
}

fn decode(bytes: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (version, key) = text.trim_end().split_once('\n')?;
    if version.trim_end() != VERSION {
        return None;
    }
    let key = Zeroizing::new(BASE64.decode(key).ok()?);
    Some(Zeroizing::new(<[u8; 32]>::try_from(key.as_slice()).ok()?))
}

/// Writes a new key beside its place and links it in whole: nobody ever reads half of it, and a
/// key that is already there is never overwritten.
fn create(folder: &Path, path: &Path, random: &Random) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = folder.join(format!(".new.{}", random.token("")));
    let secret = Zeroizing::new(random.bytes::<32>());
    let encoded = Zeroizing::new(BASE64.encode(secret.as_slice()));
    let text = Zeroizing::new(format!("{VERSION}\n{}\n", encoded.as_str()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&beside, path));
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // A key that is gone after a power cut would take everything sealed with it.
    File::open(folder)?.sync_all()
}
