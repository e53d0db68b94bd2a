//! Where the file of an SQLite database may lie, and how it is named.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use anyhow::anyhow;

use super::StoreError;
use super::file_lock::FileLock;

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
pub(super) fn url_of(path: &Path) -> Result<String, StoreError> {
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

/// The URL of a file that must be there.
pub(super) fn plain_url(path: &Path) -> Result<String, StoreError> {
    Ok(url_of(path)?.replace("?mode=rwc", "?mode=rw"))
}

/// The URL of a file that is only looked at.
pub(super) fn read_only_url(path: &Path) -> Result<String, StoreError> {
    Ok(url_of(path)?.replace("?mode=rwc", "?mode=ro"))
}

/// Makes folder and file, if they are missing, for nobody but us; says where the file lies, and
/// keeps it from being exchanged.
pub(super) fn prepare(path: &Path) -> Result<(PathBuf, FileLock), StoreError> {
    let fail = |error: std::io::Error, doing: &'static str| {
        let context = format!("{doing} {}", path.display());
        StoreError::Other(anyhow::Error::new(error).context(context))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| fail(error, "making the folder of"))?;
    }
    let path = resolve(path).map_err(|error| fail(error, "resolving"))?;
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
    let lock = FileLock::shared(&path)?;
    // SQLite gives its other files the mode of this one.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fail(error, "making")),
    }
    Ok((path, lock))
}

/// Where a file lies, or would, behind all symbolic links; its folder must be there.
pub(super) fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    fs::canonicalize(path).or_else(|_| {
        let path = std::path::absolute(path)?;
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
            _ => Ok(path),
        }
    })
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
