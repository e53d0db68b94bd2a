//! What the program writes down: logs, figures, the audit trail, the database (S-178 … S-181).

use latchkey::paths;
use latchkey::store::events::{self, Event, Filter};
use serde_json::{Value, json};

use super::canaries::secrets::Secrets;
use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::clients;
use crate::support::flow::{sign_in_with, text, totp};
use crate::support::oracles::Oracles;
use crate::support::people::PASSWORD;
use crate::support::program::Program;

#[tokio::test]
async fn s_179_a_seed_of_a_second_factor_lies_sealed() {
    let latchkey = Latchkey::start_with(|config| {
        assert!(
            config.database.url.starts_with("sqlite://")
                || config.database.url.contains("postgres")
        );
    })
    .await;
    let Some(file) = latchkey.app.config.database.url.strip_prefix("sqlite://").map(str::to_owned)
    else {
        return;
    };
    let alice = latchkey.alice().await;
    let seed = b"CANARY-seed-20-bytes";
    latchkey.enrol(&alice, seed).await;
    let page = sign_in_with(&mut latchkey.browser(), "alice", PASSWORD).await;
    let code = totp(seed, latchkey.clock.now().seconds());
    latchkey.browser().send(&page, page.clone().fill("code", &code).submission("Verify")).await;
    let mut secrets = Secrets::default();
    secrets.bytes("the seed", seed);
    secrets.typed("the password", PASSWORD);
    for file in [file.clone(), format!("{file}-wal")] {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!bytes.is_empty());
        secrets.are_not_in(&file, &bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_180_nobody_writes_lines_of_their_own_into_the_log() {
    let mut program = Program::new();
    program.set("LATCHKEY_TELEMETRY__LOG_FORMAT", "json");
    program.set("LATCHKEY_TELEMETRY__LOG_LEVEL", "trace");
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    let mut browser = serving.browser(&oracles);
    browser.user_agent =
        "Mozilla \u{1b}[2J {\"level\":\"ERROR\"}".replace('\u{1b}', "\t") + &"x".repeat(4000);
    for name in [
        "alice\r\n2026-03-02 ERROR latchkey: root signed in",
        "\u{1b}[2J\u{1b}[1;31mowned",
        "{\"level\":\"ERROR\",\"message\":\"forged\"}",
        &"n".repeat(50_000),
    ] {
        sign_in_with(&mut browser, name, "not-the-Passw0rd!").await;
    }
    for path in ["/%0d%0aERROR%20forged", "/%1b%5b2J", "/?x=%0aforged"] {
        http().get(format!("{}{path}", serving.issuer)).send().await.expect("an answer");
    }
    let (_, log) = serving.stop().await;
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let record: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(record["level"].is_string() && record["timestamp"].is_string(), "{line}");
        assert!(line.len() < 2000, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains("forged"), "{line}");
    }
    let trail = program.run(&["event", "list"]).good();
    for line in trail.lines() {
        let event: Value = serde_json::from_str(line).expect("one JSON object a line");
        if event["kind"] == "sign_in" {
            assert_eq!(event["address"], "127.0.0.1", "S-181: from where");
        }
        let agent = event["user_agent"].as_str().unwrap_or_default();
        assert!(agent.chars().count() <= 256 && !agent.contains(char::is_control), "{agent:?}");
        assert!(line.len() < 2000, "{line}");
    }
}

async fn trail(latchkey: &Latchkey) -> Vec<Event> {
    let mut db = latchkey.app.store.read().await.expect("a read");
    let filter = Filter { user_id: None, since: None, before: None, limit: 500 };
    let mut events = events::list(&mut db, filter).await.expect("events");
    events.reverse();
    events
}

#[tokio::test]
async fn s_181_what_happens_is_written_down_with_who_where_and_how() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let mut browser = latchkey.browser();
    sign_in_with(&mut browser, "alice", "wrong").await;
    sign_in_with(&mut browser, "nobody-we-know", "wrong").await;
    let tokens = latchkey.tokens_in(&mut browser, &alice, &web, &[]).await;
    let form = [("token", text(&tokens, "refresh_token"))];
    latchkey.endpoints.post(paths::REVOKE, &web.credentials(), &form).await;
    let logout = browser.open(paths::LOGOUT).await;
    browser.submit(&logout, "Sign out").await.page();
    let events = trail(&latchkey).await;
    let of = |kind: &str, outcome: &str| {
        let mut known = events.iter().filter(|event| event.user_id.is_some());
        let found = known.find(|event| event.kind == kind && event.outcome == outcome);
        found.unwrap_or_else(|| panic!("{kind} ({outcome}) is missing: {events:#?}"))
    };
    for (kind, outcome) in [("sign_in", "failed"), ("sign_in", "successful")] {
        let event = of(kind, outcome);
        assert_eq!(event.user_id.as_deref(), Some(alice.id.as_str()));
        assert!(event.address.is_some());
        assert!(event.user_agent.as_deref().is_some_and(|agent| agent.contains("Chrome")));
        assert_eq!(event.at, latchkey.clock.now());
    }
    assert_eq!(of("sign_in", "successful").client_id.as_deref(), Some("web"));
    let unknown = events.iter().find(|event| event.kind == "sign_in" && event.user_id.is_none());
    let unknown = unknown.expect("a try with a name that is nobody's");
    assert!(!json!(unknown).to_string().contains("nobody-we-know"), "it may be a password");
    let revoked = of("token_revoked", "successful");
    assert_eq!(revoked.client_id.as_deref(), Some("web"));
    let out = of("signed_out", "successful");
    assert_eq!(out.actor.as_deref(), Some(alice.id.as_str()));
    assert!(out.session_id.is_some());
    let second_factor = async {
        latchkey.enrol(&alice, b"twenty bytes of seed").await;
        let mut browser = latchkey.browser();
        let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
        let wrong = browser.submit(&page.fill("code", "000000"), "Verify").await.page();
        latchkey.pass_seconds(1);
        let code = totp(b"twenty bytes of seed", latchkey.clock.now().seconds());
        browser.submit(&wrong.fill("code", &code), "Verify").await.page();
    };
    second_factor.await;
    let with_code = |event: &&Event| event.kind == "sign_in" && event.details["method"] == "totp";
    let events = trail(&latchkey).await;
    let outcomes: Vec<_> = events.iter().filter(with_code).map(|e| e.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "successful"], "codes are part of the history too");
}
