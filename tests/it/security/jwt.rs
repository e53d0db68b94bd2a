//! Signed tokens and the keys under them (S-057 … S-063).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::identity::clients::{ClientError, ClientSecret, register};
use latchkey::identity::people;
use latchkey::paths;
use latchkey::protocol::jwt::SigningAlg;
use serde_json::{Value, json};

use crate::support::clients::{self, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::flow::{address, claims_of, header_of, text};
use crate::support::forge::forgeries;
use crate::support::people::TestUser;
use crate::support::{Latchkey, START};

/// The claim that names what a JWT access token hangs on.
const AUTHORIZATION: &str = "authorization_id";

/// `web` with access tokens of RFC 9068.
fn with_jwts() -> Value {
    let mut web = clients::web();
    web["access_token_format"] = "jwt".into();
    web
}

struct Scene {
    latchkey: Latchkey,
    web: TestClient,
    rs: TestClient,
    alice: TestUser,
    tokens: Value,
}

impl Scene {
    async fn start() -> Self {
        let latchkey = Latchkey::start().await;
        let web = latchkey.client(with_jwts()).await;
        let rs = latchkey.client(clients::rs()).await;
        let alice = latchkey.alice().await;
        let tokens = latchkey.tokens(&alice, &web, &[]).await;
        Self { latchkey, web, rs, alice, tokens }
    }

    /// Fails unless `token` is worth nothing anywhere.
    async fn is_worthless(&self, what: &str, token: &str) {
        let answer = self.latchkey.userinfo(token).await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
        answer.refuses(401, "invalid_token");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
        let told = self.latchkey.introspect(&self.rs, token).await;
        assert_eq!(told, json!({ "active": false }), "{what}");
    }

    /// The claims, signed with our own key as a token of this type.
    fn signed_by_us(&self, typ: &str, claims: &Value) -> String {
        let key = self.latchkey.app.signing_key(SigningAlg::RS256).expect("a key");
        key.sign(SigningAlg::RS256, typ, claims).expect("a signature")
    }

    async fn keys(&self) -> Vec<Value> {
        let keys = self.latchkey.endpoints.get(paths::JWKS, &Credentials::None).await.good();
        keys["keys"].as_array().expect("keys").clone()
    }
}

/// The claims with one of them changed; `null` takes it away.
fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    let members = claims.as_object_mut().expect("an object");
    members.insert(name.to_owned(), value);
    members.retain(|_, value| !value.is_null());
    claims
}

#[tokio::test]
async fn s_057_an_access_token_that_was_changed_is_worth_nothing() {
    let scene = Scene::start().await;
    let token = text(&scene.tokens, "access_token").to_owned();
    scene.latchkey.userinfo(&token).await.good();
    let kid = header_of(&token)["kid"].clone();
    let keys = scene.keys().await;
    let key = keys.iter().find(|key| key["kid"] == kid).expect("its key");
    for (what, forged) in forgeries(&token, key) {
        scene.is_worthless(what, &forged).await;
    }
    // Signed by us, but saying what no token of ours says.
    let claims = claims_of(&token);
    let now = START.seconds();
    for (name, value) in [
        ("iss", json!("https://other.example")),
        ("iss", json!(null)),
        ("exp", json!(now - 1)),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!(null)),
        ("exp", json!(1e300)),
        ("aud", json!({})),
        ("aud", json!(null)),
        ("client_id", json!("nobody")),
        ("client_id", json!(["web"])),
        ("jti", json!(null)),
        (AUTHORIZATION, json!("0198f0a0-0000-7000-8000-000000000000")),
    ] {
        let forged = scene.signed_by_us("at+jwt", &changed(&claims, name, value.clone()));
        scene.is_worthless(&format!("{name}: {value}"), &forged).await;
    }
    // The same claims, signed by us as they are, are good: it was the change each time.
    let same = scene.signed_by_us("at+jwt", &claims);
    scene.latchkey.userinfo(&same).await.good();
}

#[tokio::test]
async fn s_057_a_token_for_a_resource_server_opens_nothing_here() {
    let latchkey = Latchkey::start().await;
    let mut rs = clients::rs();
    rs["resources"] = json!(["https://api.example/"]);
    latchkey.client(rs).await;
    let alice = latchkey.alice().await;
    for format in ["opaque", "jwt"] {
        let mut web = clients::web();
        web["client_id"] = format.into();
        web["access_token_format"] = format.into();
        let web = latchkey.client(web).await;
        let for_api = [("resource", "https://api.example/")];
        let tokens = latchkey.tokens(&alice, &web, &for_api).await;
        // A resource server that could show it here would learn what the client may.
        let answer = latchkey.userinfo(text(&tokens, "access_token")).await;
        answer.refuses(401, "invalid_token");
        let for_both = [for_api[0], ("resource", latchkey.issuer.as_str())];
        let tokens = latchkey.tokens(&alice, &web, &for_both).await;
        latchkey.userinfo(text(&tokens, "access_token")).await.good();
    }
}

#[tokio::test]
async fn s_058_no_token_passes_for_one_of_another_kind() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let (access, id) = (text(&scene.tokens, "access_token"), text(&scene.tokens, "id_token"));
    let refresh = text(&scene.tokens, "refresh_token");
    assert_eq!(header_of(access)["typ"], "at+jwt");
    for (what, token) in [("an ID token", id), ("a refresh token", refresh)] {
        let answer = latchkey.userinfo(token).await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
    }
    for typ in ["JWT", "logout+jwt", "token-introspection+jwt", "oauth-authz-req+jwt"] {
        scene.is_worthless(typ, &scene.signed_by_us(typ, &claims_of(access))).await;
    }
    // As the hint of who is to sign out or in.
    let mut browser = latchkey.browser();
    let id_claims = claims_of(id);
    let mut userinfo = id_claims.clone();
    userinfo.as_object_mut().expect("an object").remove("auth_time");
    for (what, hint) in [
        ("an access token", access.to_owned()),
        ("a logout token", scene.signed_by_us("logout+jwt", &id_claims)),
        ("a signed userinfo answer", scene.signed_by_us("JWT", &userinfo)),
        ("a refresh token", refresh.to_owned()),
    ] {
        let form = vec![("id_token_hint".to_owned(), hint.clone())];
        let page = browser.post_from_elsewhere(paths::END_SESSION, form).await.page();
        assert_eq!(page.status, 400, "{what}: {page}");
        let silent = [("prompt", "none"), ("id_token_hint", hint.as_str())];
        let came =
            browser.arrive(&address(&latchkey.issuer, &scene.web, &silent)).await.departure();
        let error = came.parameter("error").unwrap_or_default();
        assert!(matches!(error.as_str(), "invalid_request" | "login_required"), "{what}: {error}");
    }
    // As a client's assertion: not even one that we signed.
    let assertion = scene.signed_by_us("JWT", &latchkey.assertion_claims(&scene.web));
    for assertion in [assertion.as_str(), id, access] {
        let shown = Credentials::Assertion(assertion.to_owned());
        let form = [("grant_type", "client_credentials")];
        let answer = latchkey.endpoints.post(paths::TOKEN, &shown, &form).await;
        answer.refuses(401, "invalid_client");
    }
}

#[tokio::test]
async fn s_059_no_private_part_of_a_key_is_published() {
    let scene = Scene::start().await;
    let keys = scene.keys().await;
    let mut kinds: Vec<_> = keys.iter().map(|key| text(key, "kty")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["EC", "OKP", "RSA"]);
    for key in &keys {
        let allowed = ["kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"];
        let members = key.as_object().expect("a key is an object");
        let other: Vec<_> =
            members.keys().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(other.is_empty(), "{other:?}");
        assert_eq!(key["use"], "sig");
    }
}

#[tokio::test]
async fn s_060_nobody_can_be_taken_for_somebody_else() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let mut squatter = clients::m2m();
    squatter["client_id"] = scene.alice.id.clone().into();
    let taken = register(&latchkey.app, squatter, ClientSecret::Generated).await;
    assert!(matches!(taken, Err(ClientError::Taken)), "{taken:?}");
    // A name that is free again brings nothing of its last owner with it.
    people::remove(&latchkey.app, "alice").await.expect("she is removed");
    scene.is_worthless("of somebody who is gone", text(&scene.tokens, "access_token")).await;
    let again = latchkey.alice().await;
    assert_ne!(again.id, scene.alice.id);
    scene.is_worthless("of the last alice", text(&scene.tokens, "access_token")).await;
    let tokens = latchkey.tokens(&again, &scene.web, &[]).await;
    let subject = |tokens: &Value| claims_of(text(tokens, "id_token"))["sub"].clone();
    assert_ne!(subject(&tokens), subject(&scene.tokens));
}

#[tokio::test]
async fn s_061_a_rotation_breaks_nothing() {
    let scene = Scene::start().await;
    let latchkey = &scene.latchkey;
    let kid = |tokens: &Value| header_of(text(tokens, "id_token"))["kid"].clone();
    let published = async || -> Vec<Value> {
        scene.keys().await.iter().map(|key| key["kid"].clone()).collect()
    };
    let (old, before) = (kid(&scene.tokens), published().await);
    latchkey.app.rotate_keys().await.expect("a rotation");
    let during = published().await;
    assert!(before.iter().all(|kid| during.contains(kid)), "the old ones stay");
    assert_eq!(during.len(), 2 * before.len(), "the new ones are published at once");
    // Whoever fetched the keys a moment ago must not meet a new one yet.
    latchkey.pass(Duration::from_mins(59));
    let soon = latchkey.tokens(&scene.alice, &scene.web, &[]).await;
    assert_eq!(kid(&soon), old);
    latchkey.pass(Duration::from_mins(2));
    let later = latchkey.tokens(&scene.alice, &scene.web, &[]).await;
    assert_ne!(kid(&later), old);
    assert!(during.contains(&kid(&later)));
    latchkey.app.tend_keys().await.expect("the clockwork");
    latchkey.userinfo(text(&soon, "access_token")).await.good();
    assert!(published().await.contains(&old), "what it signed is still in use");
    latchkey.pass(Duration::from_hours(48));
    latchkey.app.tend_keys().await.expect("the clockwork");
    assert!(!published().await.contains(&old), "it is gone in the end");
}

#[tokio::test]
async fn s_062_tokens_say_what_happened_and_nothing_of_the_person() {
    let scene = Scene::start().await;
    let id = claims_of(text(&scene.tokens, "id_token"));
    let now = START.seconds();
    let access = text(&scene.tokens, "access_token");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access.as_bytes());
    assert_eq!(text(&id, "at_hash"), URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]));
    assert_eq!(id["iat"], now);
    let life = scene.latchkey.app.config.tokens.id_ttl.get().as_secs();
    assert_eq!(id["exp"].as_u64(), u64::try_from(now).ok().map(|now| now + life));
    assert_eq!((&id["auth_time"], &id["amr"]), (&json!(now), &json!(["pwd"])));
    assert_eq!((&id["acr"], &id["aud"]), (&json!("urn:latchkey:acr:password"), &json!("web")));
    assert_eq!(id["sub"], scene.alice.id);
    let told = claims_of(access);
    let life = scene.latchkey.app.config.tokens.access_ttl.get().as_secs();
    assert_eq!(told["exp"].as_u64(), u64::try_from(now).ok().map(|now| now + life));
    assert_eq!(scene.tokens["expires_in"].as_u64(), Some(life));
    for (what, claims) in [("ID token", &id), ("access token", &told)] {
        for personal in ["name", "email", "phone_number", "address", "birthdate", "username"] {
            assert!(claims.get(personal).is_none(), "{personal} stands in the {what}");
        }
        let text = claims.to_string();
        assert!(!text.contains("alice") && !text.contains("Alice"), "{what}: {text}");
    }
}

#[tokio::test]
async fn s_063_a_monster_of_a_token_costs_nothing() {
    let scene = Scene::start().await;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"at+jwt"}"#);
    let deep = URL_SAFE_NO_PAD.encode(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    let nested = format!("{}1{}", r#"{"a":"#.repeat(2_000), "}".repeat(2_000));
    let nested = URL_SAFE_NO_PAD.encode(nested);
    let bomb =
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"zip":"DEF","p2s":"AA"}"#;
    let bomb = URL_SAFE_NO_PAD.encode(bomb);
    for (what, token) in [
        ("large", format!("{header}.{}.AA", "A".repeat(1_000_000))),
        ("deep", format!("{header}.{deep}.AA")),
        ("nested", format!("{header}.{nested}.AA")),
        ("a deep header", format!("{nested}.e30.AA")),
        ("encrypted", format!("{bomb}.AAAA.AAAA.AAAA.AAAA")),
        ("many parts", "A.".repeat(30_000)),
        ("a sealed one", format!("lk_at_{}", "A".repeat(500_000))),
    ] {
        let begun = Instant::now();
        let form = [("token", token.as_str())];
        let caller = scene.rs.credentials();
        let answer = scene.latchkey.endpoints.post(paths::INTROSPECT, &caller, &form).await;
        assert_eq!(answer.good(), json!({ "active": false }), "{what}");
        let shown = Credentials::Assertion(token);
        let form = [("grant_type", "client_credentials")];
        let answer = scene.latchkey.endpoints.post(paths::TOKEN, &shown, &form).await;
        answer.refuses(401, "invalid_client");
        assert!(begun.elapsed() < Duration::from_millis(500), "{what}: {:?}", begun.elapsed());
    }
}
