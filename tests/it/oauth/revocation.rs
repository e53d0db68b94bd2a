//! Token revocation (RFC 7009).

use latchkey::paths;

use crate::support::Latchkey;
use crate::support::clients::{self, AssertionKey};
use crate::support::flow::{exchange, text};

#[tokio::test]
async fn each_kind_of_client_revokes_in_its_own_way() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let key = AssertionKey::generate("key-1");
    let mut post = clients::other();
    post["token_endpoint_auth_method"] = "client_secret_post".into();
    for metadata in [clients::web(), clients::spa(), clients::native(), post, clients::pkj(&key)] {
        let client = latchkey.client(metadata).await;
        let signs = client.id == "pkj";
        let credentials = || {
            if signs { latchkey.assertion(&client, &key) } else { client.credentials() }
        };
        let code = latchkey.code(&mut latchkey.browser(), &alice, &client, &[]).await;
        let tokens = exchange(&latchkey.endpoints, &credentials(), &client, &code).await.good();
        let access = text(&tokens, "access_token");
        latchkey.userinfo(access).await.good();
        let form = [("token", access), ("token_type_hint", "access_token")];
        let answer = latchkey.endpoints.post(paths::REVOKE, &credentials(), &form).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{}", client.id);
        latchkey.userinfo(access).await.refuses(401, "invalid_token");
        // What is dead already is dead: the client need not know.
        let again = latchkey.endpoints.post(paths::REVOKE, &credentials(), &form).await;
        assert_eq!(again.status, 200, "{again}");
    }
}

#[tokio::test]
async fn an_old_refresh_token_of_the_family_revokes_it_too() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let first = latchkey.tokens(&alice, &web, &[]).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", text(&first, "refresh_token"))];
    let second = latchkey.endpoints.post(paths::TOKEN, &web.credentials(), &form).await.good();
    latchkey.userinfo(text(&second, "access_token")).await.good();
    let form = [("token", text(&first, "refresh_token"))];
    let answer = latchkey.endpoints.post(paths::REVOKE, &web.credentials(), &form).await;
    assert_eq!(answer.status, 200);
    latchkey.userinfo(text(&second, "access_token")).await.refuses(401, "invalid_token");
}

#[tokio::test]
async fn a_revocation_ends_one_authorization_and_no_other() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let other = latchkey.client(clients::other()).await;
    let alice = latchkey.alice().await;
    let here = latchkey.tokens(&alice, &web, &[]).await;
    let there = latchkey.tokens(&alice, &web, &[]).await;
    let elsewhere = latchkey.tokens(&alice, &other, &[]).await;
    let form = [("token", text(&here, "refresh_token"))];
    latchkey.endpoints.post(paths::REVOKE, &web.credentials(), &form).await;
    latchkey.userinfo(text(&here, "access_token")).await.refuses(401, "invalid_token");
    latchkey.userinfo(text(&there, "access_token")).await.good();
    latchkey.userinfo(text(&elsewhere, "access_token")).await.good();
}

#[tokio::test]
async fn a_request_without_a_token_is_none() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    for form in [&[][..], &[("token", "")], &[("token_type_hint", "access_token")]] {
        let answer = latchkey.endpoints.post(paths::REVOKE, &web.credentials(), form).await;
        answer.refuses(400, "invalid_request");
    }
}
