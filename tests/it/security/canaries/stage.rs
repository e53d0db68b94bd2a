//! The program with its cast, and where it is searched.

use std::path::{Path, PathBuf};

use latchkey::keys::{MasterKey, place};
use latchkey::paths;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use super::secrets::Secrets;
use crate::support::browser::Browser;
use crate::support::database::postgres_url;
use crate::support::dump::dump;
use crate::support::endpoint::Endpoints;
use crate::support::flow::sign_in_with;
use crate::support::mails::{Mail, files_in};
use crate::support::oracles::Oracles;
use crate::support::page::{Page, Submission};
use crate::support::people::{PASSWORD, TestUser};
use crate::support::program::{Program, Serving};

pub const CALLBACK: &str = "https://app.example/cb";

pub struct Stage {
    pub program: Program,
    serving: Option<Serving>,
    pub issuer: String,
    pub oracles: Oracles,
    pub endpoints: Endpoints,
    pub secrets: Secrets,
    /// What commands printed that show no new secret.
    pub printed: String,
    pub database: String,
    /// All that was logged until it was stopped last.
    pub log: String,
    people: usize,
}

/// Whether the log is written as JSON: on PostgreSQL it is, on SQLite it is text.
pub fn is_json() -> bool {
    std::env::var("LATCHKEY_TEST_ENGINE").as_deref() == Ok("postgres")
}

impl Stage {
    /// The built program, as talkative as it gets, whatever its operator asks of other crates.
    pub async fn set() -> Self {
        let mut program = Program::apart();
        let talk = "trace,sqlx=trace,hyper=trace,h2=trace,lettre=trace,reqwest=trace,axum=trace";
        program.set("LATCHKEY_TELEMETRY__LOG_LEVEL", talk);
        if is_json() {
            program.set("LATCHKEY_TELEMETRY__LOG_FORMAT", "json");
        }
        for limit in ["LOGIN_PER_MINUTE", "RECOVERY_PER_HOUR", "AUTHORIZE_PER_MINUTE"] {
            program.set(&format!("LATCHKEY_RATE_LIMITS__{limit}"), "100000");
        }
        program.set("LATCHKEY_RATE_LIMITS__FORMS_PER_MINUTE", "100000");
        program.set("LATCHKEY_LOGIN__TWO_FACTOR_REQUIRED_FOR", r#"["group:staff"]"#);
        let database = match std::env::var("LATCHKEY_TEST_ENGINE").as_deref() {
            Ok("postgres") => postgres_url().await,
            _ => format!("sqlite://{}", program.folder().join("data/latchkey.db").display()),
        };
        program.set("LATCHKEY_DATABASE__URL", &database);
        let serving = program.serve().await;
        let issuer = serving.issuer.clone();
        let oracles = Oracles::new(&issuer);
        for place in [CALLBACK, "https://app.example/signed-out"] {
            oracles.allow(place);
        }
        let endpoints = serving.endpoints(&oracles);
        let mut secrets = Secrets::default();
        secrets.typed("a mark", "CANARY");
        let mut stage = Self {
            program,
            serving: Some(serving),
            issuer,
            oracles,
            endpoints,
            secrets,
            printed: String::new(),
            database,
            log: String::new(),
            people: 0,
        };
        stage.remember_keys().await;
        stage
    }

    pub fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("it serves")
    }

    /// Stops.
    pub async fn stop(&mut self) {
        let (code, log) = self.serving.take().expect("it serves").stop().await;
        assert_eq!(code, 0);
        self.log.push_str(&log);
    }

    /// Serves again at another address, with other settings.
    pub async fn serve_again(&mut self) {
        self.stop().await;
        let serving = self.program.serve().await;
        self.oracles.allow(&serving.issuer);
        self.issuer.clone_from(&serving.issuer);
        self.endpoints = serving.endpoints(&self.oracles);
        self.serving = Some(serving);
    }

    pub fn browser(&self) -> Browser {
        self.serving().browser(&self.oracles)
    }

    /// Adds somebody; the password is a mark of its own.
    pub fn person(&mut self, name: &str) -> TestUser {
        // It must not hold the name.
        self.people += 1;
        let password = format!("CANARY-{}-{PASSWORD}", self.people);
        let email = format!("{name}@people.example");
        let arguments =
            ["user", "add", name, "--email", &email, "--email-verified", "--password-stdin"];
        let told = self.program.run_with(&arguments, &password).good();
        self.printed.push_str(&told);
        self.secrets.typed("a password", &password);
        TestUser { id: String::new(), username: name.to_owned(), email, password }
    }

    /// A browser in which this person has just signed in.
    pub async fn signed_in(&self, user: &TestUser) -> Browser {
        let mut browser = self.browser();
        let page = sign_in_with(&mut browser, &user.username, &user.password).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        browser
    }

    /// The newest mail to this address whose subject has these words, as soon as it is there.
    pub async fn mail(&self, to: &str, subject: &str) -> Mail {
        for _ in 0..500 {
            let files = files_in(&self.program.folder().join("data/outbox"));
            let mails = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
            let mut mails: Vec<_> = mails.map(|mail| Mail::read(&mail)).collect();
            mails.retain(|mail| mail.to == to && mail.subject.contains(subject));
            if let Some(mail) = mails.pop() {
                return mail;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("no mail about {subject:?} to {to} within ten seconds");
    }

    /// Runs one statement on the database, as nobody but a test does.
    pub async fn sql(&self, sql: &'static str) {
        sqlx::any::install_default_drivers();
        let mut database = AnyConnection::connect(&self.database).await.expect("a connection");
        sqlx::query(sql).execute(&mut database).await.expect("an answer");
        database.close().await.expect("it closes");
    }

    /// Lets all proofs become old: what matters must be confirmed.
    pub async fn proofs_get_old(&self) {
        self.sql("UPDATE browser_sessions SET auth_time = auth_time - 600000").await;
        // Whatever is remembered of them counts no more.
        self.sql("UPDATE revisions SET revision = revision + 1").await;
    }

    /// The master key as it lies in its file, and the private keys that it seals.
    pub async fn remember_keys(&mut self) {
        let file = self.program.folder().join("keys/master.key");
        let text = std::fs::read_to_string(file).expect("a master key");
        let line = text.lines().nth(1).expect("the key").to_owned();
        self.secrets.token("the master key", &line);
        let bytes = super::secrets::from_base64url(&line);
        self.secrets.bytes("the master key", &bytes);
        let secret: [u8; 32] = bytes.try_into().expect("32 bytes");
        let master = MasterKey::in_memory(secret, &latchkey::secret::Random::System);
        let mut tables = dump(&self.database).await;
        let of = |row: &str, name: &str| {
            let line = row.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.expect("a column").to_owned()
        };
        let facts = tables.remove("instance").expect("what is kept of the instance");
        let lasting = facts.iter().filter(|row| of(row, "name").starts_with("secret/"));
        let mut count = 0;
        for row in lasting {
            let place = place("instance", "value", &of(row, "name"));
            let secret = master.open_sealed("lasting-secrets", &place, &of(row, "value"));
            self.secrets.bytes("a lasting secret", &secret.expect("it opens"));
            count += 1;
        }
        assert_eq!(count, latchkey::keys::lasting_names().count());
        let rows = tables.remove("signing_keys").expect("the keys");
        assert!(!rows.is_empty());
        for row in rows {
            let place = place("signing_keys", "sealed", &of(&row, "kid"));
            let private = master.open_sealed("signing-keys", &place, &of(&row, "sealed"));
            let private = private.expect("it opens");
            // Where the secret half stands in PKCS#8: of Ed25519 at the end, of P-256 after 36
            // bytes, of RSA past the modulus.
            let at = match private.len() {
                ..100 => private.len() - 32,
                100..300 => 36,
                more => more / 2,
            };
            self.secrets.bytes("a private key", &private[at..at + 32]);
        }
    }

    /// Remembers every cookie, form token, password and code that went to and fro.
    pub fn remember_what_was_heard(&mut self) {
        let heard = self.oracles.heard();
        for secret in heard.secrets {
            self.secrets.token("a cookie or the token of a form", &secret);
        }
        for typed in heard.typed {
            if typed.len() >= 6 {
                self.secrets.typed("what was typed", &typed);
            }
        }
    }

    /// Every table and column, and on SQLite every byte of its files.
    pub async fn look_into_the_database(&self) {
        for (table, rows) in dump(&self.database).await {
            let text = rows.join("\n\n");
            self.secrets.are_not_in(&format!("the table {table}"), text.as_bytes());
            self.secrets.codes_are_not_in(&format!("the table {table}"), &text);
        }
        let mut files = Vec::new();
        files_below(&self.program.folder().join("data"), &mut files);
        // A mail must hold its link.
        files.retain(|file| !file.to_string_lossy().contains("/outbox"));
        let is_sqlite = self.database.starts_with("sqlite:");
        assert_eq!(!files.is_empty(), is_sqlite, "{files:?}");
        for file in files {
            let bytes = std::fs::read(&file).expect("a file");
            self.secrets.are_not_in(&file.display().to_string(), &bytes);
        }
    }

    /// What `latchkey backup` writes.
    pub fn look_into_a_backup(&mut self) {
        if !self.database.starts_with("sqlite:") {
            return;
        }
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("copy.db");
        let told = self.program.run(&["backup", &file.display().to_string()]).good();
        self.printed.push_str(&told);
        self.secrets.are_not_in("the backup", &std::fs::read(file).expect("a backup"));
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a file").path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// Sends the form of a page that is its own: above it there may be one that signs out.
pub async fn send(browser: &mut Browser, page: &Page) -> Page {
    let own = page.forms().iter().find(|form| form.action.path() == page.url.path());
    let own = own.unwrap_or_else(|| page.form_with("csrf"));
    let form: Submission = own.submission(None);
    let page = browser.send(page, form).await.page();
    assert!(page.status.is_success(), "{page}");
    page
}

/// The first link of a page that begins and ends so.
#[track_caller]
pub fn link(page: &Page, begins: &str, ends: &str) -> String {
    let links = page.attributes("a[href]", "href");
    let found = links.iter().find(|link| {
        let path = link.split('?').next().unwrap_or_default();
        path.starts_with(begins) && path.ends_with(ends) && path.len() > begins.len()
    });
    found.unwrap_or_else(|| panic!("no link {begins}…{ends} among {links:?}")).clone()
}
