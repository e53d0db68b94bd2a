//! Token introspection (RFC 7662), signed answers (RFC 9701), and whom a token is for (RFC 8707).

use latchkey::paths;
use serde_json::{Value, json};

use crate::support::clients::{self, AssertionKey, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::flow::{address, claims_of, text};
use crate::support::verify::verified;
use crate::support::{Latchkey, START};

const API: &str = "https://api.example/";
const MAIL: &str = "https://mail.example/v1";

/// A resource server with this resource, which sees the tokens for it only.
async fn resource_server(latchkey: &Latchkey, id: &str, resource: &str) -> TestClient {
    let mut rs = clients::rs();
    rs["client_id"] = id.into();
    rs["introspection"] = "own".into();
    rs["resources"] = json!([resource]);
    latchkey.client(rs).await
}

#[tokio::test]
async fn it_tells_what_a_token_allows_whom_and_how_long() {
    for format in ["opaque", "jwt"] {
        let latchkey = Latchkey::start().await;
        let mut web = clients::web();
        web["access_token_format"] = format.into();
        let web = latchkey.client(web).await;
        let rs = latchkey.client(clients::rs()).await;
        let alice = latchkey.alice().await;
        let tokens = latchkey.tokens(&alice, &web, &[("scope", "openid profile email")]).await;
        let told = latchkey.introspect(&rs, text(&tokens, "access_token")).await;
        let now = START.seconds();
        let ttl =
            i64::try_from(latchkey.app.config.tokens.access_ttl.get().as_secs()).expect("short");
        for (name, wanted) in [
            ("active", json!(true)),
            ("client_id", json!("web")),
            ("scope", json!("openid profile email")),
            ("sub", json!(alice.id)),
            ("username", json!("alice")),
            ("iss", json!(latchkey.issuer)),
            ("aud", json!(latchkey.issuer)),
            ("token_type", json!("Bearer")),
            ("iat", json!(now)),
            ("exp", json!(now + ttl)),
            ("auth_time", json!(now)),
            ("acr", json!("urn:latchkey:acr:password")),
        ] {
            assert_eq!(told[name], wanted, "{format}: {name}");
        }
        assert!(told["jti"].is_string());
        assert!(told.get("email").is_none(), "claims are userinfo's: {told}");
        let only_in = latchkey.tokens(&alice, &web, &[("scope", "openid")]).await;
        let told = latchkey.introspect(&rs, text(&only_in, "access_token")).await;
        assert!(told.get("username").is_none(), "nobody allowed the name: {told}");
        let refresh = latchkey.introspect(&web, text(&tokens, "refresh_token")).await;
        assert_eq!((&refresh["active"], &refresh["sub"]), (&json!(true), &json!(alice.id)));
        assert!(
            refresh.get("token_type").is_none(),
            "a refresh token is no bearer token: {refresh}"
        );
    }
}

#[tokio::test]
async fn a_program_is_its_own_subject() {
    let latchkey = Latchkey::start().await;
    for format in ["opaque", "jwt"] {
        let mut m2m = clients::m2m();
        m2m["client_id"] = format.into();
        m2m["access_token_format"] = format.into();
        let m2m = latchkey.client(m2m).await;
        let form = [("grant_type", "client_credentials")];
        let own = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await.good();
        let told = latchkey.introspect(&m2m, text(&own, "access_token")).await;
        assert_eq!((&told["sub"], &told["client_id"]), (&json!(format), &json!(format)));
        assert!(told.get("username").is_none() && told.get("auth_time").is_none(), "{told}");
    }
}

async fn signed(latchkey: &Latchkey, caller: &TestClient, token: &str) -> (String, String) {
    let Credentials::Basic(id, secret) = caller.credentials() else { panic!("a secret") };
    let request = crate::support::browser::http().post(latchkey.at(paths::INTROSPECT));
    let request = request.basic_auth(id, Some(secret)).form(&[("token", token)]);
    let request = request.header("accept", "application/token-introspection+jwt");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let kind = answer.headers()["content-type"].to_str().expect("ASCII").to_owned();
    (kind, answer.text().await.expect("a body"))
}

#[tokio::test]
async fn a_signed_answer_can_be_shown_to_others() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let tokens = latchkey.tokens(&alice, &web, &[]).await;
    let token = text(&tokens, "access_token");
    for alg in [None, Some("RS256"), Some("PS256"), Some("ES256"), Some("EdDSA")] {
        let mut rs = clients::rs();
        rs["client_id"] = format!("rs-{}", alg.unwrap_or("default")).into();
        if let Some(alg) = alg {
            rs["introspection_signed_response_alg"] = alg.into();
        }
        let rs = latchkey.client(rs).await;
        for (token, active) in [(token, true), ("lk_at_unknown", false)] {
            let (kind, jwt) = signed(&latchkey, &rs, token).await;
            assert_eq!(kind, "application/token-introspection+jwt");
            let claims = verified(&latchkey, alg.unwrap_or("RS256"), &jwt).await;
            let header = crate::support::flow::header_of(&jwt);
            assert_eq!(header["typ"], "token-introspection+jwt");
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(latchkey.issuer), &json!(rs.id)));
            assert_eq!(claims["iat"], START.seconds());
            // RFC 9701 §5: never at the top level, where it could be taken for an access token.
            for name in ["sub", "exp", "active"] {
                assert!(claims.get(name).is_none(), "{name} in {claims}");
            }
            assert_eq!(claims["token_introspection"]["active"], active);
            if !active {
                assert_eq!(claims["token_introspection"], json!({ "active": false }));
            }
        }
    }
}

#[tokio::test]
async fn a_resource_server_sees_the_tokens_for_it() {
    for format in ["opaque", "jwt"] {
        let latchkey = Latchkey::start().await;
        let api = resource_server(&latchkey, "api", API).await;
        let mail = resource_server(&latchkey, "mail", MAIL).await;
        let mut web = clients::web();
        web["access_token_format"] = format.into();
        let web = latchkey.client(web).await;
        let alice = latchkey.alice().await;
        let for_api = latchkey.tokens(&alice, &web, &[("resource", API)]).await;
        let token = text(&for_api, "access_token");
        assert_eq!(latchkey.introspect(&api, token).await["aud"], API, "{format}");
        assert_eq!(latchkey.introspect(&mail, token).await, json!({ "active": false }));
        assert_eq!(latchkey.introspect(&web, token).await["active"], true, "its own client's");
        if format == "jwt" {
            assert_eq!(claims_of(token)["aud"], API);
        }
        let plain = latchkey.tokens(&alice, &web, &[]).await;
        let told = latchkey.introspect(&api, text(&plain, "access_token")).await;
        assert_eq!(told, json!({ "active": false }), "a token for us is not for it");
    }
}

#[tokio::test]
async fn of_two_resources_a_refresh_may_name_one() {
    let latchkey = Latchkey::start().await;
    resource_server(&latchkey, "api", API).await;
    resource_server(&latchkey, "mail", MAIL).await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let both = [("resource", API), ("resource", MAIL)];
    let tokens = latchkey.tokens(&alice, &web, &both).await;
    let aud = async |tokens: &Value| {
        let told = latchkey.introspect(&web, text(tokens, "access_token")).await;
        assert_eq!(told["active"], true, "{told}");
        told["aud"].clone()
    };
    assert_eq!(aud(&tokens).await, json!([API, MAIL]));
    let refresh = async |tokens: &Value, resource: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(tokens, "refresh_token")),
            ("resource", resource),
        ];
        latchkey.endpoints.post(paths::TOKEN, &web.credentials(), &form).await
    };
    let narrow = refresh(&tokens, MAIL).await.good();
    assert_eq!(aud(&narrow).await, MAIL);
    refresh(&narrow, "https://elsewhere.example/").await.refuses(400, "invalid_target");
    let wide = refresh(&narrow, "").await.good();
    assert_eq!(aud(&wide).await, json!([API, MAIL]), "what was allowed is not lost");
}

#[tokio::test]
async fn a_resource_that_nobody_has_is_refused() {
    let latchkey = Latchkey::start().await;
    resource_server(&latchkey, "api", API).await;
    let web = latchkey.client(clients::web()).await;
    let m2m = latchkey.client(clients::m2m()).await;
    let mut browser = latchkey.browser();
    for resource in ["https://nobody.example/", "not a URI", "https://api.example/#x"] {
        let asked = address(&latchkey.issuer, &web, &[("resource", resource)]);
        let came = browser.arrive(&asked).await.departure();
        assert_eq!(came.parameter("error").as_deref(), Some("invalid_target"), "{resource}");
        let form = [("grant_type", "client_credentials"), ("resource", resource)];
        let answer = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await;
        answer.refuses(400, "invalid_target");
    }
    let form = [("grant_type", "client_credentials"), ("resource", API)];
    let own = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await.good();
    assert_eq!(latchkey.introspect(&m2m, text(&own, "access_token")).await["aud"], API);
}

#[tokio::test]
async fn a_resource_server_may_sign_assertions() {
    let latchkey = Latchkey::start().await;
    let key = AssertionKey::generate("rs-1");
    let mut rs = clients::rs();
    rs["token_endpoint_auth_method"] = "private_key_jwt".into();
    rs["jwks"] = json!({ "keys": [key.public_jwk()] });
    let rs = latchkey.client(rs).await;
    let web = latchkey.client(clients::web()).await;
    let alice = latchkey.alice().await;
    let tokens = latchkey.tokens(&alice, &web, &[]).await;
    let form = [("token", text(&tokens, "access_token"))];
    let shown = latchkey.assertion(&rs, &key);
    let told = latchkey.endpoints.post(paths::INTROSPECT, &shown, &form).await.good();
    assert_eq!(told["active"], true);
    let again = latchkey.endpoints.post(paths::INTROSPECT, &shown, &form).await;
    again.refuses(401, "invalid_client");
}
