//! The house rules that can be read off the files: who may import whom, where SQL and HTTP may
//! stand, how long a file may be, and that each page has its code.

use std::fs;
use std::path::{Path, PathBuf};

/// A file is a question above this many lines.
const LINES: usize = 300;

/// Files that may have up to `LONG` lines, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("store/group_commit.rs", "one state machine, whose phases are understood only together")];

/// The longest that a file of `LONG_FILES` may be.
const LONG: usize = 350;

/// The doors: none knows another, so that a page can be understood, moved or removed alone.
const DOORS: &[&str] = &["oauth", "sign_in", "account", "admin"];

/// Rooms on one floor, neither of which may import the other, whatever their order in `lib.rs`.
const NEIGHBORS: &[(&str, &str)] = &[("grants", "identity")];

/// Crates that may be named only under these files and folders of `src/`.
const KEPT_CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store", "clock.rs"]),
    ("axum", &["oauth", "sign_in", "account", "admin", "web", "server", "cli/demo"]),
    ("oxide_auth", &["protocol"]),
    ("openidconnect", &["protocol", "cli/demo"]),
    ("jsonwebtoken", &["protocol", "keys"]),
    ("lettre", &["mail"]),
    ("maxminddb", &["geoip"]),
    ("minijinja", &["templates", "cli/demo"]),
];

/// Pages of a door whose code has another name than their template, each with its reason.
const OTHERWISE_NAMED: &[(&str, &str, &str)] = &[
    ("account/email_link.html", "account/email.rs", "where the link leads that the page sends"),
    ("account/profile.html", "account/profile/mod.rs", "its fields are a file of their own"),
    ("account/removed.html", "account/removal.rs", "what is left to say afterwards"),
    ("sign_in/account.html", "sign_in/select_account.rs", "named after what is on it"),
    ("sign_in/signed_out.html", "sign_in/logout.rs", "the second page of one step"),
];

/// One file of the program, with its path under `src/`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The module of `lib.rs` that the file belongs to.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The lines of code: comments left out, because a sentence may name what code may not.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_under(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            let rest = self.path.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        })
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
}

fn relative(path: &Path, to: &Path) -> String {
    path.strip_prefix(to).expect("a path below").to_string_lossy().replace('\\', "/")
}

fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let mut paths = Vec::new();
    files_below(&folder, "rs", &mut paths);
    assert!(paths.len() > 5, "no program found in {}", folder.display());
    let read = |path: &PathBuf| Source {
        path: relative(path, &folder),
        text: fs::read_to_string(path).expect("a readable source file"),
    };
    paths.iter().map(read).collect()
}

/// The rooms from the top floor to the ground, as `lib.rs` lists them.
fn floors(lib: &str) -> Vec<String> {
    let module = |line: &str| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned);
    lib.lines().filter_map(module).collect()
}

/// Which rooms a file imports, with the line: `crate::x`, also within `use crate::{x, y::z}`.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code: Vec<(usize, &str)> = source.code().collect();
    let mut found = Vec::new();
    for (at, (line, text)) in code.iter().enumerate() {
        for (start, _) in text.match_indices("crate::") {
            let before = text[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                continue;
            }
            let rest = &text[start + "crate::".len()..];
            if rest.starts_with('{') {
                let following = code[at + 1..].iter().map(|(_, text)| *text);
                let group = [rest].into_iter().chain(following).collect::<Vec<_>>().join("\n");
                found.extend(first_names_in_group(&group).into_iter().map(|name| (*line, name)));
            } else {
                found.push((*line, first_name(rest)));
            }
        }
    }
    found
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The outermost names of `{a, b::{c, d}, e}` and what follows it.
fn first_names_in_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut expects_name) = (0, Vec::new(), false);
    for (at, c) in group.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expects_name |= depth == 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ',' => expects_name = depth == 1,
            c if expects_name && (c.is_alphabetic() || c == '_') => {
                names.push(first_name(&group[at..]));
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

/// Every import that does not go down.
fn imports_that_go_up(floors: &[String], source: &Source) -> Vec<String> {
    let floor = |room: &str| floors.iter().position(|name| name == room);
    let room = source.room();
    if matches!(room, "lib" | "main") {
        return Vec::new();
    }
    let Some(own) = floor(room) else {
        return vec![format!("src/{} belongs to no `pub mod` of src/lib.rs", source.path)];
    };
    let mut findings = Vec::new();
    for (line, other) in imports(source) {
        let here = format!("src/{}:{line} imports {other}", source.path);
        let Some(theirs) = floor(&other) else { continue };
        let neighbors =
            |&(a, b): &(&str, &str)| (a == room && b == other) || (b == room && a == other);
        if other == room {
            continue;
        }
        if DOORS.contains(&room) && DOORS.contains(&other.as_str()) {
            findings.push(format!("{here}: doors do not know each other"));
        } else if NEIGHBORS.iter().any(neighbors) {
            findings.push(format!("{here}: neighbors do not know each other"));
        } else if theirs < own {
            findings.push(format!("{here}, which stands above it in src/lib.rs"));
        }
    }
    findings
}

/// Every place that names a crate outside the rooms that keep it to themselves.
fn crates_out_of_place(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, places) in KEPT_CRATES {
        if source.is_under(places) {
            continue;
        }
        for (line, text) in source.code() {
            if names(text, name) {
                let places = places.join(", ");
                findings.push(format!("src/{}:{line} names {name}, kept in {places}", source.path));
            }
        }
    }
    findings
}

/// Whether `text` has the path `name::…` or imports `name` itself.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = &text[start + name.len()..];
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        let imported = text[..start].trim_end().ends_with("use") && after.starts_with([';', ' ']);
        starts && (after.starts_with("::") || imported)
    })
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let excused = LONG_FILES.iter().any(|(path, _)| *path == source.path);
    let most = if excused { LONG } else { LINES };
    (lines > most).then(|| {
        format!("src/{} has {lines} lines, more than {most}: split it by meaning", source.path)
    })
}

/// Fails with all findings at once, one a line.
fn none(findings: &[String], rule: &str) {
    let count = findings.len();
    assert!(findings.is_empty(), "{rule}; {count} exceptions:\n  {}", findings.join("\n  "));
}

#[test]
fn imports_only_go_down() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").expect("src/lib.rs");
    let floors = floors(&lib.text);
    assert!(floors.len() > 10, "src/lib.rs lists its modules as lines `pub mod x;`");
    let findings = sources.iter().flat_map(|source| imports_that_go_up(&floors, source));
    none(&findings.collect::<Vec<_>>(), "A module imports only what stands below it in src/lib.rs");
}

#[test]
fn crates_stay_in_their_rooms() {
    let findings: Vec<_> = sources().iter().flat_map(crates_out_of_place).collect();
    none(&findings, "Some crates are named in few places only, so that they can be replaced");
}

#[test]
fn no_file_is_too_long() {
    let findings: Vec<_> = sources().iter().filter_map(too_long).collect();
    none(&findings, "A file has one purpose and at most 300 lines");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = |source: &Source| {
        let told = source.text.starts_with("//! ");
        (!told).then(|| format!("src/{} does not begin with `//! `", source.path))
    };
    let findings: Vec<_> = sources().iter().filter_map(silent).collect();
    none(&findings, "A module says what it is for");
}

/// Every template, by its path under `templates/`, with its text.
fn templates() -> Vec<Source> {
    let folder = root().join("templates");
    let mut paths = Vec::new();
    files_below(&folder, "html", &mut paths);
    let read = |path: &PathBuf| Source {
        path: relative(path, &folder),
        text: fs::read_to_string(path).expect("a readable template"),
    };
    paths.iter().map(read).collect()
}

/// Whether another template extends, includes or imports the one at `path`.
fn serves_others(path: &str, templates: &[Source]) -> bool {
    let quoted = format!("\"{path}\"");
    templates.iter().any(|other| other.path != path && other.text.contains(&quoted))
}

#[test]
fn every_page_has_its_code() {
    let (sources, templates) = (sources(), templates());
    let renders = |file: &str, page: &str| {
        let quoted = format!("\"{page}\"");
        let source = sources.iter().find(|source| source.path == file);
        source.is_some_and(|source| source.text.contains(&quoted))
    };
    let mut findings = Vec::new();
    for page in templates.iter().map(|template| template.path.as_str()) {
        let Some((door, name)) = page.split_once('/') else { continue };
        if !DOORS.contains(&door) || serves_others(page, &templates) {
            continue;
        }
        let otherwise = OTHERWISE_NAMED.iter().find(|(template, ..)| *template == page);
        let same_name = format!("{door}/{}.rs", name.trim_end_matches(".html"));
        let code = otherwise.map_or(same_name.as_str(), |(_, code, _)| code);
        if !renders(code, page) {
            findings.push(format!("templates/{page} is not rendered by src/{code}"));
        }
    }
    none(&findings, "A page, its data and its template share a name");
}

#[test]
fn no_template_is_left_over() {
    let (sources, templates) = (sources(), templates());
    let rendered = |path: &str| {
        // The demo's pages are named without their folder.
        let name = path.strip_prefix("demo/").unwrap_or(path);
        let quoted = format!("\"{name}\"");
        let mut others = sources.iter().filter(|source| source.room() != "templates");
        others.any(|source| source.text.contains(&quoted))
    };
    let unused = |template: &&Source| {
        let path = template.path.as_str();
        let name = path.strip_prefix("demo/").unwrap_or(path);
        !rendered(path) && !serves_others(path, &templates) && !serves_others(name, &templates)
    };
    let findings: Vec<_> = templates
        .iter()
        .filter(unused)
        .map(|template| format!("templates/{} is used by nothing", template.path))
        .collect();
    none(&findings, "A template that nothing renders is removed");
}

#[test]
fn the_excuses_are_needed() {
    let sources = sources();
    let needed = |path: &str| {
        let source = sources.iter().find(|source| source.path == path);
        source.is_some_and(|source| source.text.lines().count() > LINES)
    };
    let unused = LONG_FILES.iter().filter(|(path, _)| !needed(path));
    let findings = unused.map(|(path, _)| format!("src/{path} needs no exception any more"));
    none(&findings.collect::<Vec<_>>(), "Exceptions are removed when they are over");
}

mod the_rules_themselves {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    fn found(path: &str, text: &str) -> Vec<String> {
        let lib = "pub mod server;\npub mod account;\npub mod oauth;\npub mod web;\n\
                   pub mod grants;\npub mod identity;\npub mod store;\n";
        imports_that_go_up(&floors(lib), &source(path, text))
    }

    #[test]
    fn an_import_upward_is_found_in_every_form() {
        assert_eq!(found("store/users.rs", "use crate::web::page;").len(), 1);
        assert_eq!(found("store/users.rs", "fn f() { crate::web::page(); }").len(), 1);
        assert_eq!(found("store/mod.rs", "use crate::{\n    web::{page, form},\n};").len(), 1);
        assert_eq!(found("identity/mod.rs", "use crate::{store::{users, web}, oauth};").len(), 1);
        assert_eq!(found("stray.rs", "").len(), 1);
    }

    #[test]
    fn doors_and_neighbors_do_not_know_each_other() {
        assert_eq!(found("account/mod.rs", "use crate::oauth::token;").len(), 1);
        assert_eq!(found("oauth/mod.rs", "use crate::account::password;").len(), 1);
        assert_eq!(found("grants/mod.rs", "use crate::identity::people;").len(), 1);
    }

    #[test]
    fn an_import_downward_or_a_sentence_is_fine() {
        assert!(found("web/mod.rs", "use crate::store::{users, clients};").is_empty());
        assert!(found("web/mod.rs", "/// As `crate::oauth::token` does.").is_empty());
        assert!(found("web/mod.rs", "use crate::web::error::PageError;").is_empty());
    }

    #[test]
    fn a_crate_out_of_its_room_is_found() {
        let stray = |path, text| crates_out_of_place(&source(path, text));
        assert_eq!(stray("web/mod.rs", "use sqlx::Row;").len(), 1);
        assert_eq!(stray("grants/mod.rs", "    axum::Json(()),").len(), 1);
        assert_eq!(stray("identity/mod.rs", "#[derive(sqlx::FromRow)]").len(), 1);
        assert_eq!(stray("clockwork.rs", "use sqlx::Row;").len(), 1);
        assert!(stray("store/users.rs", "use sqlx::Row;").is_empty());
        assert!(stray("clock.rs", "#[sqlx(transparent)]").is_empty());
        assert!(stray("app.rs", "let crate_axum = my_axum::x;").is_empty());
    }
}
