//! Servers in processes of their own: the provider as it is deployed, and plain HTTP to compare.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use axum::Router;
use axum::routing::get;
use latchkey::config::Config;
use latchkey::server::{Server, Shutdown};
use latchkey::{paths, telemetry};

use crate::load;
use crate::postgres::free_port;

/// How long a server may take until it answers.
const START_WITHIN: Duration = Duration::from_secs(20);

/// A server that stops when this is dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

/// Where an instance keeps what it keeps.
pub struct Place {
    /// Keys, outbox, log and, for SQLite, the database.
    pub folder: PathBuf,
    /// The database.
    pub database: String,
    /// Where the provider listens.
    pub address: SocketAddr,
}

impl Place {
    /// An instance that keeps all in `folder`, but for its `database` if there is one.
    pub fn new(folder: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        let sqlite = format!("sqlite://{}", folder.join("latchkey.db").display());
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            database: database.map_or(sqlite, str::to_owned),
            address: free_port()?,
        })
    }

    /// Its configuration, as environment variables; everything else is as it comes.
    fn environment(&self) -> Vec<(String, String)> {
        let within = |name: &str| self.folder.join(name).display().to_string();
        [
            ("LATCHKEY_ISSUER", format!("http://{}", self.address)),
            ("LATCHKEY_SERVER__LISTEN", self.address.to_string()),
            ("LATCHKEY_SERVER__MANAGEMENT_LISTEN", "127.0.0.1:0".into()),
            ("LATCHKEY_DATABASE__URL", self.database.clone()),
            ("LATCHKEY_KEYS__DIRECTORY", within("keys")),
            ("LATCHKEY_MAIL__TRANSPORT", format!("file://{}", within("outbox"))),
            // Limits count, but must not be all that is measured.
            ("LATCHKEY_RATE_LIMITS__LOGIN_PER_MINUTE", "1000000".into()),
            ("LATCHKEY_RATE_LIMITS__AUTHORIZE_PER_MINUTE", "1000000".into()),
            ("LATCHKEY_RATE_LIMITS__FORMS_PER_MINUTE", "1000000".into()),
            ("LATCHKEY_RATE_LIMITS__TOKEN_PER_MINUTE", "100000000".into()),
            ("LATCHKEY_RATE_LIMITS__UNPROVEN_PER_MINUTE", "1000000".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Its configuration.
    pub fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::read("", "", self.environment())?)
    }

    /// Starts the provider and says how long its first answer took.
    pub fn serve(&self) -> anyhow::Result<(Process, Duration)> {
        let begun = Instant::now();
        let child = Command::new(provider())
            .arg("serve")
            .current_dir(&self.folder)
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&self.folder)?)
            .spawn()
            .context("starting the provider")?;
        let process = Process { address: self.address, child };
        process.wait(paths::OPENID_CONFIGURATION, begun)?;
        Ok((process, begun.elapsed()))
    }
}

/// The program that is measured.
pub fn provider() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_latchkey"))
}

fn log(folder: &Path) -> anyhow::Result<File> {
    Ok(File::options().create(true).append(true).open(folder.join("log"))?)
}

impl Process {
    /// Starts a server that only says hello: behind the provider's own accept loop and its layer
    /// for logs and figures, or with nothing but axum.
    pub fn hello(kind: &str, folder: &Path) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let address = free_port()?;
        let child = Command::new(std::env::current_exe()?)
            .args(["hello", kind, &address.to_string()])
            .stdin(Stdio::null())
            .stderr(log(folder)?)
            .spawn()?;
        let process = Self { address, child };
        process.wait("/hello", begun)?;
        Ok(process)
    }

    fn wait(&self, path: &str, begun: Instant) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let request = load::get(self.address, path, "");
        while begun.elapsed() < START_WITHIN {
            if let Ok(answer) = runtime.block_on(load::once(self.address, &request)) {
                if answer.status == 200 {
                    return Ok(());
                }
                bail!("the first answer has status {}", answer.status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("the server on {} did not start", self.address)
    }

    /// The processor time it has used.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
        // USER_HZ is 100 wherever Linux runs.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The memory it holds, in bytes.
    pub fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process that [`Process::hello`] starts does.
pub fn say_hello(kind: &str, address: SocketAddr) -> anyhow::Result<()> {
    let router = Router::new().route("/hello", get(|| async { "hello" }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if kind == "plain" {
            let listener = tokio::net::TcpListener::bind(address).await?;
            return Ok(axum::serve(listener, router).await?);
        }
        let mut config = Config::default();
        config.server.listen = address;
        config.server.management_listen = (Ipv4Addr::LOCALHOST, 0).into();
        telemetry::start(&config.telemetry)?;
        let ready = || async { Ok(()) };
        Server::bind(&config)?.serve(router, ready, Shutdown::on_signals()?).await
    })
}
