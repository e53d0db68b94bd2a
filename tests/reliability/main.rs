//! Faults: what becomes of a running provider when it is killed, when its disk is full, when its
//! callers hang up, dawdle or come all at once; and whether everything that it acknowledged holds.
//!
//! `scripts/reliability` runs it; `docs/reliability.md` says what each test proves. The short
//! versions are part of the tests.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod acts;
mod audit;
mod backup;
mod cancel;
mod diary;
mod door;
mod faulty;
mod flood;
mod keeper;
mod kill;
mod ledger;
mod load;
mod mail;
mod no_writes;
mod obstacle;
mod phone;
#[path = "../../benches/performance/postgres.rs"]
mod postgres;
mod report;
mod seeds;
mod server;
mod slow;
mod support;
mod wire;

use report::{Length, Report};

/// The tests by the ids of the catalogue that they are taken from.
const TESTS: [(&str, &str); 11] = [
    ("R-01", "killed under load"),
    ("R-04", "the disk is full"),
    ("R-05", "the database is read-only"),
    ("R-08", "callers hang up"),
    ("R-12", "wrong clocks"),
    ("R-15", "a flood of sign-ins"),
    ("R-16", "slow clients"),
    ("R-19", "backup while writing, restored elsewhere"),
    ("R-25", "a database that fails at random"),
    ("R-25s", "a hundred thousand seeds of that"),
    ("R-25m", "a mail server that never answers"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| !word.starts_with('-') && !["short", "long"].contains(word))
        .collect();
    if arguments.iter().any(|word| word == "--list") {
        return;
    }
    let long = arguments.iter().any(|word| word == "long");
    // Without a length a word that is no id is a filter that is meant for other tests.
    if long || arguments.iter().any(|word| word == "short") {
        refuse_unknown(&words);
    }
    let mut report = Report::new(if long { Length::Long } else { Length::Short });
    let wanted = |id: &str| words.is_empty() || words.contains(&id);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let begun = std::time::Instant::now();
    for (id, what) in TESTS {
        if wanted(id) {
            eprintln!("{id} {what} ({:.0} s)", begun.elapsed().as_secs_f64());
            runtime.block_on(run(id, &mut report));
        }
    }
    if !report.print() {
        std::process::exit(1);
    }
}

/// Ends the program if a word is no id: who mistypes one must not believe that it held.
fn refuse_unknown(words: &[&str]) {
    let known = |word: &str| TESTS.iter().any(|(id, _)| *id == word);
    let unknown: Vec<_> = words.iter().copied().filter(|word| !known(word)).collect();
    if !unknown.is_empty() {
        eprintln!("There is no test {}. There are:", unknown.join(", "));
        for (id, what) in TESTS {
            eprintln!("  {id:<6} {what}");
        }
        std::process::exit(2);
    }
}

async fn run(id: &str, report: &mut Report) {
    match id {
        "R-01" => kill::run(report).await,
        "R-04" => no_writes::full(report).await,
        "R-05" => no_writes::read_only(report).await,
        "R-08" => cancel::run(report).await,
        // The built program takes its time from the machine, which others use, too.
        "R-12" => report.fact(id, "tested by", "cargo test --test it reliability::clock"),
        "R-15" => flood::run(report).await,
        "R-16" => slow::run(report).await,
        "R-19" => backup::run(report).await,
        "R-25" => faulty::run(report).await,
        "R-25s" => seeds::run(report).await,
        _ => mail::run(report).await,
    }
}
