//! `backup` and `restore`: a copy made while it serves, put back while it does not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use latchkey::paths;
use serde_json::Value;

use super::{PASSWORD, add_alice, add_client};
use crate::support::browser::Arrival;
use crate::support::clients::TestClient;
use crate::support::endpoint::Credentials;
use crate::support::flow::{address, exchange, text, type_in};
use crate::support::oracles::Oracles;
use crate::support::people::TestUser;
use crate::support::program::{Program, Serving};

pub(super) const CALLBACK: &str = "https://printer.example/cb";

/// A client as `client add` printed it.
pub(super) fn client_of(metadata: Value) -> TestClient {
    TestClient {
        id: text(&metadata, "client_id").to_owned(),
        secret: Some(text(&metadata, "client_secret").to_owned()),
        redirect_uri: CALLBACK.to_owned(),
        metadata,
    }
}

pub(super) fn alice(id: &str) -> TestUser {
    TestUser {
        id: id.to_owned(),
        username: "alice".into(),
        email: "alice@people.example".into(),
        password: PASSWORD.into(),
    }
}

/// Alice signs in to the client and allows it; the token response.
pub(super) async fn tokens(serving: &Serving, user: &TestUser, client: &TestClient) -> Value {
    let oracles = Oracles::new(&serving.issuer);
    oracles.allow(CALLBACK);
    let mut browser = serving.browser(&oracles);
    let asked = [("scope", "openid offline_access"), ("prompt", "consent")];
    let login = browser.arrive(&address(&serving.issuer, client, &asked)).await.page();
    let consent = type_in(&mut browser, login, &user.username, &user.password).await.page();
    let Arrival::Client(came) = browser.submit(&consent, "allow").await else {
        panic!("the client is not reached");
    };
    let code = came.parameter("code").expect("a code");
    let endpoints = serving.endpoints(&oracles);
    exchange(&endpoints, &client.credentials(), client, &code).await.good()
}

async fn refresh(serving: &Serving, client: &TestClient, tokens: &Value) -> u16 {
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(tokens, "refresh_token"))];
    let endpoints = serving.endpoints(&Oracles::new(&serving.issuer));
    endpoints.post(paths::TOKEN, &client.credentials(), &form).await.status.as_u16()
}

pub(super) async fn userinfo(serving: &Serving, tokens: &Value) -> u16 {
    let bearer = Credentials::Bearer(text(tokens, "access_token").to_owned());
    let endpoints = serving.endpoints(&Oracles::new(&serving.issuer));
    endpoints.get(paths::USERINFO, &bearer).await.status.as_u16()
}

/// The same provider once more, under its old address.
pub(super) async fn again(program: &Program, issuer: &str, management: u16) -> Serving {
    let port = issuer.rsplit_once(':').expect("a port").1;
    program.serve_at(port.parse().expect("a port"), management).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_after_a_backup_stays_dead_when_it_is_restored() {
    let mut program = Program::apart();
    let user = alice(text(&add_alice(&program), "id"));
    let client = client_of(add_client(&program, &["--redirect-uri", CALLBACK]));
    let serving = program.serve().await;
    let before = tokens(&serving, &user, &client).await;
    program.run(&["backup", "copy.db"]).good();
    let copy = program.folder().join("copy.db");
    let mode = std::fs::metadata(&copy).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let after = tokens(&serving, &user, &client).await;
    let endpoints = serving.endpoints(&Oracles::new(&serving.issuer));
    let form = [("token", text(&before, "refresh_token"))];
    assert_eq!(endpoints.post(paths::REVOKE, &client.credentials(), &form).await.status, 200);
    // While it serves nothing is put back.
    let told = program.run(&["restore", "copy.db"]).failure();
    assert!(told.contains("running"), "{told}");
    assert_eq!(userinfo(&serving, &after).await, 200, "and nothing was touched");

    let (issuer, management) = (serving.issuer.clone(), serving.management);
    assert_eq!(serving.stop().await.0, 0);
    let told = program.run(&["restore", "copy.db"]).good();
    assert!(told.contains("before-restore-"), "{told}");
    let serving = again(&program, &issuer, management).await;
    for (what, tokens) in [("revoked", &before), ("made later", &after)] {
        assert_eq!(refresh(&serving, &client, tokens).await, 400, "{what}");
        assert_eq!(userinfo(&serving, tokens).await, 401, "{what}");
    }
    let anew = tokens(&serving, &user, &client).await;
    assert_eq!(userinfo(&serving, &anew).await, 200);
    let events = program.run(&["event", "list"]).good();
    assert!(events.contains("database_restored"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_while_others_write() {
    let mut program = Program::apart();
    add_alice(&program);
    let serving = program.serve().await;
    let mut acknowledged = Vec::new();
    for number in 0..12 {
        let name = format!("person{number}");
        let email = format!("{name}@people.example");
        program
            .run_with(&["user", "add", &name, "--email", &email, "--password-stdin"], PASSWORD)
            .good();
        acknowledged.push(name);
        if number % 4 == 3 {
            let copy = format!("copy{number}.db");
            // One writes on while the other copies.
            let (copied, _) = std::thread::scope(|threads| {
                let copying = threads.spawn(|| program.run(&["backup", &copy]));
                let more = ["user", "set-password", "alice", "--password-stdin"];
                let writing = threads.spawn(move || more);
                let more = writing.join().expect("no panic");
                let written = program.run_with(&more, PASSWORD);
                (copying.join().expect("no panic"), written)
            });
            copied.good();
            let listed = in_copy(&program, &copy);
            for name in &acknowledged {
                assert!(listed.contains(name.as_str()), "{name} is missing in {copy}: {listed}");
            }
        }
    }
    drop(serving);
}

/// The people of a copy that is restored elsewhere, under the same keys.
fn in_copy(program: &Program, copy: &str) -> String {
    let mut elsewhere = Program::apart();
    let keys = program.folder().join("keys");
    elsewhere.set("LATCHKEY_KEYS__DIRECTORY", keys.to_str().expect("UTF-8"));
    let copy = program.folder().join(copy);
    elsewhere.run(&["restore", copy.to_str().expect("UTF-8")]).good();
    elsewhere.run(&["user", "list"]).good()
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_lost() {
    let program = Program::apart();
    add_alice(&program);
    program.run(&["backup", "copy.db"]).good();
    let told = program.run(&["backup", "copy.db"]).failure();
    assert!(told.contains("already"), "{told}");
    let path = |name: &str| program.folder().join(name);
    std::fs::write(path("text.db"), "no database at all").expect("a file");
    let mut bytes = std::fs::read(path("copy.db")).expect("a file");
    let half = bytes.len() / 2;
    std::fs::write(path("cut.db"), &bytes[..half]).expect("a file");
    for at in (4096..bytes.len()).step_by(97) {
        bytes[at] ^= 0x5a;
    }
    std::fs::write(path("flipped.db"), &bytes).expect("a file");
    for (file, why) in [
        ("missing.db", "cannot be read"),
        ("text.db", "no backup"),
        ("cut.db", "damaged"),
        ("flipped.db", "damaged"),
    ] {
        let told = program.run(&["restore", file]).failure();
        assert!(told.contains(why), "{file}: {told}");
    }
    assert!(program.run(&["user", "list"]).good().contains("alice"));
    let left = names(&path("data"));
    assert!(left.iter().all(|name| name.starts_with("latchkey.db")), "{left:?}");
    assert!(left.iter().all(|name| !name.contains("restor")), "{left:?}");
}

#[test]
fn a_backup_opens_under_its_own_master_key_only() {
    let (program, other) = (Program::apart(), Program::apart());
    add_alice(&program);
    add_alice(&other);
    program.run(&["backup", "copy.db"]).good();
    let copy = program.folder().join("copy.db");
    let told = other.run(&["restore", copy.to_str().expect("UTF-8")]).failure();
    assert!(told.contains("master key"), "{told}");
    let empty = Program::apart();
    let told = empty.run(&["restore", copy.to_str().expect("UTF-8")]).failure();
    assert!(told.contains("no master key"), "{told}");
    assert!(names(&empty.folder().join("data")).is_empty(), "nothing was made");
}

#[test]
fn a_server_database_is_not_ours_to_copy() {
    let mut program = Program::apart();
    program.set("LATCHKEY_DATABASE__URL", "postgres://nobody@127.0.0.1:1/none");
    assert!(program.run(&["restore", "x.db"]).failure().contains("pg_restore"));
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
