//! The token endpoint, RFC 6749 §3.2, §5, §6 and OpenID Connect Core §3.1.3.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::paths;
use latchkey::secret::sha256;
use serde_json::Value;

use crate::support::clients::{self, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::stage::{Ask, Grant, Stage};

fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a payload"));
    serde_json::from_slice(&payload.expect("base64url")).expect("JSON")
}

/// RFC 6749 §5.1, OpenID Connect Core §3.1.3.3.
#[tokio::test]
async fn a_good_answer_holds_what_the_rfcs_say_and_nothing_else() {
    let mut stage = Stage::set().await;
    let ask = stage.ask_offline();
    let code = stage.code(&ask).await;
    let answer = stage.redeem(&ask, &code).await;
    let grant = Grant::read(&answer);
    assert!(answer.header("cache-control").contains("no-store"));
    assert_eq!(answer.header("pragma"), "no-cache");
    let mut names: Vec<_> = grant.body.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected =
        ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"];
    assert_eq!(names, expected);
    assert_eq!(grant.body["token_type"], "Bearer");
    assert_eq!(grant.body["expires_in"], 600);
    assert!(grant.access.starts_with("lk_at_") && grant.refresh.starts_with("lk_rt_"));
    let id = claims(&grant.id);
    assert_eq!(id["sub"], stage.alice.id);
    assert_eq!(id["aud"], "web");
    assert_eq!(id["nonce"], ask.get("nonce"));
    let hash = URL_SAFE_NO_PAD.decode(sha256(&grant.access)).unwrap();
    assert_eq!(id["at_hash"], URL_SAFE_NO_PAD.encode(&hash[..16]));
}

/// OpenID Connect Core §12.2.
#[tokio::test]
async fn an_id_token_of_a_refresh_is_about_the_same_sign_in() {
    let mut stage = Stage::set().await;
    let first = stage.grant(&stage.ask_offline()).await;
    stage.latchkey.pass_seconds(300);
    let second = Grant::read(&stage.refresh(&first.refresh).await);
    let (old, new) = (claims(&first.id), claims(&second.id));
    for name in ["iss", "sub", "aud", "auth_time", "acr", "sid"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    assert_eq!(new["iat"].as_i64().unwrap() - old["iat"].as_i64().unwrap(), 300);
    assert!(new.get("nonce").is_none() || new["nonce"] == old["nonce"]);
    assert_ne!(new["at_hash"], old["at_hash"]);
}

/// What is wrong, who sends what, and the error.
type Case<'a> = (&'a str, &'a TestClient, &'a [(&'a str, &'a str)], &'a str);

/// RFC 6749 §5.2, each error for its own reason.
#[tokio::test]
async fn each_mistake_has_its_own_error() {
    let mut stage = Stage::set().await;
    let m2m = stage.latchkey.client(clients::m2m()).await;
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    let web = stage.web.clone();
    let twice = [("grant_type", "authorization_code"), ("grant_type", "authorization_code")];
    let cases: [Case<'_>; 10] = [
        ("nothing", &web, &[], "invalid_request"),
        ("an empty grant_type", &web, &[("grant_type", "")], "invalid_request"),
        ("grant_type twice", &web, &twice, "invalid_request"),
        ("an unknown one", &web, &[("grant_type", "magic")], "unsupported_grant_type"),
        ("the password grant", &web, &[("grant_type", "password")], "unsupported_grant_type"),
        ("no code", &web, &[("grant_type", "authorization_code")], "invalid_request"),
        ("no refresh_token", &web, &[("grant_type", "refresh_token")], "invalid_request"),
        ("not registered", &web, &[("grant_type", "client_credentials")], "unauthorized_client"),
        ("nor this", &m2m, &[("grant_type", "authorization_code")], "unauthorized_client"),
        (
            "a scope it may not have",
            &m2m,
            &[("grant_type", "client_credentials"), ("scope", "openid")],
            "invalid_scope",
        ),
    ];
    for (what, client, form, error) in cases {
        let answer = stage.token(client, form).await;
        assert_eq!(answer.status, 400, "{what}: {answer}");
        assert_eq!(answer.json()["error"], error, "{what}");
        answer.refuses(400, error);
    }
    // None of it spent the code.
    assert!(stage.redeem(&ask, &code).await.status.is_success());
}

#[tokio::test]
async fn secrets_do_not_belong_into_the_url_nor_codes_into_json() {
    let mut stage = Stage::set().await;
    let ask = stage.ask();
    let code = stage.code(&ask).await;
    let endpoints = &stage.latchkey.endpoints;
    let credentials = stage.web.credentials();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let path = format!("{}?{}", paths::TOKEN, query.extend_pairs(ask.redemption(&code)).finish());
    endpoints.post(&path, &credentials, &[]).await.refuses(400, "invalid_request");
    endpoints.post_nothing(paths::TOKEN, &credentials).await.refuses(400, "invalid_request");
    assert_eq!(endpoints.get(&path, &credentials).await.status, 405);
    let json = crate::support::browser::http()
        .post(stage.latchkey.at(paths::TOKEN))
        .header("content-type", "application/json")
        .body(format!("{{\"grant_type\":\"authorization_code\",\"code\":\"{code}\"}}"))
        .send()
        .await
        .unwrap();
    assert_eq!(json.status(), 400);
    assert!(stage.redeem(&ask, &code).await.status.is_success());
}

/// RFC 6749 §4.4.
#[tokio::test]
async fn a_client_acts_in_its_own_name_without_refresh_and_id_token() {
    let stage = Stage::set().await;
    let m2m = stage.latchkey.client(clients::m2m()).await;
    for scope in ["reports", ""] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let grant = Grant::read(&stage.token(&m2m, &form).await);
        assert!(grant.refresh.is_empty() && grant.id.is_empty());
        assert_eq!(grant.body["scope"], "reports");
        let form = [("token", grant.access.as_str())];
        let rs = stage.rs.credentials();
        let told = stage.latchkey.endpoints.post(paths::INTROSPECT, &rs, &form).await.good();
        assert_eq!((&told["active"], &told["sub"]), (&true.into(), &"m2m".into()));
        // It tells of nobody.
        let bearer = Credentials::Bearer(grant.access);
        let userinfo = stage.latchkey.endpoints.get(paths::USERINFO, &bearer).await;
        assert!(userinfo.status.is_client_error(), "{userinfo}");
    }
}

#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token() {
    let mut stage = Stage::set().await;
    let mut once = clients::other();
    once["grant_types"] = serde_json::json!(["authorization_code"]);
    let once = stage.latchkey.client(once).await;
    let grant = stage.grant(&Ask::of(&once).with("scope", "openid offline_access")).await;
    assert_eq!(grant.refresh, "");
    assert_eq!(grant.body["scope"], "openid", "what means nothing is not granted");
    stage.latchkey.pass_seconds(599);
    assert!(stage.is_alive(&grant.access).await);
    stage.latchkey.pass_seconds(1);
    assert!(!stage.is_alive(&grant.access).await);
}
