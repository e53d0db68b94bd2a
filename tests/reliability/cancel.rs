//! callers that hang up before they have their answer, on both engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection};

use crate::ledger::Actor;
use crate::load::{Load, Mix, TOKENS};
use crate::postgres::Postgres;
use crate::report::{Report, p99, quantile};
use crate::server::{PEOPLE, Place, Server};

pub async fn run(report: &mut Report) {
    on(report, "R-08 SQLite", None).await;
    let postgres = tokio::task::spawn_blocking(Postgres::start).await.expect("a thread");
    let postgres = postgres.expect("PostgreSQL starts").expect("PostgreSQL is installed");
    on(report, "R-08 PostgreSQL", Some(&postgres.url)).await;
    tokio::task::spawn_blocking(move || drop(postgres)).await.expect("PostgreSQL stops");
}

async fn on(report: &mut Report, id: &str, url: Option<&str>) {
    let (place, cast) = match url {
        None => Place::new(),
        Some(url) => {
            let mut place = Place::empty();
            place.set("LATCHKEY_DATABASE__URL", url);
            let cast = place.populate();
            (place, cast)
        }
    };
    let mut load = Load::new(&place, cast, PEOPLE);
    let (server, _) = place.serve();
    load.warm_up().await;
    load.warm_up_others().await;
    let calm = calm_p99(report, &mut load).await;
    let files = server.files();
    let (rounds, wanted) = report.pick((1, 500), (10, 10_000));
    let (mut requests, mut dropped) = (0, Vec::new());
    for _ in 0..rounds {
        storm(&mut load, wanted).await;
        let exchanges = load.exchanges();
        requests += exchanges.len();
        dropped.extend(exchanges.into_iter().filter(|one| one.status == 0).map(|one| one.took));
        tokio::time::sleep(Duration::from_secs(5)).await;
        if let Some(url) = url {
            idle_in_transaction(report, id, url).await;
        }
        load.audit().await;
    }
    report.fact(id, "requests", requests);
    let enough = dropped.len() >= rounds * wanted;
    let bound = format!("≥ {}", rounds * wanted);
    report.timed(id, "dropped without an answer", dropped.len(), &bound, enough);
    report.fact(
        id,
        "median time until dropped",
        crate::report::ms(quantile(dropped.into_iter(), 0.5)),
    );
    report.fact(id, "among the acts", load.rare());
    report.none(id, "violations of the ledger", &load.violations());
    let after = calm_p99(report, &mut load).await;
    let bound = (calm * 2).max(Duration::from_millis(20));
    report.within(id, "p99 of tokens afterwards", after, bound);
    settled(report, id, &server, files);
    if url.is_none() {
        let sound = place.check_integrity().await;
        report.must(id, "integrity_check", sound.is_ok(), "true", sound.is_ok());
    }
}

/// Everybody acts as fast as they can and hangs up after at most 200 ms, mostly sooner, until so
/// many were `wanted` that hung up before they had their answer.
async fn storm(load: &mut Load, wanted: usize) {
    let stop = Arc::new(AtomicBool::new(false));
    let log = Arc::clone(&load.log);
    let keeper = load.keeper.take().map(|mut keeper| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                // What takes several pages would else never come to its end.
                let hasty = keeper.actor.dice(4) == 0;
                keeper.actor.wire.patience =
                    if hasty { patience(&keeper.actor) } else { Duration::from_secs(20) };
                keeper.act().await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            keeper.actor.wire.patience = Duration::from_secs(20);
            keeper
        })
    });
    let support = load.support.take().map(|mut support| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                support.act().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            support
        })
    });
    let tasks: Vec<_> = std::mem::take(&mut load.actors)
        .into_iter()
        .map(|mut actor| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    actor.wire.patience = patience(&actor);
                    actor.act().await;
                    // An act that was impossible takes no time.
                    tokio::task::yield_now().await;
                }
                actor.wire.patience = Duration::from_secs(20);
                actor
            })
        })
        .collect();
    let begun = Instant::now();
    let hung_up = || log.lock().unwrap().iter().filter(|one| one.status == 0).count();
    while hung_up() < wanted && begun.elapsed() < Duration::from_mins(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        load.actors.push(task.await.expect("an actor"));
    }
    if let Some(task) = keeper {
        load.keeper = Some(task.await.expect("the keeper"));
    }
    if let Some(task) = support {
        load.support = Some(task.await.expect("support"));
    }
}

/// When somebody hangs up: after at most 200 ms, every other time within the first two or three,
/// in which most answers come.
fn patience(actor: &Actor) -> Duration {
    let part = f64::from(u32::try_from(actor.dice(1000)).expect("few")) / 1000.0;
    Duration::from_millis(200).mul_f64(part.powi(6))
}

async fn calm_p99(report: &Report, load: &mut Load) -> Duration {
    for actor in &mut load.actors {
        if !actor.wire.cookies.contains_key("latchkey_session") {
            actor.sign_in().await;
        }
        actor.authorize().await;
        actor.redeem().await;
    }
    drop(load.exchanges());
    load.mix = Mix::Tokens;
    let going = load.go(200);
    tokio::time::sleep(report.pick(Duration::from_secs(1), Duration::from_secs(5))).await;
    going.stop(load).await;
    load.mix = Mix::All;
    p99(&load.exchanges(), TOKENS)
}

async fn idle_in_transaction(report: &mut Report, id: &str, url: &str) {
    let mut connection = AnyConnection::connect(url).await.expect("PostgreSQL answers");
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql);
    let idle = count(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' \
         AND state_change < now() - interval '1 second'",
    );
    let idle = idle.fetch_one(&mut connection).await.expect("a count");
    let open = count("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'postgres'");
    let open = open.fetch_one(&mut connection).await.expect("a count");
    connection.close().await.expect("it closes");
    report.must(id, "idle in transaction 5 s later", idle, "0", idle == 0);
    // The pool, the one that reads the revision, this one, and one that is just being replaced.
    report.must(id, "connections to the database", open, "≤ 13", open <= 13);
}

fn settled(report: &mut Report, id: &str, server: &Server, files: usize) {
    let log = server.log();
    let aborted = log.matches("25P02").count() + log.matches("transaction is aborted").count();
    report.must(id, "times 25P02", aborted, "0", aborted == 0);
    let panics = server.figure("panics");
    report.must(id, "panics", panics, "0", panics == 0.0);
    let now = server.files();
    report.fact(id, "file descriptors before and after", format!("{files}, {now}"));
}
