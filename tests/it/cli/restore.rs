//! `restore` over whatever a crash, a bad disk or a hasty hand has left in the database's place.

use std::fs;
use std::path::{Path, PathBuf};

use latchkey::store::backup::examine;

use super::backup::{CALLBACK, alice, client_of, names, tokens, userinfo};
use super::{PASSWORD, add_alice, add_client};
use crate::support::program::Program;

/// A database with Alice, its copy as `copy.db`, and what happened since: Bob came, Alice was
/// locked. The provider that wrote it was killed, so that its log lies there.
async fn killed() -> (Program, PathBuf) {
    let mut program = Program::apart();
    add_alice(&program);
    program.run(&["backup", "copy.db"]).good();
    let serving = program.serve().await;
    let words = ["user", "add", "bob", "--email", "bob@people.example", "--password-stdin"];
    program.run_with(&words, PASSWORD).good();
    program.run(&["user", "lock", "alice", "--reason", "lost telephone"]).good();
    serving.signal("KILL");
    drop(serving);
    let database = program.folder().join("data/latchkey.db");
    assert!(beside(&database, "-wal").metadata().unwrap().len() > 0, "there is a log");
    (program, database)
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", database.display()))
}

/// What was restored: sound, as the backup was, ended, alone under its name.
async fn is_restored(program: &Program, database: &Path) {
    examine(database).await.expect("it is sound");
    let listed = program.run(&["user", "list"]).good();
    assert!(listed.contains("alice") && !listed.contains("bob"), "{listed}");
    let events = program.run(&["event", "list"]).good();
    assert!(events.contains("database_restored") && !events.contains("lost tele"), "{events}");
    let left = names(database.parent().unwrap());
    assert!(left.iter().all(|name| !name.contains("restoring")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_database_that_was_moved_away_does_not_get_into_the_restored_one() {
    let (program, database) = killed().await;
    fs::rename(&database, beside(&database, ".broken")).unwrap();
    let told = program.run(&["restore", "copy.db"]).good();
    assert!(told.contains("before-restore-") && told.contains("-wal"), "{told}");
    is_restored(&program, &database).await;
    // The log is kept: with the database that it belongs to it has all.
    let kept = names(database.parent().unwrap());
    let log = kept.iter().find(|name| name.contains("before") && name.ends_with("-wal"));
    let log = database.with_file_name(log.expect("it is kept"));
    fs::rename(log, beside(&database, ".broken-wal")).unwrap();
    program.run(&["restore", "data/latchkey.db.broken"]).good();
    assert!(program.run(&["user", "list"]).good().contains("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_tokens_stay_dead_with_the_old_log_lying_there() {
    let mut program = Program::apart();
    let user = alice(super::text(&add_alice(&program), "id"));
    let client = client_of(add_client(&program, &["--redirect-uri", CALLBACK]));
    let serving = program.serve().await;
    let before = tokens(&serving, &user, &client).await;
    program.run(&["backup", "copy.db"]).good();
    let after = tokens(&serving, &user, &client).await;
    serving.signal("KILL");
    let (issuer, management) = (serving.issuer.clone(), serving.management);
    drop(serving);
    let database = program.folder().join("data/latchkey.db");
    fs::rename(&database, beside(&database, ".broken")).unwrap();
    program.run(&["restore", "copy.db"]).good();
    let serving = super::backup::again(&program, &issuer, management).await;
    for tokens in [&before, &after] {
        assert_eq!(userinfo(&serving, tokens).await, 401);
    }
    assert_eq!(serving.stop().await.0, 0);
    examine(&database).await.expect("it is sound");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_restore_has_left_does_no_harm() {
    let (program, database) = killed().await;
    let log = fs::read(beside(&database, "-wal")).unwrap();
    let left = [("", &b"half a copy"[..]), ("-wal", &log[..]), ("-shm", b"x"), ("-journal", b"x")];
    for (ending, bytes) in left {
        fs::write(beside(&database, &format!(".restoring{ending}")), bytes).unwrap();
    }
    let told = program.run(&["restore", "copy.db"]).good();
    is_restored(&program, &database).await;
    // The old one was sound: all of it is in the one file that is kept.
    assert_eq!(told.matches("before-restore-").count(), 1, "{told}");
    let kept = names(database.parent().unwrap());
    let kept = kept.iter().find(|name| name.contains("before-restore-")).expect("it is kept");
    program.run(&["restore", &format!("data/{kept}")]).good();
    assert!(program.run(&["user", "list"]).good().contains("bob"));
}

/// Ways in which a database gets lost, on bytes that were sound.
fn damages(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut headless = bytes.to_vec();
    headless[..100].fill(0);
    let mut schemaless = bytes.to_vec();
    schemaless[100..4096].fill(0x5a);
    let cut = bytes[..bytes.len() / 2 - 100].to_vec();
    let mut torn = bytes.to_vec();
    torn[8192..].fill(0);
    vec![
        ("headless", headless),
        ("schemaless", schemaless),
        ("cut", cut),
        ("torn", torn),
        ("empty", Vec::new()),
        ("another file", b"not a database at all".to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_kept_and_replaced() {
    let (program, database) = killed().await;
    let (sound, log) = (fs::read(&database).unwrap(), fs::read(beside(&database, "-wal")).unwrap());
    for (what, damaged) in damages(&sound) {
        for with_log in [true, false] {
            for name in names(database.parent().unwrap()) {
                fs::remove_file(database.with_file_name(name)).unwrap();
            }
            fs::write(&database, &damaged).unwrap();
            if with_log {
                fs::write(beside(&database, "-wal"), &log).unwrap();
            }
            let told = program.run(&["restore", "copy.db"]).good();
            assert!(told.contains("before-restore-"), "{what}: {told}");
            is_restored(&program, &database).await;
            let kept = names(database.parent().unwrap());
            let kept = kept.iter().find(|name| {
                name.contains("before-restore-") && !name.contains("-wal") && !name.contains("-shm")
            });
            let kept = fs::read(database.with_file_name(kept.expect("it is kept"))).unwrap();
            // Where SQLite still finds its way, it has brought the log in.
            assert!(kept == damaged || with_log, "{what}: it was changed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_put_under_a_running_provider_whatever_its_file_looks_like() {
    let mut program = Program::apart();
    add_alice(&program);
    program.run(&["backup", "copy.db"]).good();
    let serving = program.serve().await;
    let database = program.folder().join("data/latchkey.db");
    let sound = fs::read(&database).unwrap();
    for (what, damaged) in damages(&sound) {
        fs::write(&database, &damaged).unwrap();
        let told = program.run(&["restore", "copy.db"]).failure();
        assert!(told.contains("running"), "{what}: {told}");
        assert_eq!(fs::read(&database).unwrap(), damaged, "{what}");
    }
    fs::rename(&database, beside(&database, ".moved")).unwrap();
    let told = program.run(&["restore", "copy.db"]).failure();
    assert!(told.contains("running") && !database.exists(), "{told}");
    serving.signal("KILL");
    drop(serving);
    // Its lock is gone with it.
    program.run(&["restore", "copy.db"]).good();
    examine(&database).await.expect("it is sound");
}

/// Whether a restore has come so far, by the files in the folder.
type Moment = fn(&[String]) -> bool;

const MOMENTS: [Moment; 4] = [
    |names| names.iter().any(|name| name.ends_with("restoring")),
    |names| names.iter().any(|name| name.ends_with("restoring-wal")),
    |names| names.iter().any(|name| name.contains("before-restore-")),
    |names| names.iter().all(|name| !name.contains("-wal")),
];

/// Killed as soon as a file is there or gone, it leaves the one database or the other, or none, and
/// then says how to go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_leaves_no_mixture() {
    let (program, database) = killed().await;
    let folder = database.parent().unwrap().to_owned();
    let sound = fs::read(&database).unwrap();
    let log = fs::read(beside(&database, "-wal")).unwrap();
    let (_, headless) = damages(&sound).swap_remove(0);
    for main in [Some(&sound), Some(&headless), None] {
        for moment in MOMENTS {
            for name in names(&folder) {
                fs::remove_file(folder.join(name)).unwrap();
            }
            if let Some(main) = main {
                fs::write(&database, main).unwrap();
            }
            fs::write(beside(&database, "-wal"), &log).unwrap();
            let mut child = program.begin(&["restore", "copy.db"]);
            while !moment(&names(&folder)) && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            let _ended = child.kill();
            child.wait().unwrap();
            let done = program.run(&["event", "list"]);
            if done.code == 0 {
                let (old, new) =
                    (done.stdout.contains("lost tele"), done.stdout.contains("database_restored"));
                assert!(old != new, "a mixture: {}", done.stdout);
            } else {
                let told = done.failure();
                assert!(told.contains("latchkey restore"), "{told}");
            }
            program.run(&["restore", "copy.db"]).good();
            is_restored(&program, &database).await;
        }
    }
}
