//! Access tokens of a client in its own name hang on no authorization: what else ends them.

use std::time::Duration;

use latchkey::identity::clients as registry;
use latchkey::store::{epoch, revoked_tokens};
use serde_json::Value;

use crate::support::Latchkey;
use crate::support::clients::{self, TestClient};
use crate::support::flow::{claims_of, introspect, text};

const SECRET: &str = "a-secret-that-is-long-enough-for-it";
/// Less than the second that a JWT tells apart.
const MOMENT: Duration = Duration::from_millis(5);

/// The nightly report, with tokens of either form.
fn forms() -> [Value; 2] {
    let mut jwt = clients::m2m();
    jwt["access_token_format"] = "jwt".into();
    [clients::m2m(), jwt]
}

async fn token(latchkey: &Latchkey, client: &TestClient) -> String {
    let form = [("grant_type", "client_credentials")];
    let answer = latchkey.endpoints.post("/oauth/token", &client.credentials(), &form).await;
    text(&answer.good(), "access_token").to_owned()
}

async fn is_active(latchkey: &Latchkey, rs: &TestClient, token: &str) -> bool {
    introspect(&latchkey.endpoints, rs, token).await["active"].as_bool().expect("a truth value")
}

#[tokio::test]
async fn the_tokens_of_a_removed_client_are_not_those_of_the_next_with_its_id() {
    for metadata in forms() {
        let latchkey = Latchkey::start().await;
        let rs = latchkey.client(clients::rs()).await;
        // Not at the beginning of a second.
        latchkey.pass(Duration::from_millis(300));
        let client = latchkey.client_with_secret(metadata.clone(), SECRET).await;
        let old = token(&latchkey, &client).await;
        assert!(is_active(&latchkey, &rs, &old).await, "from the very moment of its registration");
        registry::remove(&latchkey.app, &client.id).await.expect("removed");
        assert!(!is_active(&latchkey, &rs, &old).await, "dead at once");
        latchkey.pass(MOMENT);
        let client = latchkey.client_with_secret(metadata, SECRET).await;
        assert!(!is_active(&latchkey, &rs, &old).await, "alive again: {}", client.metadata);
        let new = token(&latchkey, &client).await;
        assert!(is_active(&latchkey, &rs, &new).await);
        // Another look, out of the cache.
        assert!(!is_active(&latchkey, &rs, &old).await && is_active(&latchkey, &rs, &new).await);
    }
}

#[tokio::test]
async fn no_token_from_before_a_restored_backup_lives() {
    for metadata in forms() {
        let latchkey = Latchkey::start().await;
        let rs = latchkey.client(clients::rs()).await;
        let client = latchkey.client(metadata).await;
        latchkey.pass(Duration::from_millis(300));
        // The backup is made here. Whatever is revoked from now on it does not know.
        let old = token(&latchkey, &client).await;
        assert!(is_active(&latchkey, &rs, &old).await);
        latchkey.pass(MOMENT);
        let mut db = latchkey.app.store.write().await.expect("a write");
        epoch::begin(&mut db, latchkey.clock.now()).await.expect("all ends");
        db.commit().await.expect("written");
        assert!(!is_active(&latchkey, &rs, &old).await, "{}", client.metadata);
        let new = token(&latchkey, &client).await;
        assert!(is_active(&latchkey, &rs, &new).await);
    }
}

#[tokio::test]
async fn checking_tokens_reads_no_more_than_before() {
    let latchkey = Latchkey::start().await;
    let rs = latchkey.client(clients::rs()).await;
    let client = latchkey.client(clients::m2m()).await;
    let token = token(&latchkey, &client).await;
    assert!(is_active(&latchkey, &rs, &token).await);
    let reads = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = std::sync::Arc::clone(&reads);
    latchkey.app.store.break_by(std::sync::Arc::new(move |point| {
        if point == latchkey::store::faults::Point::Read {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        latchkey::store::faults::Fate::Pass
    }));
    for _ in 0..3 {
        assert!(is_active(&latchkey, &rs, &token).await);
    }
    assert_eq!(reads.load(std::sync::atomic::Ordering::SeqCst), 0, "all is in the cache");
    // Until something is taken back.
    let mut db = latchkey.app.store.write().await.expect("a write");
    let expires_at = latchkey.clock.now() + Duration::from_hours(1);
    revoked_tokens::insert(&mut db, "another", expires_at).await.expect("revoked");
    db.commit().await.expect("written");
    assert!(is_active(&latchkey, &rs, &token).await);
    assert!(reads.load(std::sync::atomic::Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_client_registered_on_a_node_that_is_ahead_gets_tokens_that_count() {
    let latchkey = Latchkey::start().await;
    let rs = latchkey.client(clients::rs()).await;
    latchkey.pass_seconds(30);
    let client = latchkey.client(forms()[1].clone()).await;
    let latchkey::clock::Clock::Manual(at) = &latchkey.clock else { panic!("a clock of ours") };
    at.fetch_sub(30_000, std::sync::atomic::Ordering::SeqCst);
    let token = token(&latchkey, &client).await;
    assert!(is_active(&latchkey, &rs, &token).await);
    // It ends no later for that.
    let claims = claims_of(&token);
    let exp = claims["exp"].as_i64().expect("exp");
    let ttl = i64::try_from(latchkey.app.config.tokens.access_ttl.as_secs()).expect("an hour");
    assert_eq!(exp, latchkey.clock.now().seconds() + ttl);
}
