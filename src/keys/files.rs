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
const CURRENT: &str = "master.key";
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

/// The current secret and the old ones in `folder`; at first start a new one is made.
pub(super) fn load(
    folder: &Path,
    sealed_data_exists: bool,
    random: &Random,
) -> Result<(Secret, Vec<Secret>), MasterKeyError> {
    let path = folder.join(CURRENT);
    let current = match read(&path)? {
        Some(secret) => secret,
        None if sealed_data_exists => return Err(MasterKeyError::Missing(path)),
        None => {
            create(folder, &path, random).map_err(|e| MasterKeyError::File(path.clone(), e))?;
            // Another node may have been quicker: its key is the one.
            read(&path)?.ok_or(MasterKeyError::Missing(path))?
        }
    };
    let mut old = Vec::new();
    for path in other_keys(folder).map_err(|e| MasterKeyError::File(folder.to_owned(), e))? {
        old.extend(read(&path)?);
    }
    Ok((current, old))
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
    let beside = folder.join(format!(".{CURRENT}.{}", random.token("")));
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
