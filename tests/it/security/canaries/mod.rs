//! S-178, S-179: everything that the program does, with everything that is secret marked or
//! remembered, and then the search for it: in the log at its most talkative, in the figures, in
//! the audit trail, in what the command line prints, in the database row by row and byte by byte,
//! and in a backup.
//!
//! Every address of the router is part of the play, by each of its methods: a new one without a
//! scene of its own fails.

mod applications;
mod operators;
mod panics;
mod people;
pub mod secrets;
mod stage;

use std::collections::BTreeSet;

use latchkey::paths;

use crate::support::browser::http;
use crate::support::routes;
use secrets::Secrets;
use stage::Stage;

/// Addresses that nobody plays, because nothing that is secret comes near them.
const LEFT_OUT: &[&str] = &[paths::LOGO, paths::BRAND_LOGO, paths::ASSETS];

/// Whether `path` is an address of `pattern`.
fn is_of(pattern: &str, path: &str) -> bool {
    let (wanted, found): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    wanted.len() == found.len()
        && wanted
            .iter()
            .zip(found)
            .all(|(wanted, found)| wanted.starts_with('{') || *wanted == found)
}

/// Fails if an address was left out of the play, by any method that the router takes.
async fn every_address_was_played(stage: &Stage) {
    let (heard, http) = (stage.oracles.heard(), http());
    let mut missing = BTreeSet::new();
    for (_, pattern) in routes::all() {
        if LEFT_OUT.contains(&pattern.as_str()) {
            continue;
        }
        let url = format!("{}{}", stage.issuer, routes::filled(&pattern));
        for method in routes::methods(&http, &url.parse().expect("an address")).await {
            let played = heard.answered.iter().any(|(by, path)| {
                // Where both could be meant, the fixed address is.
                let fixed = routes::all().iter().any(|(_, other)| other == path);
                *by == method && is_of(&pattern, path) && (!fixed || *path == pattern)
            });
            if !played && matches!(method.as_str(), "GET" | "POST") {
                missing.insert(format!("{method} {pattern}"));
            }
        }
    }
    assert!(missing.is_empty(), "no scene plays {missing:#?}");
}

/// The log without the time of each line: it has six digits behind its point, as no code does.
fn without_times(log: &str) -> String {
    let lines = log.lines().map(|line| {
        if !stage::is_json() {
            return line.split_once(' ').map_or("", |(_, rest)| rest).to_owned();
        }
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        object.remove("timestamp").unwrap_or_else(|| panic!("a line without its time: {line}"));
        serde_json::Value::Object(object).to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s_178_s_179_no_secret_is_written_down_whatever_is_done() {
    let mut stage = Stage::set().await;
    stage.programs_ask().await;
    stage.people_sign_in().await;
    stage.people_look_after_themselves().await;
    stage.people_use_two_factor().await;
    stage.people_forget().await;
    stage.operators_work().await;
    every_address_was_played(&stage).await;
    let figures = stage.serving().figures().await;
    stage.everything_goes_wrong().await;
    stage.remember_what_was_heard();
    assert!(stage.secrets.count() > 100, "{} secrets", stage.secrets.count());
    // While it serves: the write-ahead log is not folded in yet.
    stage.look_into_the_database().await;
    stage.look_into_a_backup();
    assert!(figures.contains("latchkey_requests_total"), "{figures}");
    assert!(!figures.lines().any(|line| line.starts_with("latchkey_panics_total")), "{figures}");
    stage.secrets.are_not_in("the figures", figures.as_bytes());
    stage.stop().await;
    let log = stage.log.clone();
    assert!(log.lines().filter(|line| line.contains("answered")).count() > 200, "{log}");
    stage.secrets.are_not_in("the log", log.as_bytes());
    let words = without_times(&log);
    stage.secrets.codes_are_not_in("the log", &words);
    Secrets::nothing_random_is_in("the log", &words);
    stage.secrets.are_not_in("what commands printed", stage.printed.as_bytes());
    stage.look_into_the_database().await;
}
