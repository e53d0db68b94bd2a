//! `docs/security/cases.md` says of every case which test holds it: that must stay true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How many cases there are.
const CASES: usize = 181;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of each row that begins with the id of a case.
fn rows() -> Vec<Vec<String>> {
    let text = read("docs/security/cases.md");
    let rows = text.lines().filter(|line| line.starts_with("| S-"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn every_case_stands_there_once_with_its_state() {
    let mut times = BTreeMap::new();
    for row in rows() {
        *times.entry(row[0].clone()).or_insert(0) += 1;
        let state = row[3].split(':').next().unwrap_or_default();
        assert!(matches!(state, "tested" | "pending" | "untested"), "{row:?}");
        assert!(matches!(row[1].as_str(), "P0" | "P1"), "{row:?}");
        assert!(state != "tested" || row[4].contains("::"), "names no test: {row:?}");
    }
    let wanted: BTreeMap<_, _> = (1..=CASES).map(|number| (format!("S-{number:03}"), 1)).collect();
    assert_eq!(times, wanted);
}

#[test]
fn every_test_that_is_named_there_exists() {
    for row in rows() {
        for named in row[4].split('`').filter(|part| part.contains("::")) {
            let (file, name) = named.split_once("::").expect("it was looked for");
            let path =
                if file.starts_with("src/") { file.to_owned() } else { format!("tests/it/{file}") };
            // A race is a module that a macro makes; its name stands there all the same.
            let last = name.rsplit("::").next().unwrap_or(name);
            assert!(read(&path).contains(last), "{}: {named} does not exist", row[0]);
        }
    }
}
