//! What the server says that it can do (RFC 8414, OpenID Connect Discovery).

use latchkey::paths;
use serde_json::{Value, json};

use crate::support::Latchkey;
use crate::support::clients::{self, AssertionKey};
use crate::support::endpoint::Credentials;
use crate::support::flow::text;
use crate::support::routes;

async fn metadata(latchkey: &Latchkey) -> Value {
    latchkey.endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None).await.good()
}

#[tokio::test]
async fn both_documents_are_the_same_and_name_us() {
    let latchkey = Latchkey::start().await;
    let one = metadata(&latchkey).await;
    let path = paths::AUTHORIZATION_SERVER_METADATA;
    assert_eq!(latchkey.endpoints.get(path, &Credentials::None).await.good(), one);
    assert_eq!(one["issuer"], json!(latchkey.issuer));
    for (name, value) in one.as_object().expect("an object") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url = value.as_str().expect("an address");
            assert!(url.starts_with(&latchkey.issuer), "{name}: {url}");
            let path = url.trim_start_matches(&latchkey.issuer);
            assert!(routes::all().iter().any(|(_, known)| known == path), "{name}: {url}");
        }
    }
}

#[tokio::test]
async fn nothing_insecure_is_offered() {
    let latchkey = Latchkey::start().await;
    let told = metadata(&latchkey).await;
    assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(told["response_types_supported"], json!(["code"]));
    assert_eq!(told["authorization_response_iss_parameter_supported"], true);
    let grants = told["grant_types_supported"].as_array().expect("grants");
    for old in ["implicit", "password"] {
        assert!(!grants.contains(&json!(old)), "{old}");
    }
    for (name, value) in told.as_object().expect("an object") {
        if name.ends_with("alg_values_supported") {
            let text = value.to_string();
            assert!(!text.contains("none") && !text.contains("HS"), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn what_is_offered_is_taken() {
    let latchkey = Latchkey::start().await;
    let told = metadata(&latchkey).await;
    let key = AssertionKey::generate("key-1");
    for method in told["token_endpoint_auth_methods_supported"].as_array().expect("methods") {
        let mut client = clients::web();
        client["client_id"] = method.clone();
        client["token_endpoint_auth_method"] = method.clone();
        if method == "private_key_jwt" {
            client["jwks"] = json!({ "keys": [key.public_jwk()] });
        }
        latchkey.client(client).await;
    }
    for (offered, member) in [
        ("id_token_signing_alg_values_supported", "id_token_signed_response_alg"),
        ("userinfo_signing_alg_values_supported", "userinfo_signed_response_alg"),
        ("introspection_signing_alg_values_supported", "introspection_signed_response_alg"),
    ] {
        for alg in told[offered].as_array().expect("algorithms") {
            let mut client = clients::web();
            client["client_id"] = format!("{member}-{}", alg.as_str().expect("text")).into();
            client[member] = alg.clone();
            latchkey.client(client).await;
        }
    }
    for kind in told["subject_types_supported"].as_array().expect("types") {
        let mut client = clients::web();
        client["client_id"] = format!("{}-subject", kind.as_str().expect("text")).into();
        client["subject_type"] = kind.clone();
        latchkey.client(client).await;
    }
}

#[tokio::test]
async fn the_keys_are_those_of_the_algorithms() {
    let latchkey = Latchkey::start().await;
    let keys = latchkey.endpoints.get(paths::JWKS, &Credentials::None).await.good();
    let kinds: Vec<_> =
        keys["keys"].as_array().expect("keys").iter().map(|key| text(key, "kty")).collect();
    for kind in ["RSA", "EC", "OKP"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}
