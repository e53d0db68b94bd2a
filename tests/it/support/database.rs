//! Databases for tests: SQLite in a temporary folder, PostgreSQL on a server of the tests' own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use latchkey::store::Store;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tempfile::TempDir;

/// A migrated database that vanishes with the test.
pub struct TestDatabase {
    pub url: String,
    store: Store,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    pub async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        Self::open(sqlite_url(&folder), Some(folder)).await
    }

    pub async fn postgres() -> Self {
        Self::open(postgres_url().await, None).await
    }

    async fn open(url: String, folder: Option<TempDir>) -> Self {
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        Self { url, store, _folder: folder }
    }

    /// A second handle on the same database, as another node has it.
    pub async fn another(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

impl Deref for TestDatabase {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

/// Makes of each `async fn name(db: TestDatabase)` a test on SQLite and one on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestDatabase) $body:block)+) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, reason = "not all use all")]
            use super::*;
            use $crate::support::database::TestDatabase;

            async fn story($db: TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                story(TestDatabase::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                story(TestDatabase::postgres().await).await;
            }
        }
    )+};
}

/// The URL of an SQLite database in `folder`.
pub fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("latchkey.db").display())
}

/// The URL of a fresh, empty database on the tests' PostgreSQL server.
pub async fn postgres_url() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    let server = tokio::task::spawn_blocking(|| SERVER.get_or_init(Server::start)).await.unwrap();
    sqlx::any::install_default_drivers();
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let mut connection = AnyConnection::connect(&server.url("postgres")).await.unwrap();
    // PostgreSQL copies one template at a time, and says so instead of waiting.
    let sql = format!("CREATE DATABASE t_{number} TEMPLATE template0");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
    server.url(&format!("t_{number}"))
}

/// The PostgreSQL server of this process.
struct Server {
    port: u16,
    /// A shell that stops the server, and removes its files, when our end of its standard input
    /// closes: when this process ends, however it does.
    _watcher: Child,
}

const WATCHER: &str = r#"
"$1/initdb" -D "$2/data" -A trust -U latchkey -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$2/log" 2>&1 || exit 1
"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB \
    -c autovacuum=off </dev/null >>"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT "$server"
wait "$server"
rm -rf "$2"
"#;

impl Server {
    fn start() -> Self {
        let Some(binaries) = binaries() else {
            panic!(
                "these tests need PostgreSQL: no /usr/lib/postgresql/*/bin/postgres on this \
                 machine (apt install postgresql)"
            );
        };
        let folder = TempDir::with_prefix("latchkey-postgres-").unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = if is_root() {
            // PostgreSQL refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(&folder));
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut watcher = command
            .args(["-c", WATCHER, "sh"])
            .args([&binaries, &folder])
            .arg(port.to_string())
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell to start PostgreSQL with");
        for _ in 0..1200 {
            if is_ready(&binaries, port) {
                return Self { port, _watcher: watcher };
            }
            if watcher.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL of {} did not start: {log}", binaries.display());
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://latchkey@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
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

/// Whether the server takes connections; for a while it accepts them only to say that it is
/// starting.
fn is_ready(binaries: &Path, port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
        && Command::new(binaries.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-U", "latchkey", "-d", "postgres", "-p"])
            .arg(port.to_string())
            .status()
            .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
