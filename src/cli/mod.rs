//! The operator's door: the command line as one enum, `--config`, `--json`, exit codes.

pub mod backup;
pub mod clients;
pub mod demo;
pub mod keys;
pub mod operations;
mod output;
pub mod users;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use secrecy::SecretString;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::secret::Random;
pub(crate) use output::{Output, say};

/// What is read when no `--config` is given.
const DEFAULT_CONFIG: &str = "latchkey.toml";

/// Latchkey, an OAuth 2.0 and OpenID Connect identity provider.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, about, propagate_version = true)]
struct Cli {
    /// The configuration file [default: latchkey.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on this machine: provider, sample application, demo user
    Demo,
    /// Run the provider
    Serve,
    /// People
    #[command(subcommand)]
    User(users::Command),
    /// Applications
    #[command(subcommand)]
    Client(clients::Command),
    /// Signing keys
    #[command(subcommand)]
    Key(keys::Command),
    /// The audit trail
    #[command(subcommand)]
    Event(operations::EventCommand),
    /// Copy an embedded database into a file while it serves
    Backup {
        /// A file that is not there yet
        file: PathBuf,
    },
    /// Put a copy in the place of an embedded database; all sessions and tokens end
    Restore {
        /// A file that `latchkey backup` wrote
        file: PathBuf,
    },
    /// Bring the database up to date
    Migrate,
    /// Say what is wrong with configuration, keys and database
    Check,
}

/// Runs the program: 0 on success, 1 on a failure told in one line, 2 when called wrongly.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nobody is there to tell when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', " ");
            if output::has_no_reader(&error) {
                // `latchkey event list | head` has read what it wanted.
                return ExitCode::SUCCESS;
            }
            // Nobody is there to tell when the terminal is gone.
            let _ = writeln!(std::io::stderr(), "latchkey: {line}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let config = load(cli.config.as_deref(), matches!(cli.command, Command::Demo))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let result = runtime.block_on(dispatch(cli, config));
    // A password hash or a look-up that still runs has nobody left to tell.
    runtime.shutdown_background();
    result
}

fn load(file: Option<&Path>, is_demo: bool) -> anyhow::Result<Config> {
    let file = match file {
        Some(file) => Some(file.to_owned()),
        None if is_demo => None,
        None => Some(PathBuf::from(DEFAULT_CONFIG)).filter(|file| file.exists()),
    };
    Ok(Config::load(file.as_deref())?)
}

async fn dispatch(cli: &Cli, config: Config) -> anyhow::Result<()> {
    let out = Output { json: cli.json };
    match &cli.command {
        Command::Demo => demo::run(config).await,
        Command::Serve => operations::serve(config).await,
        Command::User(command) => users::run(&*open(config).await?, command, out).await,
        Command::Client(command) => clients::run(&*open(config).await?, command, out).await,
        Command::Key(command) => keys::run(&*open(config).await?, command, out).await,
        Command::Event(command) => operations::events(&open(config).await?, command).await,
        Command::Backup { file } => backup::back_up(config, file).await,
        Command::Restore { file } => backup::restore(config, file).await,
        Command::Migrate => operations::migrate(config).await,
        Command::Check => operations::check(&config).await,
    }
}

/// Opens what a command works on, whether or not the provider is running beside it.
async fn open(config: Config) -> anyhow::Result<Arc<App>> {
    refuse_problems(&config)?;
    App::start(config, Clock::System, Random::System).await
}

/// Fails with the first thing that is wrong with the configuration.
pub(crate) fn refuse_problems(config: &Config) -> anyhow::Result<()> {
    match config.check().split_first() {
        None => Ok(()),
        Some((only, [])) => bail!("{only}"),
        Some((first, rest)) => {
            bail!("{first} (and {} more; `latchkey check` lists all)", rest.len())
        }
    }
}

/// Every record of a table that is listed page by page: `page` gives those after an id.
pub(crate) async fn every<T>(
    page: impl AsyncFn(Option<String>, i64) -> anyhow::Result<Vec<T>>,
    id: impl Fn(&T) -> &str,
) -> anyhow::Result<Vec<T>> {
    const PAGE: i64 = 500;
    let mut all: Vec<T> = Vec::new();
    loop {
        let found = page(all.last().map(|last| id(last).to_owned()), PAGE).await?;
        let is_last = i64::try_from(found.len()).unwrap_or(0) < PAGE;
        all.extend(found);
        if is_last {
            return Ok(all);
        }
    }
}

/// A secret from standard input: all of it but a last line break.
pub(crate) fn secret_from_stdin() -> anyhow::Result<SecretString> {
    let text = std::io::read_to_string(std::io::stdin().lock()).context("reading the secret")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        bail!("standard input holds no secret");
    }
    Ok(SecretString::from(text))
}

/// A JSON document from standard input.
pub(crate) fn json_from_stdin() -> anyhow::Result<serde_json::Value> {
    let text = std::io::read_to_string(std::io::stdin().lock()).context("reading the JSON")?;
    serde_json::from_str(&text).context("standard input is not JSON")
}
