//! What this machine can do at all: signatures, password hashes, commits.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use latchkey::config::Config;
use latchkey::hashing::Hasher;
use latchkey::protocol::jwt::{KeyType, SigningAlg, SigningKey};
use latchkey::secret::Random;
use serde_json::json;
use sqlx::{AnyConnection, Connection, Executor};

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// ID tokens signed with RS256 a second, on all cores.
pub fn signatures(length: Duration) -> anyhow::Result<f64> {
    let (key, _) = SigningKey::generate(KeyType::Rsa)?;
    let claims = json!({
        "iss": "http://127.0.0.1:8080", "sub": "0198a1b2-0000-7000-8000-000000000000",
        "aud": "web", "exp": 1_772_442_600, "iat": 1_772_442_000, "auth_time": 1_772_441_000,
        "nonce": "n-0S6_WzA2Mj", "acr": "1", "amr": ["pwd"],
        "sid": "0123456789012345678901234567890123456789012", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
    });
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let begun = Instant::now();
                while begun.elapsed() < length
                    && key.sign(SigningAlg::RS256, "JWT", &claims).is_ok()
                {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    Ok(done.into_inner() as f64 / length.as_secs_f64())
}

/// Passwords checked a second with the default parameters, on all cores.
pub fn password_hashes(length: Duration) -> anyhow::Result<f64> {
    let rules = Config::default().password;
    let hasher = Hasher::new(
        rules.argon2_memory_kib,
        rules.argon2_iterations,
        rules.argon2_parallelism,
        0,
        [7; 32],
        &Random::System,
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let place = hasher.reserve()?;
        let stored = hasher.hash(&place, "correct horse".into(), &Random::System).await?;
        let begun = Instant::now();
        let worker = || async {
            let mut done = 0_u32;
            while begun.elapsed() < length {
                hasher.verify(&place, "correct horse".into(), Some(stored.clone())).await?;
                done += 1;
            }
            anyhow::Ok(f64::from(done) / begun.elapsed().as_secs_f64())
        };
        let workers = (0..cores()).map(|_| worker());
        anyhow::Ok(futures_util::future::try_join_all(workers).await?.iter().sum())
    })
}

/// Transactions of one row that SQLite commits a second, each on the disk before the next.
pub fn sqlite_commits(folder: &Path, length: Duration) -> anyhow::Result<f64> {
    let url = format!("sqlite://{}?mode=rwc", folder.join("commits.db").display());
    commits(&url, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", length)
}

/// The same on PostgreSQL, over one connection.
pub fn postgres_commits(url: &str, length: Duration) -> anyhow::Result<f64> {
    commits(url, "SELECT 1", length)
}

fn commits(url: &str, settings: &'static str, length: Duration) -> anyhow::Result<f64> {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = AnyConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(settings)).await?;
        let table = "CREATE TABLE IF NOT EXISTS bench_commits (id BIGINT PRIMARY KEY, text TEXT)";
        connection.execute(sqlx::raw_sql(table)).await?;
        let begun = Instant::now();
        let mut done = 0_i64;
        while begun.elapsed() < length {
            sqlx::query("INSERT INTO bench_commits (id, text) VALUES ($1, 'some text')")
                .bind(done)
                .execute(&mut connection)
                .await?;
            done += 1;
        }
        let rate = done as f64 / begun.elapsed().as_secs_f64();
        connection.execute(sqlx::raw_sql("DROP TABLE bench_commits")).await?;
        connection.close().await?;
        Ok(rate)
    })
}
