//! Introspection, revocation and userinfo under attack (S-064 … S-071).

use latchkey::identity::{clients as registered, people};
use latchkey::paths;
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::clients::{self, TestClient};
use crate::support::endpoint::{Credentials, Endpoints};
use crate::support::flow::{introspect, text};
use crate::support::people::TestUser;

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    other: TestClient,
    rs: TestClient,
    alice: TestUser,
    tokens: Value,
}

impl Scene {
    async fn start() -> Self {
        Self::with(clients::web()).await
    }

    async fn with(web: Value) -> Self {
        let latchkey = Latchkey::start().await;
        let web = latchkey.client(web).await;
        let other = latchkey.client(clients::other()).await;
        let rs = latchkey.client(clients::rs()).await;
        let alice = latchkey.alice().await;
        let tokens = latchkey.tokens(&alice, &web, &[]).await;
        Self { latchkey, web, other, rs, alice, tokens }
    }

    fn access(&self) -> &str {
        text(&self.tokens, "access_token")
    }

    fn refresh(&self) -> &str {
        text(&self.tokens, "refresh_token")
    }

    async fn revoke(&self, client: &TestClient, form: &[(&str, &str)]) -> u16 {
        let caller = client.credentials();
        let answer = self.latchkey.endpoints.post(paths::REVOKE, &caller, form).await;
        answer.status.as_u16()
    }

    async fn is_alive(&self) -> bool {
        let told = self.latchkey.introspect(&self.rs, self.access()).await;
        let seen = self.latchkey.userinfo(self.access()).await.status;
        assert_eq!(told["active"] == true, seen == 200, "the endpoints disagree");
        told["active"] == true
    }

    /// Fails unless `node` takes none of the tokens, in any way.
    async fn all_dead(&self, node: &Endpoints) {
        for token in [self.access(), self.refresh()] {
            for caller in [&self.rs, &self.web] {
                let told = introspect(node, caller, token).await;
                assert_eq!(told, json!({ "active": false }), "told to {}", caller.id);
            }
        }
        let bearer = Credentials::Bearer(self.access().to_owned());
        node.get(paths::USERINFO, &bearer).await.refuses(401, "invalid_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", self.refresh())];
        let answer = node.post(paths::TOKEN, &self.web.credentials(), &form).await;
        answer.refuses(400, "invalid_grant");
    }
}

#[tokio::test]
async fn s_064_only_whom_it_concerns_learns_of_a_token() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let spa = latchkey.client(clients::spa()).await;
    let form = [("token", scene.access())];
    for nobody in [
        Credentials::None,
        Credentials::Bearer(scene.access().to_owned()),
        Credentials::Public(spa.id.clone()),
    ] {
        let answer = latchkey.endpoints.post(paths::INTROSPECT, &nobody, &form).await;
        answer.refuses(401, "invalid_client");
    }
    assert_eq!(latchkey.introspect(&scene.other, scene.access()).await, json!({ "active": false }));
    for caller in [&scene.web, &scene.rs] {
        assert_eq!(latchkey.introspect(caller, scene.access()).await["active"], true);
    }
    // Even who may see all access tokens has no use for a refresh token.
    assert_eq!(latchkey.introspect(&scene.rs, scene.refresh()).await, json!({ "active": false }));
    assert_eq!(
        latchkey.introspect(&scene.other, scene.refresh()).await,
        json!({ "active": false })
    );
    assert_eq!(latchkey.introspect(&scene.web, scene.refresh()).await["active"], true);
}

#[tokio::test]
async fn s_065_of_a_dead_token_nothing_is_told() {
    let scene = Scene::start().await;
    let (access, id) = (scene.access(), text(&scene.tokens, "id_token"));
    let elsewhere = Latchkey::start().await;
    let web = elsewhere.client(clients::web()).await;
    let bob = elsewhere.bob().await;
    let foreign = elsewhere.tokens(&bob, &web, &[]).await;
    let half = &access[..access.len() / 2];
    let longer = format!("{access}A");
    for token in [
        text(&foreign, "access_token"),
        text(&foreign, "refresh_token"),
        id,
        half,
        &longer,
        &access.to_uppercase(),
        "lk_at_",
        "lk_rt_",
        "garbage",
        "\u{fffd}\u{1f511}",
        "a b",
        "..",
    ] {
        for caller in [&scene.rs, &scene.web] {
            let told = scene.latchkey.introspect(caller, token).await;
            assert_eq!(told, json!({ "active": false }), "{token:?} told to {}", caller.id);
        }
    }
    assert!(scene.is_alive().await);
    scene.latchkey.pass(scene.latchkey.app.config.tokens.access_ttl.get());
    let told = scene.latchkey.introspect(&scene.rs, access).await;
    assert_eq!(told, json!({ "active": false }), "expired at its very second");
    let (caller, form) = (scene.rs.credentials(), [("token_type_hint", "access_token")]);
    let answer = scene.latchkey.endpoints.post(paths::INTROSPECT, &caller, &form).await;
    answer.refuses(400, "invalid_request");
}

#[tokio::test]
async fn s_066_a_revoked_refresh_token_takes_all_with_it_on_every_node() {
    for format in ["opaque", "jwt"] {
        let mut web = clients::web();
        web["access_token_format"] = format.into();
        let scene = Scene::with(web).await;
        let second = scene.latchkey.another_node().await;
        // Both nodes know the token as a good one.
        assert!(scene.is_alive().await);
        let told = introspect(&second.endpoints, &scene.rs, scene.access()).await;
        assert_eq!(told["active"], true, "{format}");
        assert_eq!(scene.revoke(&scene.web, &[("token", scene.refresh())]).await, 200);
        scene.all_dead(&second.endpoints).await;
        scene.all_dead(&scene.latchkey.endpoints).await;
    }
}

#[tokio::test]
async fn s_066_a_revoked_access_token_goes_alone() {
    for format in ["opaque", "jwt"] {
        let mut web = clients::web();
        web["access_token_format"] = format.into();
        let scene = Scene::with(web).await;
        let second = scene.latchkey.another_node().await;
        let told = introspect(&second.endpoints, &scene.rs, scene.access()).await;
        assert_eq!(told["active"], true, "{format}");
        assert_eq!(scene.revoke(&scene.web, &[("token", scene.access())]).await, 200);
        assert!(!scene.is_alive().await);
        let told = introspect(&second.endpoints, &scene.rs, scene.access()).await;
        assert_eq!(told, json!({ "active": false }), "{format}");
        let form = [("grant_type", "refresh_token"), ("refresh_token", scene.refresh())];
        let caller = scene.web.credentials();
        let fresh = scene.latchkey.endpoints.post(paths::TOKEN, &caller, &form).await.good();
        scene.latchkey.userinfo(text(&fresh, "access_token")).await.good();
    }
}

#[tokio::test]
async fn s_067_a_revocation_that_was_not_written_is_not_confirmed() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let second = latchkey.another_node().await;
    latchkey.app.store.close().await;
    let (id, secret) = (&scene.web.id, scene.web.secret.as_ref().expect("a secret"));
    for (name, token) in [("refresh", scene.refresh()), ("access", scene.access())] {
        let request = http().post(latchkey.at(paths::REVOKE)).basic_auth(id, Some(secret));
        let answer = request.form(&[("token", token)]).send().await.expect("an answer");
        assert_eq!(answer.status(), 503, "{name}");
        assert!(answer.headers().contains_key("retry-after"), "{name}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let body: Value =
            serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        assert_eq!(body["error"], "temporarily_unavailable");
        let told = body.to_string();
        assert!(!told.contains("sqlite") && !told.contains("pool"), "{told}");
    }
    // What was not done is not half done.
    let told = introspect(&second.endpoints, &scene.rs, scene.access()).await;
    assert_eq!(told["active"], true);
}

#[tokio::test]
async fn s_068_a_client_revokes_its_own_tokens_only() {
    let scene = Scene::start().await;
    for token in [scene.access(), scene.refresh()] {
        let answer = scene.revoke(&scene.other, &[("token", token)]).await;
        assert_eq!(answer, 400, "RFC 7009 §2.1: refused, and the client is told");
    }
    assert!(scene.is_alive().await);
    for unknown in ["garbage", "lk_at_AAAA", "lk_rt_AAAA", text(&scene.tokens, "id_token")] {
        let caller = scene.web.credentials();
        let form = [("token", unknown)];
        let answer = scene.latchkey.endpoints.post(paths::REVOKE, &caller, &form).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{unknown}");
        assert!(answer.header("cache-control").contains("no-store"));
    }
    assert!(scene.is_alive().await);
    let misled = [("token", scene.access()), ("token_type_hint", "refresh_token")];
    assert_eq!(scene.revoke(&scene.web, &misled).await, 200);
    assert!(!scene.is_alive().await, "a hint is only a hint");
    let strange = [("token", scene.refresh()), ("token_type_hint", "urn:x:strange")];
    assert_eq!(scene.revoke(&scene.web, &strange).await, 200);
    scene.all_dead(&scene.latchkey.endpoints).await;
}

#[tokio::test]
async fn s_069_userinfo_takes_one_token_from_a_header_or_a_form() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let token = scene.access();
    let bearer = Credentials::Bearer(token.to_owned());
    let nobody = latchkey.endpoints.get(paths::USERINFO, &Credentials::None).await;
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.header("www-authenticate"), "Bearer", "RFC 6750 §3.1: no error code");
    assert_eq!(nobody.body, "");
    let in_query = format!("{}?access_token={token}", paths::USERINFO);
    for credentials in [&Credentials::None, &bearer] {
        let answer = latchkey.endpoints.get(&in_query, credentials).await;
        answer.refuses(400, "invalid_request");
    }
    let form = [("access_token", token)];
    latchkey.endpoints.post(paths::USERINFO, &Credentials::None, &form).await.good();
    let twice = latchkey.endpoints.post(paths::USERINFO, &bearer, &form).await;
    twice.refuses(400, "invalid_request");
    let both = [("access_token", token), ("access_token", token)];
    let answer = latchkey.endpoints.post(paths::USERINFO, &Credentials::None, &both).await;
    answer.refuses(400, "invalid_request");
    let m2m = latchkey.client(clients::m2m()).await;
    let plain = latchkey.tokens(&scene.alice, &scene.web, &[("scope", "profile")]).await;
    let narrow = latchkey.userinfo(text(&plain, "access_token")).await;
    narrow.refuses(403, "insufficient_scope");
    assert!(narrow.header("www-authenticate").contains("error=\"insufficient_scope\""));
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    let own = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await.good();
    let answer = latchkey.userinfo(text(&own, "access_token")).await;
    assert!(matches!(answer.status.as_u16(), 401 | 403), "there is no person: {answer}");
}

#[tokio::test]
async fn s_070_no_answer_is_remembered_past_a_revocation() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    for caller in [&scene.rs, &scene.web, &scene.rs] {
        assert_eq!(latchkey.introspect(caller, scene.access()).await["active"], true);
    }
    assert_eq!(latchkey.introspect(&scene.other, scene.access()).await, json!({ "active": false }));
    scene.revoke(&scene.web, &[("token", scene.access())]).await;
    for hint in ["access_token", "refresh_token", "none"] {
        for caller in [&scene.rs, &scene.web] {
            let form = [("token", scene.access()), ("token_type_hint", hint)];
            let caller = caller.credentials();
            let told = latchkey.endpoints.post(paths::INTROSPECT, &caller, &form).await.good();
            assert_eq!(told, json!({ "active": false }), "{hint}");
        }
    }
}

#[tokio::test]
async fn s_071_nothing_counts_of_a_person_or_client_that_was_stopped() {
    // What is done to whom, and whether the tokens live again afterwards.
    for act in ["lock", "remove", "sign out", "password", "client"] {
        let scene = Scene::start().await;
        let (latchkey, app) = (&scene.latchkey, &scene.latchkey.app);
        let second = latchkey.another_node().await;
        assert!(scene.is_alive().await);
        let told = introspect(&second.endpoints, &scene.rs, scene.access()).await;
        assert_eq!(told["active"], true, "{act}");
        let new = secrecy::SecretString::from("quite-an0ther-Lamp");
        match act {
            "lock" => drop(people::lock(app, "alice", "stolen").await.expect("locked")),
            "remove" => drop(people::remove(app, "alice").await.expect("removed")),
            "sign out" => drop(people::sign_out(app, "alice").await.expect("signed out")),
            "password" => drop(people::set_password(app, "alice", &new).await.expect("set")),
            _ => drop(registered::remove(app, "web").await.expect("removed")),
        }
        for node in [&latchkey.endpoints, &second.endpoints] {
            let told = introspect(node, &scene.rs, scene.access()).await;
            assert_eq!(told, json!({ "active": false }), "{act}");
            let bearer = Credentials::Bearer(scene.access().to_owned());
            node.get(paths::USERINFO, &bearer).await.refuses(401, "invalid_token");
            let form = [("grant_type", "refresh_token"), ("refresh_token", scene.refresh())];
            let answer = node.post(paths::TOKEN, &scene.web.credentials(), &form).await;
            assert!(matches!(answer.status.as_u16(), 400 | 401), "{act}: {answer}");
        }
        if act == "lock" {
            people::unlock(app, "alice").await.expect("unlocked");
            assert!(!scene.is_alive().await, "what a lock has ended stays ended");
        }
    }
}
