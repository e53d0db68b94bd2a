//! Measures the provider as it is deployed beside the limits of the machine it runs on.
//!
//! `scripts/bench` runs it; `docs/benchmarks.md` says what the figures mean. With words as
//! arguments only the operations are measured whose names hold all of them.
#![forbid(unsafe_code)]
#![expect(clippy::cast_precision_loss, reason = "no figure here has so many digits")]

mod instance;
mod limits;
mod load;
mod postgres;
mod process;
mod report;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use instance::{Scripts, prepare};
use load::{Measured, Script};
use postgres::Postgres;
use process::{Place, Process};
use report::{Goal, Report, median};

/// Limits and operations take turns so often, so that what else the machine does hits all alike.
const ROUNDS: usize = 3;
/// How long each operation is measured in a round, after a warm-up.
const LENGTH: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(300);

const DISCOVERY: &str = "discovery";
const INTROSPECTION: &str = "introspection";
const CREDENTIALS: &str = "client credentials";
const EXCHANGE: &str = "code exchange";
const REFRESH: &str = "refresh";
const LOGIN: &str = "login";
const OPERATIONS: [&str; 6] = [DISCOVERY, INTROSPECTION, CREDENTIALS, EXCHANGE, REFRESH, LOGIN];

const HTTP: &str = "plain HTTP through the same accept loop";
const SIGNATURES: &str = "RS256 signatures";
const HASHES: &str = "Argon2id hashes";
const SQLITE_COMMITS: &str = "SQLite commits, one after the other";
const POSTGRES_COMMITS: &str = "PostgreSQL commits, one after the other";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [hello, kind, address] = arguments.as_slice()
        && hello == "hello"
    {
        return process::say_hello(kind, address.parse()?);
    }
    // `cargo bench` adds an option of its own.
    let wanted: Vec<String> =
        arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect();
    let folder = tempfile::tempdir().context("a folder")?;
    Bench { wanted, report: Report::default() }.run(folder.path())
}

struct Bench {
    wanted: Vec<String>,
    report: Report,
}

/// An instance on one of the engines.
struct Instance {
    engine: &'static str,
    commits: &'static str,
    process: Process,
    scripts: Scripts,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.wanted.iter().all(|word| name.contains(word.as_str()))
    }

    fn wants_any_on(&self, engine: &str) -> bool {
        OPERATIONS.iter().any(|operation| self.wants(&format!("{operation} on {engine}")))
    }

    fn run(mut self, folder: &Path) -> anyhow::Result<()> {
        let signatures = limits::signatures(Duration::from_secs(1))?;
        // Nobody exchanges codes faster than ID tokens can be signed.
        let seconds = (LENGTH + WARM_UP).as_secs_f64() * ROUNDS as f64;
        let most = format!("{:.0}", signatures * seconds * 1.1).parse()?;
        let codes =
            |engine: &str| if self.wants(&format!("{EXCHANGE} on {engine}")) { most } else { 0 };
        let mut instances = Vec::new();
        if self.wants_any_on("SQLite") {
            let place = Place::new(&folder.join("sqlite"), None)?;
            instances.push(start("SQLite", SQLITE_COMMITS, &place, codes("SQLite"))?);
        }
        let postgres = if self.wants_any_on("PostgreSQL") { Postgres::start()? } else { None };
        if let Some(postgres) = &postgres {
            let place = Place::new(&folder.join("postgres"), Some(&postgres.url))?;
            instances.push(start("PostgreSQL", POSTGRES_COMMITS, &place, codes("PostgreSQL"))?);
        }
        let ours = Process::hello("ours", folder)?;
        let plain = Process::hello("plain", folder)?;
        for round in 1..=ROUNDS {
            eprintln!("round {round} of {ROUNDS}");
            self.limits(folder, &ours, &plain, postgres.as_ref())?;
            for instance in &mut instances {
                self.operations(instance)?;
            }
        }
        drop((instances, ours, plain, postgres));
        if self.wants("memory at rest") {
            self.at_rest(&folder.join("sqlite"))?;
        }
        self.report.print();
        Ok(())
    }

    fn limits(
        &mut self,
        folder: &Path,
        ours: &Process,
        plain: &Process,
        postgres: Option<&Postgres>,
    ) -> anyhow::Result<()> {
        let length = Duration::from_millis(1500);
        for (name, process) in [(HTTP, ours), ("plain HTTP with axum alone", plain)] {
            let mut scripts = instance::one(load::get(process.address, "/hello", ""));
            let before = process.processor_time()?;
            let measured = load::run(process.address, &mut scripts, 200, WARM_UP, LENGTH)?;
            let used = process.processor_time()?.saturating_sub(before);
            self.report.limit(name, measured.rate);
            self.report.operation(name, Goal { limit: HTTP, share: None }, measured, used);
        }
        self.report.limit(SIGNATURES, limits::signatures(length)?);
        self.report.limit(HASHES, limits::password_hashes(length)?);
        self.report.limit(SQLITE_COMMITS, limits::sqlite_commits(folder, length)?);
        if let Some(postgres) = postgres {
            let rate = limits::postgres_commits(&postgres.url, length)?;
            self.report.limit(POSTGRES_COMMITS, rate);
        }
        Ok(())
    }

    fn operations(&mut self, instance: &mut Instance) -> anyhow::Result<()> {
        let goal = |limit, share| Goal { limit, share };
        let Instance { engine, commits, process, scripts } = instance;
        // Sign-ins first: while programs are served, and for a second more, they leave a core free.
        let all: [(&str, &mut [Script], u16, Goal); 6] = [
            (LOGIN, &mut scripts.login, 303, goal(HASHES, Some(0.9))),
            (DISCOVERY, &mut scripts.discovery, 200, goal(HTTP, None)),
            (INTROSPECTION, &mut scripts.introspection, 200, goal(HTTP, Some(0.5))),
            (CREDENTIALS, &mut scripts.client_credentials, 200, goal(HTTP, Some(0.4))),
            (EXCHANGE, &mut scripts.code_exchange, 200, goal(SIGNATURES, Some(0.7))),
            (REFRESH, &mut scripts.refresh, 200, goal(commits, None)),
        ];
        for (operation, scripts, status, goal) in all {
            let name = format!("{operation} on {engine}");
            if self.wanted.iter().any(|word| !name.contains(word.as_str())) {
                continue;
            }
            let before = process.processor_time()?;
            let measured: Measured = load::run(process.address, scripts, status, WARM_UP, LENGTH)
                .context(name.clone())?;
            let used = process.processor_time()?.saturating_sub(before);
            self.report.operation(&name, goal, measured, used);
        }
        Ok(())
    }

    /// What an instance costs that nobody uses: memory, the time of its start, its size.
    fn at_rest(&mut self, folder: &Path) -> anyhow::Result<()> {
        let place = Place::new(folder, None)?;
        drop(place.serve()?);
        let mut starts = Vec::new();
        let mut memory = Vec::new();
        for _ in 0..5 {
            let (process, took) = place.serve()?;
            starts.push(took.as_secs_f64() * 1000.0);
            std::thread::sleep(Duration::from_secs(1));
            memory.push(process.resident()? as f64 / 1e6);
        }
        let size = std::fs::metadata(process::provider())?.len() as f64 / 1e6;
        self.report.fact("memory at rest", format!("{:.1} MB", median(&memory)), "< 40 MB");
        self.report.fact("start to first answer", format!("{:.0} ms", median(&starts)), "< 100 ms");
        self.report.fact("size of the program", format!("{size:.1} MB"), "");
        Ok(())
    }
}

fn start(
    engine: &'static str,
    commits: &'static str,
    place: &Place,
    codes: usize,
) -> anyhow::Result<Instance> {
    eprintln!("preparing {codes} codes on {engine}");
    let (process, _) = place.serve()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let scripts = runtime.block_on(prepare(place, &process, codes))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(Instance { engine, commits, process, scripts })
}
