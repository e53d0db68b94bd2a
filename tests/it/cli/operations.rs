//! `check`, `migrate` and `serve`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use latchkey::paths;
use serde_json::json;

use crate::support::endpoint::Credentials;
use crate::support::flow::{claims_of, text};
use crate::support::oracles::Oracles;
use crate::support::program::{Program, free_port};

#[test]
fn check_prints_the_configuration_without_secrets() {
    let mut program = Program::new();
    let printed = program.run(&["check"]).good();
    let parsed: toml::Value = toml::from_str(&printed).expect("TOML");
    assert_eq!(parsed["issuer"].as_str(), Some("http://localhost:8080"));
    assert_eq!(
        std::fs::read_dir(program.folder()).expect("a folder").count(),
        0,
        "it made nothing"
    );
    program.run(&["migrate"]).good();
    program.run(&["check"]).good();
    program.set("LATCHKEY_MAIL__TRANSPORT", "smtp://mailer:hunter2-mail@mail.example:587");
    let printed = program.run(&["check"]).good();
    assert!(printed.contains("mailer") && !printed.contains("hunter2"), "{printed}");
    program.set("LATCHKEY_DATABASE__URL", "postgres://latchkey:hunter2-db@127.0.0.1:1/latchkey");
    let done = program.run(&["check"]);
    assert_eq!(done.code, 1);
    let told = format!("{}{}", done.stdout, done.stderr);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn check_says_what_is_wrong() {
    let wrong = |key: &str, value: &str, told: &str| {
        let mut program = Program::apart();
        program.set(key, value);
        for command in [&["check"][..], &["serve"], &["migrate"], &["user", "list"]] {
            let line = program.run(command).failure();
            assert!(line.contains(told), "{command:?}: {line}");
        }
    };
    wrong("LATCHKEY_ISSUER", "http://id.example.com", "https");
    wrong("LATCHKEY_ISSUER", "https://id.example.com/", "slash");
    wrong("LATCHKEY_NONSENSE", "1", "nonsense");
    wrong("LATCHKEY_TOKENS__NONSENSE", "1", "nonsense");
    wrong("LATCHKEY_TOKENS__ACCESS_TTL", "2h", "tokens.access_ttl");
    wrong("LATCHKEY_SERVER__LISTEN", "nowhere", "LATCHKEY_SERVER__LISTEN");
    let program = Program::apart();
    let file = program.folder().join("latchkey.toml");
    for (text, told) in [
        ("issuerr = \"https://id.example.com\"\n", "issuerr"),
        ("[tokens]\nacess_ttl = \"5m\"\n", "acess_ttl"),
        ("issuer = \n", "latchkey.toml"),
        ("issuer = 5\n", "issuer"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let line = program.run(&["check"]).failure();
        assert!(line.contains(told), "{text:?}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_nobody_named_is_told_of() {
    let mut program = Program::apart();
    program.set("LATCHKEY_ISSUER", "https://id.example.com");
    let told = program.run(&["check"]).good();
    assert!(told.contains("# warning: ") && told.contains("server.trusted_proxies"), "{told}");
    assert!(told.parse::<toml::Table>().is_ok(), "{told}");
    program.set("LATCHKEY_SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"127.0.0.1/32\"]");
    let told = program.run(&["check"]).good();
    assert!(!told.contains("# warning: "), "{told}");
    // At work it shows by what it sends.
    let mut program = Program::new();
    assert!(!program.run(&["check"]).good().contains("# warning: "));
    let serving = program.serve().await;
    let client = crate::support::browser::http();
    let url = format!("{}{}", serving.issuer, paths::LOGIN);
    for name in ["x-forwarded-for", "forwarded"] {
        let request = client.get(&url).header(name, "for=192.0.2.1");
        assert!(request.send().await.expect("an answer").status().is_success());
    }
    let (_, log) = serving.stop().await;
    assert_eq!(log.matches("a forwarded address is ignored").count(), 1, "{log}");
}

#[test]
fn check_finds_a_broken_template() {
    let mut program = Program::apart();
    let folder = program.folder().join("pages/sign_in");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("login.html"), "{% if %}").expect("a file");
    program.set("LATCHKEY_TEMPLATES__DIRECTORY", "pages");
    let line = program.run(&["check"]).failure();
    assert!(line.contains("login.html"), "{line}");
    program.run(&["serve"]).failure();
    std::fs::write(folder.join("login.html"), "{{ no_such_thing.at_all }}").expect("a file");
    let line = program.run(&["check"]).failure();
    assert!(line.contains("login.html"), "{line}");
}

#[test]
fn a_database_opens_with_its_own_master_key_only() {
    let program = Program::apart();
    program.run(&["user", "list"]).good();
    let key = program.folder().join("keys/master.key");
    let mode = std::fs::metadata(&key).expect("a key").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let refused = |what: &str| {
        for command in [&["check"][..], &["serve"], &["user", "list"]] {
            let line = program.run(command).failure();
            assert!(line.contains(what), "{command:?}: {line}");
        }
    };
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    refused("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let own = std::fs::read(&key).expect("a key");
    // Another one.
    let other = Program::apart();
    other.run(&["migrate"]).good();
    other.run(&["user", "list"]).good();
    std::fs::copy(other.folder().join("keys/master.key"), &key).expect("a copy");
    refused("master key");
    // None: it is never made anew while something was sealed with the old one.
    std::fs::remove_file(&key).expect("removed");
    refused("master");
    assert!(!key.exists());
    std::fs::write(&key, "nonsense").expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    refused("master.key");
    std::fs::write(&key, own).expect("the key is back");
    program.run(&["user", "list"]).good();
}

#[test]
fn the_master_key_is_replaced_in_one_command_or_on_many_nodes() {
    let program = Program::apart();
    program.run(&["user", "list"]).good();
    let keys = program.folder().join("keys");
    let done = program.run(&["key", "replace-master", "--json"]).json();
    assert!(done["sealed_anew"].as_u64() >= Some(3), "{done}");
    let former = keys.join(format!("former-{}.key", text(&done, "former")));
    let mode = std::fs::metadata(&former).expect("kept").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let told = program.run(&["check"]).good();
    assert!(told.contains("is needed no more"), "{told}");
    assert!(told.parse::<toml::Table>().is_ok(), "{told}");
    std::fs::remove_file(former).expect("removed");
    program.run(&["user", "list"]).good();
    assert!(program.run(&["check"]).good().contains("no former key is needed"));
    // The way with many nodes: first everywhere, then in use.
    program.run(&["key", "replace-master", "--prepare"]).good();
    let told = program.run(&["check"]).good();
    assert!(told.contains("next.key") && told.contains("waits to become"), "{told}");
    let next = std::fs::read(keys.join("next.key")).expect("a key");
    program.run(&["key", "replace-master"]).good();
    assert_eq!(std::fs::read(keys.join("master.key")).expect("a key"), next);
    assert!(!keys.join("next.key").exists());
    let trail = program.run(&["event", "list"]).good();
    assert_eq!(trail.matches("master_key_replaced").count(), 2, "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_needs_no_configuration_and_ends_well_when_told_to() {
    // Where the default ports are free, with no configuration at all.
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut program = Program::new();
    let serving = if free(8080) && free(9080) {
        program.serve_at(8080, 9080).await
    } else {
        program.serve().await
    };
    let oracles = Oracles::new(&serving.issuer);
    let endpoints = serving.endpoints(&oracles);
    let metadata = endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None).await.good();
    assert_eq!(metadata["issuer"], json!(serving.issuer));
    assert!(program.folder().join("data/latchkey.db").exists());
    assert!(program.folder().join("keys/master.key").exists());
    // Commands work beside it, and count at once.
    program
        .run(&[
            "client",
            "add",
            "--name",
            "Report",
            "--id",
            "m2m",
            "--grant-type",
            "client_credentials",
        ])
        .json();
    let secret = program.run(&["client", "rotate-secret", "m2m"]).json();
    let credentials = Credentials::Basic("m2m".into(), text(&secret, "client_secret").into());
    let form = [("grant_type", "client_credentials")];
    serving.endpoints(&oracles).post(paths::TOKEN, &credentials, &form).await.good();
    program.run(&["client", "remove", "m2m"]).good();
    let answer = serving.endpoints(&oracles).post(paths::TOKEN, &credentials, &form).await;
    answer.refuses(401, "invalid_client");
    let begun = std::time::Instant::now();
    let (code, log) = serving.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(log.contains("serving") && log.contains("stopped"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_nothing_where_there_is_no_certificate_to_read_again() {
    let mut program = Program::new();
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    for _ in 0..2 {
        serving.signal("HUP");
        let endpoints = serving.endpoints(&oracles);
        endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None).await.good();
    }
    let (code, log) = serving.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("no certificate to read again"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_said_in_one_line() {
    let mut program = Program::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    program.set("LATCHKEY_SERVER__LISTEN", &address);
    program.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", &format!("127.0.0.1:{}", free_port()));
    let line = program.run(&["serve"]).failure();
    assert!(line.contains("server.listen") && line.contains(&address), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_before_a_restart_is_good_after_it() {
    let mut program = Program::new();
    let metadata = json!({ "grant_types": ["client_credentials"], "access_token_format": "jwt" });
    let given = ["client", "add", "--name", "Report", "--id", "m2m", "--metadata-stdin"];
    let client = program.run_with(&given, &metadata.to_string()).json();
    let credentials = Credentials::Basic("m2m".into(), text(&client, "client_secret").into());
    let form = [("grant_type", "client_credentials")];
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    let tokens = serving.endpoints(&oracles).post(paths::TOKEN, &credentials, &form).await.good();
    let token = text(&tokens, "access_token").to_owned();
    assert_eq!(claims_of(&token)["sub"], "m2m");
    serving.signal("KILL");
    drop(serving);
    let issuer = claims_of(&token)["iss"].as_str().expect("an issuer").to_owned();
    let port = issuer.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let management = free_port();
    program.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", &format!("127.0.0.1:{management}"));
    let serving = program.serve_at(port, management).await;
    let form = [("token", token.as_str())];
    let told =
        serving.endpoints(&oracles).post(paths::INTROSPECT, &credentials, &form).await.good();
    assert_eq!(told["active"], true, "{told}");
    assert_eq!(serving.stop().await.0, 0);
}
