//! Programs that get what they ask for have a core without hashes; others move nothing.

use std::time::{Duration, Instant};

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::flow::text;

/// Waits until all cores may hash again.
async fn until_over(latchkey: &Latchkey) {
    let begun = Instant::now();
    while latchkey.app.hasher.keeps_core_free() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is kept for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_core_is_free_of_hashes_for_programs_that_are_served() {
    let latchkey = Latchkey::start().await;
    let (alice, web) = (latchkey.alice().await, latchkey.client(clients::web()).await);
    let (rs, m2m) = (latchkey.client(clients::rs()).await, latchkey.client(clients::m2m()).await);
    let endpoints = &latchkey.endpoints;
    let kept = || latchkey.app.hasher.keeps_core_free();

    let wrong = Credentials::Basic(web.id.clone(), "a-wrong-secret".into());
    let form = [("token", "lk_at_nothing"), ("grant_type", "client_credentials")];
    for path in [paths::TOKEN, paths::INTROSPECT] {
        endpoints.post(path, &wrong, &form).await.refuses(401, "invalid_client");
    }
    let none = Credentials::Bearer("lk_at_nothing".into());
    endpoints.get(paths::USERINFO, &none).await.refuses(401, "invalid_token");
    endpoints.post(paths::REVOKE, &web.credentials(), &form).await.good_or_empty();
    endpoints.get(paths::JWKS, &Credentials::None).await.good();
    assert!(!kept(), "who gets no token and asks about none slows no sign-in down");

    endpoints.post(paths::INTROSPECT, &rs.credentials(), &form).await.good();
    assert!(kept(), "introspection");
    until_over(&latchkey).await;
    endpoints.post(paths::TOKEN, &m2m.credentials(), &form[1..]).await.good();
    assert!(kept(), "a token");
    let tokens = latchkey.tokens(&alice, &web, &[]).await;
    until_over(&latchkey).await;
    assert_eq!(latchkey.userinfo(text(&tokens, "access_token")).await.status, 200);
    assert!(kept(), "userinfo");
}
