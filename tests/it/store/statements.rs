//! No statement of the store looks at every row of a table that grows.
//!
//! `plans.rs` has the hot ones by hand, on both engines; here is every text that stands in
//! `src/store`, on SQLite, whose planner says plainly what it scans.

use std::fs;
use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Row};

use crate::support::database::TestDatabase;

/// Files whose statements may look at a whole table or index, and why.
const WHOLE: &[(&str, &str)] = &[
    ("epoch.rs", "a backup is put back once, and everything ends"),
    ("instance.rs", "a handful of rows, at the start"),
    ("migrate.rs", "the schema's own tables"),
    ("request_shares.rs", "as many as `login.max_requests`, by an index alone"),
    ("signing_keys.rs", "a handful of rows"),
];

/// What statements call rows that they have found already.
const FOUND: [&str; 4] = ["ranked", "waiting", "failures", "newest"];

/// The statements that a file holds as one literal each.
fn statements(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find('"') {
        let (mut text, mut letters) = (String::new(), rest[at + 1..].char_indices());
        let mut end = rest.len();
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 2 + offset;
                    break;
                }
                '\\' => match letters.next() {
                    // A line that goes on: the space before its words does not count.
                    Some((_, '\n')) => {
                        let blank = letters.as_str().len() - letters.as_str().trim_start().len();
                        if blank > 0 {
                            letters.nth(blank - 1);
                        }
                    }
                    Some((_, other)) => text.push(other),
                    None => {}
                },
                other => text.push(other),
            }
        }
        let verbs = ["SELECT ", "UPDATE ", "DELETE ", "INSERT ", "WITH "];
        // Several at once would be carried out, but for the first.
        if verbs.iter().any(|verb| text.starts_with(verb)) && !text.contains(';') {
            found.push(text);
        }
        rest = &rest[end..];
    }
    found
}

/// What of a plan is a look at every row.
fn scans(plan: &[String]) -> Vec<&String> {
    let is_scan = |line: &&String| {
        let Some(what) = line.strip_prefix("SCAN ") else { return false };
        let name = what.split(' ').next().unwrap_or_default();
        !name.starts_with('(') && !FOUND.contains(&name) && name != "CONSTANT"
    };
    plan.iter().filter(is_scan).collect()
}

fn files() -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![PathBuf::from("src/store")]);
    while let Some(path) = left.pop() {
        if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        } else {
            let entries = fs::read_dir(path).expect("a folder of the store");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
    }
    found
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let db = TestDatabase::sqlite().await;
    let mut write = db.write().await.unwrap();
    let (mut explained, mut findings) = (0, Vec::new());
    let mut excused = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for statement in statements(&fs::read_to_string(&path).unwrap()) {
            let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            // A part of a statement that is put together elsewhere cannot be explained.
            let Ok(rows) = sqlx::query(sql).fetch_all(&mut *write).await else { continue };
            explained += 1;
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            for scan in scans(&plan) {
                if WHOLE.iter().any(|(file, _)| *file == name) {
                    excused.push(name.clone());
                } else {
                    findings.push(format!("{name}: {scan}\n    {statement}"));
                }
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(explained > 150, "only {explained} statements were found");
    for (file, _) in WHOLE {
        assert!(excused.iter().any(|name| name == file), "{file} needs no excuse any more");
    }
}

#[tokio::test]
async fn what_ends_when_there_is_too_much_is_told_by_an_index_alone() {
    let db = TestDatabase::sqlite().await;
    let mut write = db.write().await.unwrap();
    let code = fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/request_shares.rs"),
    );
    let mut looked = 0;
    for statement in statements(&code.unwrap()) {
        if !statement.starts_with("SELECT") {
            continue;
        }
        let sql = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(sql).fetch_all(&mut *write).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let own: Vec<&String> =
            plan.iter().filter(|line| line.contains(" pending_authorizations")).collect();
        assert!(!own.is_empty(), "{statement}: {plan:?}");
        let share = statement.contains("source = $1");
        assert!(own.iter().all(|line| share || line.contains("COVERING INDEX")), "{plan:?}");
        looked += 1;
    }
    assert_eq!(looked, 4);
}
