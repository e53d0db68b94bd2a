//! The userinfo endpoint (OpenID Connect Core §5.3) and pairwise subjects (§8).

use std::collections::BTreeSet;

use latchkey::paths;
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::flow::{claims_of, text};
use crate::support::people::all_claims;
use crate::support::verify::verified;

async fn told(latchkey: &Latchkey, scope: &str) -> Value {
    let mut web = clients::web();
    web["client_id"] = format!("web-{}", scope.replace(' ', "-")).into();
    let web = latchkey.client(web).await;
    let user = crate::support::people::TestUser {
        id: String::new(),
        username: "alice".into(),
        email: "alice@people.example".into(),
        password: crate::support::people::PASSWORD.into(),
    };
    let tokens = latchkey.tokens(&user, &web, &[("scope", scope)]).await;
    latchkey.userinfo(text(&tokens, "access_token")).await.good()
}

fn names(told: &Value) -> BTreeSet<String> {
    told.as_object().expect("an object").keys().cloned().collect()
}

#[tokio::test]
async fn each_scope_gives_its_claims_and_no_more() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let set = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let only_sub = told(&latchkey, "openid").await;
    assert_eq!(only_sub, json!({ "sub": alice.id }));
    let email = told(&latchkey, "openid email").await;
    assert_eq!(names(&email), set(&["sub", "email", "email_verified"]));
    let phone = told(&latchkey, "openid phone").await;
    assert_eq!(names(&phone), set(&["sub", "phone_number", "phone_number_verified"]));
    let address = told(&latchkey, "openid address").await;
    assert_eq!(address["address"], all_claims()["address"]);
    assert_eq!(names(&address), set(&["sub", "address"]));
    let profile = told(&latchkey, "openid profile").await;
    for name in ["email", "phone_number", "address"] {
        assert!(profile.get(name).is_none(), "{name}: {profile}");
    }
    assert_eq!(profile["name"], "Alice Moreau");
    assert!(profile["updated_at"].is_i64(), "a number, never text: {profile}");
}

#[tokio::test]
async fn a_signed_answer_names_issuer_and_audience() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let mut web = clients::web();
        web["client_id"] = alg.to_lowercase().into();
        web["userinfo_signed_response_alg"] = alg.into();
        web["id_token_signed_response_alg"] = alg.into();
        let web = latchkey.client(web).await;
        let tokens = latchkey.tokens(&alice, &web, &[]).await;
        let bearer = Credentials::Bearer(text(&tokens, "access_token").to_owned());
        for answer in [
            latchkey.endpoints.get(paths::USERINFO, &bearer).await,
            latchkey.endpoints.post_nothing(paths::USERINFO, &bearer).await,
        ] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), "application/jwt");
            let claims = verified(&latchkey, alg, &answer.body).await;
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(latchkey.issuer), &json!(web.id)));
            assert_eq!(claims["sub"], json!(alice.id));
            assert_eq!(claims["email"], json!(alice.email));
        }
        let id = verified(&latchkey, alg, text(&tokens, "id_token")).await;
        assert_eq!((&id["sub"], &id["nonce"]), (&json!(alice.id), &json!("n-0S6_WzA2Mj")));
    }
}

#[tokio::test]
async fn clients_of_two_sectors_cannot_compare_notes() {
    let latchkey = Latchkey::start().await;
    let (alice, bob) = (latchkey.alice().await, latchkey.bob().await);
    let pairwise = |id: &str, redirect_uri: &str| {
        let mut client = clients::web();
        client["client_id"] = id.into();
        client["redirect_uris"] = json!([redirect_uri]);
        client["subject_type"] = "pairwise".into();
        client["access_token_format"] = "jwt".into();
        client
    };
    let mut seen = Vec::new();
    for (id, redirect_uri) in [
        ("shop", "https://shop.example/cb"),
        ("shop-mobile", "https://shop.example/mobile"),
        ("clinic", "https://clinic.example/cb"),
    ] {
        let client = latchkey.client(pairwise(id, redirect_uri)).await;
        for user in [&alice, &bob] {
            let tokens = latchkey.tokens(user, &client, &[]).await;
            let (access, id) = (text(&tokens, "access_token"), text(&tokens, "id_token"));
            let subject = claims_of(id)["sub"].clone();
            assert_ne!(subject, json!(user.id));
            // Every door says the same.
            assert_eq!(latchkey.userinfo(access).await.good()["sub"], subject);
            assert_eq!(latchkey.introspect(&client, access).await["sub"], subject);
            assert_eq!(claims_of(access)["sub"], subject);
            let refresh = text(&tokens, "refresh_token");
            assert_eq!(latchkey.introspect(&client, refresh).await["sub"], subject);
            let again = latchkey.tokens(user, &client, &[]).await;
            assert_eq!(claims_of(text(&again, "id_token"))["sub"], subject, "it stays the same");
            seen.push(subject);
        }
    }
    let [shop_alice, shop_bob, mobile_alice, mobile_bob, clinic_alice, clinic_bob] = &seen[..]
    else {
        panic!("three clients, two people")
    };
    assert_eq!((shop_alice, shop_bob), (mobile_alice, mobile_bob), "one sector, one subject");
    assert_ne!(shop_alice, clinic_alice);
    assert_ne!(shop_bob, clinic_bob);
    assert_ne!(shop_alice, shop_bob);
}
