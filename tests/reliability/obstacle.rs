//! Ways to keep a running provider from writing: a small disk that fills up, files that nobody may
//! write, a bound on the size of files. Each is undone while it runs.
//!
//! Mounting needs rights. Where there are none, the bound on the size of files (`RLIMIT_FSIZE`)
//! stands in: the same calls fail, with EFBIG in place of ENOSPC or EPERM.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use latchkey::store::{Store, StoreError};

use crate::server::{Place, Server};

/// A mount of the server's own, which ends with it: `$1` is the size, `$2` the folder, `$3` what
/// lies in it at first.
const ON_EXT4: &str = r#"
truncate -s "$1" "$2.img" && mkfs.ext4 -q -m 0 "$2.img" && mount -o loop "$2.img" "$2" || exit 9
cp -a "$3/." "$2/" && shift 3 && exec "$@"
"#;
const ON_TMPFS: &str = r#"
mount -t tmpfs -o size="$1",mode=700 none "$2" || exit 9
cp -a "$3/." "$2/" && shift 3 && exec "$@"
"#;
/// A write beyond the bound is an error then, and no signal that kills.
const WITHOUT_SIGNAL: &str = r#"trap '' XFSZ && exec "$@""#;

/// How writing is prevented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file system of ext4 in a file, full to the last block.
    FullExt4,
    /// A small file system in memory, full to the last page.
    FullTmpfs,
    /// No file may grow beyond the size that the log of the database has.
    NoGrowth,
    /// The files of the database are immutable (`chattr +i`).
    Immutable,
    /// No byte may be written into any file.
    NoByte,
}

/// A way that has been prepared.
pub struct Obstacle {
    pub way: Way,
    folder: PathBuf,
}

impl Obstacle {
    /// The first of `ways` that can be had here. `place` has its users and applications already.
    pub fn prepare(place: &mut Place, ways: &[Way]) -> Self {
        let way = ways.iter().copied().find(|way| way.is_possible(place.folder()));
        let way = way.expect("the last way needs no rights");
        let folder = place.database.parent().expect("a folder").to_owned();
        let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        place.under = match way {
            Way::FullExt4 | Way::FullTmpfs => {
                let seed = folder.with_file_name("seed");
                fs::rename(&folder, &seed).expect("the database is moved away");
                fs::create_dir(&folder).expect("an empty folder to mount on");
                let mut words = unshare();
                let ext4 = way == Way::FullExt4;
                words.extend(shell(if ext4 { ON_EXT4 } else { ON_TMPFS }));
                words.push(if ext4 { "64M" } else { "16M" }.into());
                words.extend([&folder, &seed].map(|path| path.display().to_string()));
                words
            }
            Way::NoGrowth | Way::NoByte => shell(WITHOUT_SIGNAL),
            Way::Immutable => Vec::new(),
        };
        Self { way, folder }
    }

    /// Whether the server sees its database on a mount that nobody else sees.
    pub fn has_its_own_mounts(&self) -> bool {
        matches!(self.way, Way::FullExt4 | Way::FullTmpfs)
    }

    /// The folder of the database as the server sees it.
    fn seen(&self, server: &Server) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(server.id().to_string()).join("root").join(inside)
    }

    /// Looks through a copy of the database, made while nobody writes.
    pub async fn examine(&self, server: &Server) -> Result<(), StoreError> {
        let copy = self.folder.with_file_name("examined");
        fs::create_dir_all(&copy).expect("a folder");
        for name in ["latchkey.db", "latchkey.db-wal"] {
            let _ = fs::copy(self.seen(server).join(name), copy.join(name));
        }
        let url = format!("sqlite://{}", copy.join("latchkey.db").display());
        let store = Store::open(&url).await?;
        let examined = store.examine(u64::MAX).await;
        store.close().await;
        examined
    }

    pub fn raise(&self, server: &Server) {
        match self.way {
            Way::FullExt4 | Way::FullTmpfs => fill(&self.seen(server).join("filler")),
            Way::NoGrowth => {
                let log = fs::metadata(self.folder.join("latchkey.db-wal"));
                bound_files(server, &log.map_or(4096, |log| log.len()).to_string());
            }
            Way::NoByte => bound_files(server, "0"),
            Way::Immutable => self.change_attribute("+i"),
        }
    }

    pub fn lower(&self, server: &Server) {
        match self.way {
            Way::FullExt4 | Way::FullTmpfs => {
                fs::remove_file(self.seen(server).join("filler")).expect("the filler");
            }
            Way::NoGrowth | Way::NoByte => bound_files(server, "unlimited"),
            Way::Immutable => self.change_attribute("-i"),
        }
    }

    fn change_attribute(&self, change: &str) {
        for name in ["latchkey.db", "latchkey.db-wal"] {
            let done = Command::new("chattr").arg(change).arg(self.folder.join(name)).status();
            assert!(done.is_ok_and(|status| status.success()), "chattr {change} {name}");
        }
    }
}

impl Way {
    fn is_possible(self, folder: &Path) -> bool {
        let works = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let probe = folder.join("probe");
        let shown = probe.display().to_string();
        match self {
            Self::NoGrowth | Self::NoByte => true,
            Self::FullExt4 | Self::FullTmpfs => {
                let _ = fs::create_dir(&probe);
                let mount = if self == Self::FullExt4 {
                    format!(
                        "truncate -s 1M {shown}.img && mkfs.ext4 -q {shown}.img && mount -o loop {shown}.img {shown}"
                    )
                } else {
                    format!("mount -t tmpfs none {shown}")
                };
                let alone = unshare();
                let mut arguments: Vec<&str> = alone[1..].iter().map(String::as_str).collect();
                arguments.extend(["sh", "-c", mount.as_str()]);
                works(&alone[0], &arguments)
            }
            Self::Immutable => {
                fs::write(&probe, "x").is_ok()
                    && works("chattr", &["+i", &shown])
                    && fs::OpenOptions::new().append(true).open(&probe).is_err()
                    && works("chattr", &["-i", &shown])
            }
        }
    }
}

/// What starts a program in a mount namespace of its own.
fn unshare() -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let words: &[&str] =
        if root { &["unshare", "--mount"] } else { &["unshare", "--mount", "--map-root-user"] };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Writes until there is no room for another byte.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a filler");
    let block = vec![0; 64 * 1024];
    for length in [block.len(), 512, 1] {
        while file.write_all(&block[..length]).is_ok() {}
    }
    let _ = file.sync_all();
}

fn bound_files(server: &Server, bytes: &str) {
    let done = Command::new("prlimit")
        .args(["--pid", &server.id().to_string(), &format!("--fsize={bytes}:unlimited")])
        .status();
    assert!(done.is_ok_and(|status| status.success()), "prlimit");
}
