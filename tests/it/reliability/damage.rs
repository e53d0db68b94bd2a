//! files that are damaged, cut short or gone. The provider says so and does not start; it
//! never begins anew with an empty database or another key.

use std::fs;
use std::path::PathBuf;

use crate::support::program::Program;

const PASSWORD: &str = "Warm-granite-7-otters";

/// How many bytes a page of the database has.
const PAGE: usize = 4096;

/// An instance with two people, at rest; its database and its key.
fn instance() -> (Program, PathBuf, PathBuf) {
    let program = Program::apart();
    for name in ["alice", "bob"] {
        let email = format!("{name}@people.example");
        let words = ["user", "add", name, "--email", &email, "--password-stdin"];
        program.run_with(&words, PASSWORD).good();
    }
    let database = program.folder().join("data/latchkey.db");
    let key = program.folder().join("keys/master.key");
    assert!(database.exists() && key.exists());
    (program, database, key)
}

#[test]
fn a_database_that_is_gone_is_not_replaced() {
    let (program, database, _) = instance();
    fs::remove_file(&database).unwrap();
    for command in [&["serve"][..], &["user", "list"], &["check"]] {
        let told = program.run(command).failure();
        assert!(told.contains("missing or empty") && told.contains("restore"), "{told}");
        assert!(!database.exists(), "{command:?} made an empty one");
    }
    // On purpose it can be had.
    assert!(program.run(&["migrate"]).good().contains("up to date"));
    assert_eq!(program.run(&["user", "list"]).good(), "");
}

#[test]
fn a_database_that_is_empty_is_none() {
    let (program, database, _) = instance();
    fs::write(&database, "").unwrap();
    let told = program.run(&["serve"]).failure();
    assert!(told.contains("missing or empty"), "{told}");
    // The same for all that a crash may leave of a file system.
    fs::write(&database, vec![0; 8192]).unwrap();
    let told = program.run(&["serve"]).failure();
    assert!(told.contains("damaged") && told.contains("restore"), "{told}");
}

#[test]
fn a_key_that_is_gone_is_not_replaced() {
    let (program, _, key) = instance();
    let bytes = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for command in [&["serve"][..], &["user", "list"], &["check"]] {
        let told = program.run(command).failure();
        assert!(told.contains("master key") && told.contains("backup"), "{told}");
        assert!(!key.exists(), "{command:?} made another");
    }
    fs::write(&key, &bytes[..bytes.len() / 2]).unwrap();
    let told = program.run(&["serve"]).failure();
    assert!(told.contains("master key"), "{told}");
}

#[test]
fn a_database_that_was_cut_short_is_not_served() {
    let (program, database, _) = instance();
    let bytes = fs::read(&database).unwrap();
    for part in [1, 2, 3] {
        fs::write(&database, &bytes[..bytes.len() * part / 4]).unwrap();
        let told = program.run(&["serve"]).failure();
        assert!(told.contains("damaged"), "{told}");
    }
    fs::write(&database, &bytes).unwrap();
    assert_eq!(program.run(&["user", "list"]).good().lines().count(), 2);
}

/// Bytes that are not what they were, all over the file: it is noticed, or everything else is as
/// it was.
#[test]
fn bytes_that_were_flipped_are_noticed_or_change_no_more() {
    let (program, database, _) = instance();
    let bytes = fs::read(&database).unwrap();
    let whole = program.run(&["user", "list"]).good();
    let pages = bytes.len() / PAGE;
    let rounds = 12;
    // A burst, as a bad sector gives it: over the head of a page, and somewhere within one.
    let head = |round: usize| pages * round / rounds * PAGE;
    let within = |round: usize| bytes.len() * round / rounds + 37 * round % PAGE + 64;
    let (mut noticed, mut heads) = (0, 0);
    for at in (0..rounds).map(head).chain((0..rounds).map(within)) {
        let mut damaged = bytes.clone();
        for byte in damaged.iter_mut().skip(at).take(64) {
            *byte ^= 0x5a;
        }
        fs::write(&database, &damaged).unwrap();
        let done = program.run(&["user", "list"]);
        heads += usize::from(at % PAGE == 0);
        if done.code == 0 {
            // SQLite has no checksums: a row whose bytes changed may be another one. But what was
            // there is never taken for nothing.
            let lines = done.stdout.lines().filter(|line| whole.contains(line)).count();
            assert!(lines > 0, "at {at}: {}", done.stdout);
        } else {
            let told = done.failure();
            assert!(!told.contains("panic"), "{told}");
            noticed += usize::from(at % PAGE == 0);
        }
    }
    // All that say what a page is, unless the page is of those that are kept free.
    assert!(noticed * 4 >= heads * 3, "only {noticed} of {heads} heads were noticed");
}

/// A log that lost its end is an older state of the database, and a sound one; never none.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_short_leaves_a_sound_database() {
    let (mut program, database, _) = instance();
    let serving = program.serve().await;
    for number in 0..6 {
        let name = format!("person{number}");
        let email = format!("{name}@people.example");
        let words = ["user", "add", &name, "--email", &email, "--password-stdin"];
        program.run_with(&words, PASSWORD).good();
    }
    serving.signal("KILL");
    drop(serving);
    let log = database.with_extension("db-wal");
    let bytes = fs::read(&log).expect("a log is left behind");
    let file = fs::read(&database).unwrap();
    let mut least = usize::MAX;
    for part in [7, 5, 2, 0] {
        fs::write(&database, &file).unwrap();
        fs::write(&log, &bytes[..bytes.len() * part / 8 + part]).unwrap();
        let _ = fs::remove_file(database.with_extension("db-shm"));
        let people = program.run(&["user", "list"]).good().lines().count();
        assert!((2..=8).contains(&people) && people <= least, "{people} people");
        least = people;
        latchkey::store::backup::examine(&database).await.expect("it is sound");
    }
}
