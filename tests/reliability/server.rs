//! The provider as it is deployed: the built program in a process of its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ledger::Cast;
use crate::postgres::free_port;

pub const CALLBACK: &str = "https://shop.example/callback";
/// Of the application that must ask.
pub const DIARY_CALLBACK: &str = "https://diary.example/callback";
/// How many people an instance knows, by [`person`].
pub const PEOPLE: usize = 9;
/// Who turns two-factor on and off, and lets an application in that must ask.
pub const KEEPER: &str = "keeper";
/// Whom support locks out.
pub const GUEST: &str = "guest";
/// All that an instance knows.
pub const EVERYBODY: usize = PEOPLE + 2;
pub const PASSWORD: &str = "Warm-granite-7-otters";

/// What the people are called.
pub fn person(number: usize) -> String {
    format!("person{number}")
}

/// Where an instance keeps what it keeps, and how it is run.
pub struct Place {
    folder: TempDir,
    pub database: PathBuf,
    environment: Vec<(String, String)>,
    /// Words before the program's own: what it is run under.
    pub under: Vec<String>,
    pub public: u16,
    pub management: u16,
}

impl Place {
    /// A folder of its own with an embedded database that knows the cast and [`PEOPLE`].
    pub fn new() -> (Self, Cast) {
        static TEMPLATE: OnceLock<(Place, Cast)> = OnceLock::new();
        let (template, cast) = TEMPLATE.get_or_init(|| {
            let place = Self::empty();
            let cast = place.populate();
            (place, cast)
        });
        (template.copy(), cast.clone())
    }

    /// Another one that begins with all that is in the files of this one.
    pub fn copy(&self) -> Self {
        let place = Self::empty();
        for name in ["data", "keys"] {
            place.take_over(self, name);
        }
        place
    }

    /// Copies a folder of another instance.
    pub fn take_over(&self, other: &Self, name: &str) {
        let (from, to) = (other.folder().join(name), self.folder().join(name));
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.is_ok_and(|status| status.success()), "{name} is copied");
    }

    /// Makes the cast and the people.
    pub fn populate(&self) -> Cast {
        for number in 0..PEOPLE {
            self.add_user(&person(number));
        }
        self.add_user(KEEPER);
        self.add_user(GUEST);
        self.cast()
    }

    /// A folder of its own with nothing in it.
    pub fn empty() -> Self {
        let folder = TempDir::with_prefix("latchkey-faults-").expect("a folder");
        let database = folder.path().join("data/latchkey.db");
        let port = || free_port().expect("a port").port();
        let (public, management) = (port(), port());
        let mut place =
            Self { folder, database, environment: vec![], under: vec![], public, management };
        let within = |name: &str| place.folder.path().join(name).display().to_string();
        let (keys, outbox) = (within("keys"), format!("file://{}", within("outbox")));
        let url = format!("sqlite://{}", place.database.display());
        place.set("LATCHKEY_ISSUER", &format!("http://localhost:{public}"));
        place.set("LATCHKEY_SERVER__LISTEN", &format!("127.0.0.1:{public}"));
        place.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", &format!("127.0.0.1:{management}"));
        place.set("LATCHKEY_DATABASE__URL", &url);
        place.set("LATCHKEY_KEYS__DIRECTORY", &keys);
        place.set("LATCHKEY_MAIL__TRANSPORT", &outbox);
        // Limits count as they do everywhere, but are out of reach of what comes from one machine.
        for name in ["LOGIN", "AUTHORIZE", "FORMS", "TOKEN", "UNPROVEN"] {
            place.set(&format!("LATCHKEY_RATE_LIMITS__{name}_PER_MINUTE"), "1000000");
        }
        place.set("LATCHKEY_RATE_LIMITS__RECOVERY_PER_HOUR", "1000000");
        place.set("LATCHKEY_TOKENS__ACCESS_TTL", "60m");
        place.set("LATCHKEY_TELEMETRY__LOG_LEVEL", "warn");
        place
    }

    /// With this key of the configuration for all that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its configuration, as environment variables.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn base(&self) -> String {
        format!("http://localhost:{}", self.public)
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.public).into()
    }

    fn command(&self, under: &[String]) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_latchkey"));
        let mut command = match under.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(&[]);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child.wait_with_output().expect("the program ends")
    }

    /// A second place to type commands at, beside the running provider.
    pub fn terminal(&self) -> Terminal {
        Terminal { folder: self.folder().to_owned(), environment: self.environment(), within: None }
    }

    /// The same, for what must succeed.
    pub fn good(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "latchkey {arguments:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Registers the applications that everybody uses.
    pub fn cast(&self) -> Cast {
        let shop = json!({
            "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid offline_access", "first_party": true,
        });
        let diary = json!({
            "redirect_uris": [DIARY_CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid offline_access",
        });
        let store = json!({
            "redirect_uris": [], "grant_types": [], "response_types": [], "introspection": "any",
        });
        let add = |name: &str, metadata: &Value| {
            let words = ["--json", "client", "add", "--name", name, "--metadata-stdin"];
            let told: Value =
                serde_json::from_str(&self.good(&words, &metadata.to_string())).expect("JSON");
            let text = |name: &str| told[name].as_str().expect("text").to_owned();
            (text("client_id"), text("client_secret"))
        };
        Cast { shop: add("Shop", &shop), diary: add("Diary", &diary), store: add("Store", &store) }
    }

    fn add_user(&self, name: &str) {
        let email = format!("{name}@people.example");
        let words =
            ["user", "add", name, "--email", &email, "--email-verified", "--password-stdin"];
        self.good(&words, PASSWORD);
    }

    /// Starts the provider and waits until it is ready; says how long that took.
    pub fn serve(&self) -> (Server, Duration) {
        let begun = Instant::now();
        let server = self.start();
        while !server.is_ready() {
            assert!(server.is_alive(), "it ended: {}", server.log());
            assert!(begun.elapsed() < Duration::from_mins(1), "not ready: {}", server.log());
            thread::sleep(Duration::from_millis(5));
        }
        (server, begun.elapsed())
    }

    fn start(&self) -> Server {
        let path = self.folder.path().join("log");
        let log = File::options().create(true).append(true).open(&path).expect("a log");
        let mut command = self.command(&self.under);
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the program starts");
        Server { child: child.into(), management: self.management, log: path }
    }

    /// Looks through the whole database for damage.
    pub async fn check_integrity(&self) -> Result<(), String> {
        let found = latchkey::store::backup::examine(&self.database).await;
        found.map_err(|error| error.to_string())
    }
}

/// Where somebody types commands while the provider runs.
#[derive(Clone)]
pub struct Terminal {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// The process whose mounts it sees, if those are its own.
    pub within: Option<u32>,
}

impl Terminal {
    /// Runs a command; what it printed, if it succeeded.
    pub async fn run(&self, arguments: &[&str]) -> Option<String> {
        let program = env!("CARGO_BIN_EXE_latchkey");
        let mut command = match self.within {
            Some(process) => {
                let mut command = Command::new("nsenter");
                command.args(["--mount", "--target", &process.to_string(), program]);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(&self.folder).env_clear().args(arguments).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("a thread").expect("the program starts");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(printed)
    }
}

/// How many files a process has open. To list thousands of them takes milliseconds, in which nothing
/// is measured; Linux 6.2 and later tell their number.
pub fn open_files(process: u32) -> usize {
    let path = format!("/proc/{process}/fd");
    match fs::metadata(&path).map(|folder| folder.len()) {
        Ok(count) if count > 0 => usize::try_from(count).unwrap_or(usize::MAX),
        _ => fs::read_dir(path).map_or(0, Iterator::count),
    }
}

/// A running provider; it dies with this.
pub struct Server {
    child: std::cell::RefCell<Child>,
    management: u16,
    log: PathBuf,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    pub fn is_alive(&self) -> bool {
        self.child.borrow_mut().try_wait().expect("a child").is_none()
    }

    pub fn is_ready(&self) -> bool {
        self.ask("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// What the management listener answers.
    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.management)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(3))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// A figure of `/metrics`.
    pub fn figure(&self, name: &str) -> f64 {
        let text = self.ask("/metrics").unwrap_or_default();
        let line = text.lines().find(|line| line.contains(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// Ends it without a word.
    pub fn kill(self) {
        let mut child = self.child.borrow_mut();
        child.kill().expect("SIGKILL");
        let status = child.wait().expect("its end");
        assert_eq!(status.signal(), Some(9), "it had ended by itself: {status}");
    }

    /// Asks it to stop; the exit code.
    pub fn stop(self) -> i32 {
        let id = self.id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status().expect("kill runs");
        let status = self.child.borrow_mut().wait().expect("its end");
        status.code().unwrap_or(-1)
    }

    /// The memory it holds, in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }

    /// Open file descriptors.
    pub fn files(&self) -> usize {
        open_files(self.id())
    }

    /// What it has logged, and its predecessors at the same place.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.get_mut().kill();
        let _ = self.child.get_mut().wait();
    }
}
