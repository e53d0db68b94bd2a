//! Killed between any two steps, a restoring leaves the old database, none, or the new one.

use super::*;

/// Files with these endings and contents.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Restoring) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("l.db");
    for (ending, content) in files {
        fs::write(folder.path().join(format!("l.db{ending}")), content).unwrap();
    }
    let staged = beside(&target, "restoring").unwrap();
    fs::write(&staged, "new").unwrap();
    let lock = FileLock::alone(&target).unwrap();
    (folder, Restoring { target, staged, _lock: lock })
}

/// The contents of all that is there, with their endings, but for the lock.
fn contents(restoring: &Restoring) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(restoring.target.parent().unwrap()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let ending = name.strip_prefix("l.db").unwrap().to_owned();
        if ending != ".lock" {
            found.push((ending, fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found
}

/// What lies under the database's own name.
fn in_place(all: &[(String, String)]) -> Vec<(String, String)> {
    let mut own = all.to_vec();
    own.retain(|(ending, _)| !ending.starts_with('.'));
    own.sort();
    own
}

fn is_there(all: &[(String, String)], content: &str) -> bool {
    all.iter().any(|(_, other)| other == content)
}

const CASES: [&[(&str, &str)]; 6] = [
    &[],
    &[("", "old")],
    &[("-wal", "old log")],
    &[("", "old"), ("-wal", "old log")],
    &[("", "old"), ("-wal", "old log"), ("-shm", "old memory")],
    &[("", "old"), ("-journal", "old journal")],
];

#[test]
fn killed_anywhere_it_leaves_the_old_database_or_none_or_the_new_one() {
    let now = Timestamp::from_seconds(7);
    for before in CASES {
        let (_folder, restoring) = folder(before);
        let steps = restoring.steps(now).unwrap();
        for killed_after in 0..=steps.len() {
            let (_folder, restoring) = folder(before);
            let untouched = in_place(&contents(&restoring));
            for step in &steps[..killed_after] {
                // The same steps in another folder.
                moved(step, &restoring).carry_out(&restoring).unwrap();
            }
            let all = contents(&restoring);
            let own = in_place(&all);
            let old = own == untouched;
            let none = own.iter().all(|(ending, _)| !ending.is_empty());
            let new = own == [(String::new(), "new".to_owned())];
            assert!(old || none || new, "{before:?}, {killed_after}: {all:?}");
            for (_, content) in before {
                assert!(is_there(&all, content), "{before:?}, {killed_after}: lost {content}");
            }
            // Begun once more it comes to its end, and what was there is there still.
            fs::write(&restoring.staged, "newer").unwrap();
            for step in restoring.steps(now).unwrap() {
                step.carry_out(&restoring).unwrap();
            }
            let all = contents(&restoring);
            assert_eq!(in_place(&all), [(String::new(), "newer".to_owned())]);
            for (_, content) in before {
                assert!(is_there(&all, content), "{before:?}, {killed_after}: lost {content}");
            }
        }
    }
}

/// The step as it is in the folder of `to`.
fn moved(step: &Step, to: &Restoring) -> Step {
    let here = |file: &PathBuf| to.target.with_file_name(file.file_name().unwrap());
    match step {
        Step::Keep { file, name } => Step::Keep { file: here(file), name: here(name) },
        Step::Remove(file) => Step::Remove(here(file)),
        Step::Sync => Step::Sync,
        Step::Install => Step::Install,
    }
}

#[test]
fn what_was_kept_is_never_written_over() {
    let now = Timestamp::from_seconds(7);
    let (_folder, restoring) = folder(&[("", "first")]);
    for content in ["second", "third"] {
        for step in restoring.steps(now).unwrap() {
            step.carry_out(&restoring).unwrap();
        }
        fs::write(&restoring.staged, content).unwrap();
    }
    let kept = [".before-restore-7", ".before-restore-7-1"].map(str::to_owned);
    let all = contents(&restoring);
    assert!(kept.iter().all(|ending| all.iter().any(|(other, _)| other == ending)), "{all:?}");
    assert!(is_there(&all, "first") && is_there(&all, "new"), "{all:?}");
}

#[test]
fn nobody_works_on_a_database_that_is_exchanged() {
    let (_folder, restoring) = folder(&[]);
    let refused = FileLock::shared(&restoring.target).unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    let path = restoring.target.clone();
    drop(restoring);
    let (one, two) = (FileLock::shared(&path).unwrap(), FileLock::shared(&path).unwrap());
    assert!(FileLock::alone(&path).unwrap_err().to_string().contains("running"));
    one.release();
    drop(two);
    FileLock::alone(&path).unwrap();
}
