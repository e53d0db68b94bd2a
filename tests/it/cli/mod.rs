//! The program as operators call it: the built binary, its exit codes, what it prints.

mod backup;
mod events;
mod operations;
mod restore;
mod silence;
mod support;

use std::fs::File;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::flow::text;
use crate::support::program::Program;

const PASSWORD: &str = "t4ble-lamp-Orbit%91";

/// Adds Alice, and gives what was printed.
fn add_alice(program: &Program) -> Value {
    let arguments = ["user", "add", "alice", "--email", "alice@people.example", "--email-verified"];
    let arguments = [&arguments[..], &["--name", "Alice Moreau", "--password-stdin", "--json"]];
    program.run_with(&arguments.concat(), PASSWORD).json()
}

/// Adds a client with these further arguments, and gives its metadata.
fn add_client(program: &Program, more: &[&str]) -> Value {
    program.run(&[&["client", "add", "--name", "Photo Printer"], more].concat()).json()
}

#[test]
fn called_wrongly_it_ends_with_2_and_says_how_it_is_called() {
    let program = Program::new();
    for wrong in [
        &[][..],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["user", "add", "alice"],
        &["user", "add", "alice", "--email", "a@b.example"],
        &["user", "lock", "alice"],
        &["user", "set-claims", "alice"],
        &["user", "add", "a", "--email", "a@b.c", "--password-stdin", "--generate-password"],
        &["client", "add"],
        &["client", "add", "--name", "x", "--public", "--auth-method", "none"],
        &["client", "add", "--name", "x", "--metadata-stdin", "--secret-stdin"],
        &["key", "retire"],
        // A secret never goes on the command line.
        &["user", "add", "a", "--email", "a@b.c", "--password", "x"],
        &["user", "set-password", "alice", "--password", "x"],
        &["client", "add", "--name", "x", "--secret", "x"],
        &["client", "rotate-secret", "web", "--secret", "x"],
    ] {
        let done = program.run(wrong);
        assert_eq!(done.code, 2, "{wrong:?}: {done:?}");
        assert!(done.stderr.contains("Usage"), "{wrong:?}: {done:?}");
        assert_eq!(done.stdout, "", "{wrong:?}");
    }
    for asked in [&["--help"][..], &["--version"], &["user", "--help"], &["help"]] {
        let done = program.run(asked);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{asked:?}");
        assert!(!done.stdout.is_empty());
    }
    assert_eq!(std::fs::read_dir(program.folder()).expect("a folder").count(), 0);
}

#[test]
fn what_fails_says_why_in_one_line() {
    let program = Program::new();
    program.run(&["migrate"]).good();
    let nobody = program.run(&["user", "show", "nobody"]).failure();
    assert!(nobody.contains("nobody"), "{nobody}");
    program.run(&["client", "show", "nobody"]).failure();
    program.run(&["client", "remove", "nobody"]).failure();
    program.run(&["key", "retire", "nobody"]).failure();
    program.run(&["event", "list", "--since", "yesterday"]).failure();
    program.run(&["--config", "nowhere.toml", "user", "list"]).failure();
    let input = ["user", "add", "bob", "--email", "bob@people.example", "--password-stdin"];
    program.run_with(&input, "").failure();
    program.run_with(&input, "short").failure();
    program.run_with(&input, "bob@people.example1").failure();
    program.run_with(&["client", "add", "--name", "x", "--metadata-stdin"], "not JSON").failure();
    program.run_with(&["client", "add", "--name", "x", "--metadata-stdin"], "[1]").failure();
    let bad = program.run(&["client", "add", "--name", "x", "--redirect-uri", "javascript:1"]);
    assert!(bad.failure().contains("redirect_uris"));
    add_alice(&program);
    let twice = program.run_with(
        &["user", "add", "ALICE", "--email", "other@people.example", "--password-stdin"],
        PASSWORD,
    );
    twice.failure();
    let claims =
        program.run_with(&["user", "set-claims", "alice", "--json-stdin"], r#"{"sub":"x"}"#);
    claims.failure();
}

#[test]
fn people_from_the_first_day_to_the_last() {
    let program = Program::new();
    let alice = add_alice(&program);
    assert_eq!(alice["username"], "alice");
    assert_eq!(alice["email_verified"], true);
    assert_eq!(alice["claims"]["name"], "Alice Moreau");
    assert!(alice.get("password").is_none(), "who brought it knows it: {alice}");
    let made = ["user", "add", "bob", "--email", "bob@people.example", "--generate-password"];
    let bob = program.run(&[&made[..], &["--admin", "--json"]].concat()).json();
    assert!(text(&bob, "password").len() >= 16);
    assert_eq!(bob["admin"], true);
    let all = program.run(&["user", "list", "--json"]).json();
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert!(!all.to_string().contains(text(&bob, "password")), "shown once");
    assert!(!all.to_string().contains("argon2"), "{all}");
    assert_eq!(program.run(&["user", "list"]).good().lines().count(), 2, "a line each");
    // By name, mail address or id.
    for who in ["alice", "ALICE", "alice@people.example", text(&alice, "id")] {
        assert_eq!(program.run(&["user", "show", who, "--json"]).json()["id"], alice["id"]);
    }
    program.run(&["user", "lock", "alice", "--reason", "lost her laptop"]).good();
    let shown = program.run(&["user", "show", "alice", "--json"]).json();
    assert_eq!(
        (&shown["locked"], &shown["lock_reason"]),
        (&json!(true), &json!("lost her laptop"))
    );
    program.run(&["user", "unlock", "alice"]).good();
    assert_eq!(program.run(&["user", "show", "alice", "--json"]).json()["locked"], false);
    program
        .run_with(&["user", "set-password", "alice", "--password-stdin"], "an0ther-Lamp%91\n")
        .good();
    let new = program.run(&["user", "set-password", "bob", "--generate-password", "--json"]).json();
    assert_ne!(new["password"], bob["password"]);
    program.run(&["user", "sign-out", "alice"]).good();
    program.run(&["user", "reset-two-factor", "alice"]).good();
    let claims = json!({ "nickname": "Ali", "locale": "fr-FR" }).to_string();
    program.run_with(&["user", "set-claims", "alice", "--json-stdin"], &claims).good();
    let shown = program.run(&["user", "show", "alice", "--json"]).json();
    assert_eq!(shown["claims"]["nickname"], "Ali");
    program.run(&["user", "remove", "alice"]).good();
    program.run(&["user", "show", "alice"]).failure();
    let trail = program.run(&["event", "list"]).good();
    let kinds: Vec<String> = trail
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("one JSON object a line"))
        .filter(|event| event["user_id"] == alice["id"])
        .map(|event| text(&event, "kind").to_owned())
        .collect();
    let expected = [
        "user_added",
        "user_locked",
        "user_unlocked",
        "password_set",
        "user_signed_out",
        "two_factor_reset",
        "claims_set",
        "user_removed",
    ];
    assert_eq!(kinds, expected);
    for secret in [PASSWORD, "an0ther-Lamp%91", text(&bob, "password")] {
        assert!(!trail.contains(secret), "a password stands in the trail");
    }
    let of_bob = program.run(&["event", "list", "--user", "bob", "--since", "1h"]).good();
    assert_eq!(of_bob.lines().count(), 2, "{of_bob}");
    assert_eq!(program.run(&["event", "list", "--since", "2099-01-01T00:00:00Z"]).good(), "");
}

#[test]
fn applications_from_registration_to_removal() {
    let program = Program::new();
    let web = add_client(&program, &["--id", "web", "--redirect-uri", "https://app.example/cb"]);
    assert_eq!(web["client_id"], "web");
    assert_eq!(web["redirect_uris"], json!(["https://app.example/cb"]));
    assert_eq!(web["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(web["client_secret_expires_at"], 0, "RFC 7591 §3.2.1");
    assert!(web["client_id_issued_at"].is_i64());
    let secret = text(&web, "client_secret").to_owned();
    assert!(secret.len() >= 32);
    let public = add_client(&program, &["--public", "--redirect-uri", "http://127.0.0.1/cb"]);
    assert_eq!(public["token_endpoint_auth_method"], "none");
    assert!(public.get("client_secret").is_none());
    assert!(!text(&public, "client_id").is_empty());
    let more = json!({ "grant_types": ["client_credentials"], "scope": "reports" }).to_string();
    let given = ["client", "add", "--name", "Report", "--id", "m2m", "--metadata-stdin"];
    let m2m = program.run_with(&given, &more).json();
    assert_eq!((&m2m["scope"], &m2m["response_types"]), (&json!("reports"), &json!([])));
    let own = ["client", "add", "--name", "Old", "--id", "old", "--secret-stdin", "--grant-type"];
    let own = [&own[..], &["client_credentials"]].concat();
    let old = program.run_with(&own, "a-secret-that-they-had").json();
    assert!(old.get("client_secret").is_none(), "who brought it knows it: {old}");
    program.run_with(&["client", "rotate-secret", "old", "--secret-stdin"], "short").failure();
    // Taken is taken.
    program
        .run(&[
            "client",
            "add",
            "--name",
            "x",
            "--id",
            "web",
            "--redirect-uri",
            "https://b.example/",
        ])
        .failure();
    let shown = program.run(&["client", "show", "web"]).json();
    assert!(shown.get("client_secret").is_none(), "shown once: {shown}");
    let all = program.run(&["client", "list", "--json"]).good();
    assert!(!all.contains(&secret) && !all.contains("secret_hash"), "{all}");
    assert_eq!(program.run(&["client", "list"]).good().lines().count(), 4);
    let renamed = program.run(&["client", "update", "web", "--name", "Photo Lab"]).json();
    assert_eq!(renamed["client_name"], "Photo Lab");
    assert_eq!(renamed["redirect_uris"], web["redirect_uris"], "what was not named stays");
    let rotated = program.run(&["client", "rotate-secret", "web"]).json();
    assert_ne!(text(&rotated, "client_secret"), secret);
    program.run(&["client", "rotate-secret", text(&public, "client_id")]).failure();
    program.run(&["client", "remove", "web"]).good();
    program.run(&["client", "show", "web"]).failure();
    let trail = program.run(&["event", "list"]).good();
    for kind in ["client_added", "client_changed", "client_secret_rotated", "client_removed"] {
        assert!(trail.contains(kind), "{kind} is missing: {trail}");
    }
    assert!(!trail.contains(&secret), "a secret stands in the trail");
}

#[test]
fn signing_keys_are_listed_rotated_and_retired() {
    let program = Program::new();
    let keys = program.run(&["key", "list", "--json"]).json();
    let kinds = |keys: &Value, state: &str| {
        let of_state = |key: &&Value| key["state"] == state;
        keys.as_array().expect("keys").iter().filter(of_state).count()
    };
    assert_eq!(kinds(&keys, "signing"), 3);
    for private in ["\"d\"", "sealed", "PRIVATE"] {
        assert!(!keys.to_string().contains(private), "{keys}");
    }
    let rotated = program.run(&["key", "rotate", "--json"]).json();
    assert_eq!((kinds(&rotated, "signing"), kinds(&rotated, "published")), (3, 3));
    let kid = text(&keys[0], "kid");
    let retired = program.run(&["key", "retire", kid, "--json"]).json();
    assert!(!retired.to_string().contains(kid), "{retired}");
    assert_eq!(
        program.run(&["key", "list"]).good().lines().count(),
        retired.as_array().map_or(0, Vec::len)
    );
}

#[test]
fn a_key_whose_id_begins_with_a_dash_can_be_named() {
    let program = Program::new();
    for kid in ["-Vx", "-hVx", "--x", "-_8"] {
        for arguments in [["key", "retire", kid, "--json"], ["--json", "key", "retire", kid]] {
            let line = program.run(&arguments).failure();
            assert!(line.contains(kid), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn groups_are_given_at_the_beginning_or_later() {
    let program = Program::new();
    let input = ["user", "add", "bob", "--email", "bob@people.example", "--password-stdin"];
    let grouped = [&input[..], &["--group", "staff", "--group", "press", "--json"]].concat();
    let bob = program.run_with(&grouped, PASSWORD).json();
    assert_eq!(bob["groups"], json!(["press", "staff"]));
    let carol = ["user", "add", "carol", "--email", "c@people.example", "--password-stdin"];
    let bad = [&carol[..], &["--group", "The Staff"]].concat();
    assert!(program.run_with(&bad, PASSWORD).failure().contains("The Staff"));
    program.run(&["user", "show", "carol"]).failure();
    let told = program.run(&["user", "set-groups", "bob", "support"]).good();
    assert!(told.contains("bob is in support"), "{told}");
    let shown = program.run(&["user", "show", "bob", "--json"]).json();
    assert_eq!(shown["groups"], json!(["support"]));
    program.run(&["user", "set-groups", "bob", "Support"]).failure();
    program.run(&["user", "set-groups", "nobody", "support"]).failure();
    let told = program.run(&["user", "set-groups", "bob"]).good();
    assert!(told.contains("is in no group"), "{told}");
    let trail = program.run(&["event", "list", "--user", "bob"]).good();
    assert_eq!(trail.matches("\"groups_set\"").count(), 2, "{trail}");
}

#[test]
fn a_rule_of_two_factor_names_somebody() {
    let mut program = Program::new();
    let rules = "LATCHKEY_LOGIN__TWO_FACTOR_REQUIRED_FOR";
    for good in [r#"["everyone"]"#, r#"["administrators", "group:staff_1"]"#, "[]"] {
        program.set(rules, good);
        program.run(&["check"]).good();
    }
    for bad in [r#"["everybody"]"#, r#"["group:"]"#, r#"["group:The Staff"]"#, r#"["staff"]"#] {
        program.set(rules, bad);
        let told = program.run(&["check"]).failure();
        assert!(told.contains("login.two_factor_required_for"), "{told}");
    }
}

#[test]
fn a_reset_of_two_factor_says_what_it_did() {
    let program = Program::new();
    add_alice(&program);
    let told = program.run(&["user", "reset-two-factor", "alice"]).good();
    assert!(told.contains("no second factor any more (0 removed)"), "{told}");
    assert!(program.run(&["event", "list"]).good().contains("two_factor_reset"));
    program.run(&["user", "reset-two-factor", "nobody"]).failure();
}

/// A pipe that nobody reads from any more, as after `| head`.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Stdio::from(writer)
}

#[test]
fn output_that_nobody_reads_or_that_has_no_room_is_no_panic() {
    let program = Program::new();
    add_alice(&program);
    for command in
        [&["user", "list"][..], &["user", "list", "--json"], &["event", "list"], &["check"]]
    {
        let done = program.run_into(command, unread());
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{command:?}");
        let full = File::options().write(true).open("/dev/full").expect("the full device");
        let done = program.run_into(command, full.into());
        assert_eq!(done.code, 1, "{command:?}");
        assert!(done.stderr.starts_with("latchkey: writing the output: No space"), "{command:?}");
        assert_eq!(done.stderr.lines().count(), 1, "{command:?}: {}", done.stderr);
    }
}
