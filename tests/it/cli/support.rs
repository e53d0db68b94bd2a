//! What support does for people: lock, unlock and sign out, as it is felt in the browser and by
//! applications.

use latchkey::paths;
use serde_json::json;

use super::{add_alice, add_client};
use crate::support::clients::TestClient;
use crate::support::endpoint::Endpoints;
use crate::support::flow::{address, exchange, sign_in_with, text, walk};
use crate::support::oracles::Oracles;
use crate::support::people::{PASSWORD, TestUser};
use crate::support::program::Program;

async fn refresh(endpoints: &Endpoints, client: &TestClient, token: &str) -> u16 {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    endpoints.post(paths::TOKEN, &client.credentials(), &form).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_an_unlock_and_a_sign_out_are_felt_at_once() {
    let mut program = Program::new();
    program.set("LATCHKEY_BRANDING__SUPPORT_EMAIL", "help@people.example");
    let serving = program.serve().await;
    let oracles = Oracles::new(&serving.issuer);
    let endpoints = serving.endpoints(&oracles);
    let added = add_alice(&program);
    let alice = TestUser {
        id: text(&added, "id").to_owned(),
        username: "alice".into(),
        email: "alice@people.example".into(),
        password: PASSWORD.into(),
    };
    let uri = "https://app.example/cb";
    let metadata = add_client(&program, &["--id", "web", "--redirect-uri", uri, "--json"]);
    let client = TestClient {
        id: "web".into(),
        secret: Some(text(&metadata, "client_secret").to_owned()),
        redirect_uri: uri.into(),
        metadata,
    };
    oracles.allow(uri);
    let mut browser = serving.browser(&oracles);
    let scope = [("scope", "openid offline_access")];
    let arrival = browser.arrive(&address(&serving.issuer, &client, &scope)).await;
    let came = walk(&mut browser, &alice, arrival).await;
    let code = came.parameter("code").expect("a code");
    let tokens = exchange(&endpoints, &client.credentials(), &client, &code).await.good();
    let token = text(&tokens, "refresh_token").to_owned();

    program.run(&["user", "lock", "alice", "--reason", "stolen telephone"]).good();
    assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
    assert_eq!(refresh(&endpoints, &client, &token).await, 400);
    let told = sign_in_with(&mut browser, "alice", PASSWORD).await;
    assert_eq!((told.status.as_u16(), told.heading().as_str()), (403, "This account is locked"));
    assert!(told.says("help@people.example") && !told.says("stolen"), "{told}");
    let wrong = sign_in_with(&mut browser, "alice", "not-the-Passw0rd!").await;
    assert!(!wrong.says("locked"), "{wrong}");

    program.run(&["user", "unlock", "alice"]).good();
    let page = sign_in_with(&mut browser, "alice", PASSWORD).await;
    assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
    assert_eq!(refresh(&endpoints, &client, &token).await, 200, "only the lock was in its way");

    program.run(&["user", "sign-out", "alice"]).good();
    assert_eq!(browser.open(paths::ACCOUNT_SECURITY).await.url.path(), paths::LOGIN);
    let events = program.run(&["event", "list", "--user", "alice"]).good();
    for kind in ["user_locked", "user_unlocked", "user_signed_out"] {
        assert!(events.contains(&json!(kind).to_string()), "{kind}: {events}");
    }
    assert_eq!(serving.stop().await.0, 0);
}
