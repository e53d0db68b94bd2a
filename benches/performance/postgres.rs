//! A PostgreSQL server of the benchmark's own, with its default settings: commits reach the disk.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

/// Stops the server and removes its files when our end of its standard input closes.
const WATCHER: &str = r#"
"$1/initdb" -D "$2/data" -A trust -U latchkey -E UTF8 --locale=C.UTF-8 >"$2/log" 2>&1 || exit 1
"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    </dev/null >>"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$2"
"#;

/// The server; it stops when this is dropped.
pub struct Postgres {
    /// The URL of its only database.
    pub url: String,
    watcher: Child,
}

impl Postgres {
    /// Starts a server; `None` when PostgreSQL is not installed.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(binaries) = binaries() else { return Ok(None) };
        let folder = TempDir::with_prefix("latchkey-bench-postgres-")?.keep();
        let port = free_port()?.port();
        let mut command = Command::new("sh");
        if fs::metadata("/proc/self")?.uid() == 0 {
            // PostgreSQL refuses to run as root.
            Command::new("chown").arg("postgres").arg(&folder).status()?;
            command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
        }
        let watcher = command
            .args(["-c", WATCHER, "sh"])
            .args([&binaries, &folder])
            .arg(port.to_string())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("a shell to start PostgreSQL with")?;
        let url = format!("postgres://latchkey@127.0.0.1:{port}/postgres?sslmode=disable");
        for _ in 0..600 {
            thread::sleep(Duration::from_millis(50));
            let ready = Command::new(binaries.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-U", "latchkey", "-d", "postgres", "-p"])
                .arg(port.to_string())
                .status()?;
            if ready.success() {
                return Ok(Some(Self { url, watcher }));
            }
        }
        bail!("PostgreSQL did not start: {}", fs::read_to_string(folder.join("log"))?)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
    }
}

/// An address on the loopback interface that nobody listens on.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The folder of the newest PostgreSQL's programs.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, path)| path.join("postgres").exists())
        .collect();
    versions.sort();
    Some(versions.pop()?.1)
}
