//! Every address of the public listener, read from `src/paths.rs` itself, so that a new one is
//! covered on the day it is added.

/// The constants of `src/paths.rs` that are paths of the public listener: name and path.
pub fn all() -> Vec<(String, String)> {
    let source = include_str!("../../../src/paths.rs");
    let constants = source.lines().filter_map(|line| {
        let (name, path) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
        Some((name.to_owned(), path.strip_suffix("\";")?.to_owned()))
    });
    let operators = [latchkey::paths::HEALTHZ, latchkey::paths::READYZ, latchkey::paths::METRICS];
    let found: Vec<_> = constants.filter(|(_, path)| !operators.contains(&path.as_str())).collect();
    assert!(found.len() > 15, "src/paths.rs is not written as expected: {found:?}");
    found
}

/// The path with something in place of its parameters that could stand there.
pub fn filled(path: &str) -> String {
    path.replace("{id}", "0198f0a0-0000-7000-8000-000000000000")
        .replace("{token}", "c2l4dGVlbi1ieXRlcy1hbmQtYS1iaXQtbW9yZS4uLi4")
        .replace("{client_id}", "web")
        .replace("{token}", "bm9ib2R5LWtub3dzLXRoaXMtdG9rZW4tb2YtNDMtYWJj")
        .replace("{*path}", "app.css")
}

/// Whether programs call it: it answers in JSON, never with a page.
pub fn is_for_programs(path: &str) -> bool {
    let pages = ["/oauth/authorize", "/oauth/end-session", "/.well-known/change-password"];
    (path.starts_with("/oauth/") || path.starts_with("/.well-known/"))
        && !pages.iter().any(|page| path.starts_with(page))
}

/// The methods that the router takes at `url`, as its own refusal tells them.
pub async fn methods(http: &reqwest::Client, url: &reqwest::Url) -> Vec<String> {
    let method = reqwest::Method::from_bytes(b"PROPFIND").expect("a method");
    let answer = http.request(method, url.clone()).send().await.expect("an answer");
    assert_eq!(answer.status(), 405, "{url}");
    let allow = answer.headers().get("allow").expect("Allow").to_str().expect("ASCII");
    allow.split(',').map(|method| method.trim().to_owned()).collect()
}
