//! The built program with accounts of every kind, and one browser that tries wrong passwords.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use latchkey::paths;
use reqwest::Client;
use sqlx::Connection;

/// Wrong passwords that one account takes: after a hundred in a row none is looked at any more.
pub const TRIES: usize = 80;
/// Rounds that are not counted.
pub const WARM_UP: usize = 10;

const PASSWORD: &str = "t4ble-lamp-Orbit%91";
const WRONG: &str = "wr0ng-lamp-Orbit%91";

/// A running instance.
pub struct Instance {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    issuer: String,
    http: Client,
    cookie: String,
    csrf: String,
    child: Option<Child>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Instance {
    /// Makes so many accounts of each kind (by the prefix of their names) and starts to serve.
    pub async fn start(
        folder: &Path,
        prefixes: &[(&str, bool)],
        accounts: usize,
    ) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let issuer = format!("http://localhost:{port}");
        let mut instance = Self {
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
            issuer: issuer.clone(),
            http: Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            cookie: String::new(),
            csrf: String::new(),
            child: None,
        };
        for (key, value) in [
            ("ISSUER", issuer),
            ("SERVER__LISTEN", format!("127.0.0.1:{port}")),
            ("SERVER__MANAGEMENT_LISTEN", "127.0.0.1:0".into()),
            ("TELEMETRY__LOG_LEVEL", "error".into()),
            ("LOGIN__MAX_FAILURES", "100".into()),
            ("RATE_LIMITS__ENABLED", "false".into()),
            ("PASSWORD__ARGON2_MEMORY_KIB", "24576".into()),
        ] {
            instance.environment.insert(format!("LATCHKEY_{key}"), value);
        }
        if let Ok(url) = std::env::var("LATCHKEY_DATABASE__URL") {
            instance.environment.insert("LATCHKEY_DATABASE__URL".into(), url);
        }
        instance.people(prefixes, accounts)?;
        instance.serve().await?;
        instance.arrive().await?;
        for (prefix, _) in prefixes.iter().filter(|(_, evaluated)| !evaluated) {
            for number in 0..accounts {
                instance.refused(prefix, number, true).await?;
            }
        }
        instance.prepare().await?;
        Ok(instance)
    }

    fn people(&mut self, prefixes: &[(&str, bool)], accounts: usize) -> anyhow::Result<()> {
        let nobodys = ["nobody", "noone"];
        for (prefix, _) in prefixes.iter().filter(|(prefix, _)| !nobodys.contains(prefix)) {
            for name in (0..accounts).map(|number| format!("{prefix}{number}")) {
                let email = format!("{name}@people.example");
                // Of their parameters these are the least.
                let memory = if *prefix == "older" { "19456" } else { "24576" };
                let key = "LATCHKEY_PASSWORD__ARGON2_MEMORY_KIB";
                self.environment.insert(key.into(), memory.into());
                self.run(&["user", "add", &name, "--email", &email, "--password-stdin"], PASSWORD)?;
                if *prefix == "locked" {
                    self.run(&["user", "lock", &name, "--reason", "measured"], "")?;
                }
            }
        }
        let key = "LATCHKEY_PASSWORD__ARGON2_MEMORY_KIB";
        self.environment.insert(key.into(), "24576".into());
        Ok(())
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_latchkey");
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_clear().envs(&self.environment);
        command
    }

    fn run(&self, arguments: &[&str], input: &str) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().context("the program starts")?;
        child.stdin.take().context("a standard input")?.write_all(input.as_bytes())?;
        ensure!(child.wait()?.success(), "{arguments:?} failed");
        Ok(())
    }

    async fn serve(&mut self) -> anyhow::Result<()> {
        let log = File::create(self.folder.join("log"))?;
        self.child = Some(self.command().arg("serve").stderr(log).spawn()?);
        for _ in 0..400 {
            let address = format!("{}{}", self.issuer, paths::JWKS);
            if self.http.get(address).send().await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("it does not serve: {}", std::fs::read_to_string(self.folder.join("log"))?)
    }

    /// Gets the form that is sent from then on.
    async fn arrive(&mut self) -> anyhow::Result<()> {
        let answer = self.http.get(format!("{}{}", self.issuer, paths::LOGIN)).send().await?;
        let cookie = answer.headers().get("set-cookie").context("a cookie")?.to_str()?;
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        let page = answer.text().await?;
        let (_, after) = page.split_once("name=\"csrf\" value=\"").context("a form")?;
        after.split('"').next().unwrap_or_default().clone_into(&mut self.csrf);
        Ok(())
    }

    async fn post(&self, name: &str) -> anyhow::Result<(u16, Duration)> {
        let form = [("csrf", self.csrf.as_str()), ("username", name), ("password", WRONG)];
        let request = self.http.post(format!("{}{}", self.issuer, paths::LOGIN)).form(&form);
        let request = request.header("cookie", &self.cookie).build()?;
        let begun = Instant::now();
        let answer = self.http.execute(request).await?;
        let status = answer.status().as_u16();
        answer.bytes().await?;
        Ok((status, begun.elapsed()))
    }

    /// How long it takes to be refused as the account with this number of a kind.
    pub async fn refused(
        &mut self,
        prefix: &str,
        number: usize,
        evaluated: bool,
    ) -> anyhow::Result<Duration> {
        let (status, took) = self.post(&format!("{prefix}{number}")).await?;
        let wanted = if evaluated { 422 } else { 429 };
        ensure!(status == wanted, "{prefix}{number} is answered {status}, not {wanted}");
        Ok(took)
    }

    /// What no command does: takes passwords away, and shuts the accounts out at which there was a
    /// try so far.
    async fn prepare(&self) -> anyhow::Result<()> {
        sqlx::any::install_default_drivers();
        let own = format!("sqlite://{}", self.folder.join("data/latchkey.db").display());
        let url = self.environment.get("LATCHKEY_DATABASE__URL").unwrap_or(&own);
        let mut database = sqlx::AnyConnection::connect(url).await?;
        for sql in [
            "DELETE FROM password_credentials WHERE user_id IN \
             (SELECT id FROM users WHERE username LIKE 'unset%')",
            "UPDATE throttle SET in_a_row = 100",
        ] {
            sqlx::query(sql).execute(&mut database).await?;
        }
        Ok(database.close().await?)
    }
}
