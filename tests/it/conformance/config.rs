//! Config OP: the metadata.

use latchkey::paths;
use reqwest::Url;
use serde_json::Value;

use super::checks::{key_set, list};
use super::suite::text;
use crate::support::Latchkey;
use crate::support::endpoint::Credentials;

/// Where the provider is certified: the suite demands https throughout.
const ISSUER: &str = "https://id.conformance.example";

/// Members with an https URL of ours.
const ENDPOINTS: &[&str] = &[
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "end_session_endpoint",
];

/// Other members that RFC 8414, RFC 9207, OpenID Connect Discovery and the logout specifications
/// know, with their types.
const TEXTS: &[&str] = &["issuer", "service_documentation", "op_policy_uri", "op_tos_uri"];
const FLAGS: &[&str] = &[
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
];
const LISTS: &[&str] = &[
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "userinfo_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "introspection_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported",
    "display_values_supported",
    "claim_types_supported",
    "claims_supported",
    "claims_locales_supported",
    "ui_locales_supported",
    "prompt_values_supported",
];

#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let latchkey = Latchkey::start_with(|config| config.issuer = ISSUER.into()).await;
    let answer = latchkey.endpoints.get(paths::OPENID_CONFIGURATION, &Credentials::None).await;
    let metadata = answer.good();
    assert_eq!(metadata["issuer"], ISSUER, "the address without its well-known part");
    members_are_known_and_typed(&metadata);
    endpoints_are_ours(&metadata);
    the_lists_hold_what_they_must(&metadata);
    locales_are_language_tags(&metadata);
    let keys = Url::parse(text(&metadata, "jwks_uri")).expect("a URL").path().to_owned();
    key_set(&latchkey.endpoints.get(&keys, &Credentials::None).await.good());
}

/// RFC 8414 §3: the same truth at the address that plain OAuth clients look at.
#[tokio::test]
async fn the_metadata_of_oauth_are_the_same() {
    let latchkey = Latchkey::start().await;
    let get = async |path| latchkey.endpoints.get(path, &Credentials::None).await.good();
    let openid = get(paths::OPENID_CONFIGURATION).await;
    let oauth = get(paths::AUTHORIZATION_SERVER_METADATA).await;
    for (name, value) in oauth.as_object().expect("an object") {
        assert_eq!(openid.get(name), Some(value), "{name} differs");
    }
}

fn members_are_known_and_typed(metadata: &Value) {
    for (name, value) in metadata.as_object().expect("the metadata are an object") {
        let name = name.as_str();
        if ENDPOINTS.contains(&name) || TEXTS.contains(&name) {
            assert!(value.is_string(), "{name}: {value}");
        } else if FLAGS.contains(&name) {
            assert!(value.is_boolean(), "{name}: {value}");
        } else {
            assert!(LISTS.contains(&name), "{name} is no registered member");
            assert!(!list(metadata, name).is_empty(), "{name} is empty");
        }
    }
}

fn endpoints_are_ours(metadata: &Value) {
    for name in ENDPOINTS {
        let url = Url::parse(text(metadata, name)).expect("an endpoint is a URL");
        assert_eq!(url.origin().ascii_serialization(), ISSUER, "{name}");
        assert!(url.query().is_none() && url.fragment().is_none(), "{name}: {url}");
    }
}

fn the_lists_hold_what_they_must(metadata: &Value) {
    let all_of = |name: &str, wanted: &[&str]| {
        let listed = list(metadata, name);
        for value in wanted {
            assert!(listed.contains(value), "{name} is without {value}: {listed:?}");
        }
    };
    all_of("response_types_supported", &["code"]);
    all_of("response_modes_supported", &["query", "form_post"]);
    all_of("subject_types_supported", &["public"]);
    all_of("id_token_signing_alg_values_supported", &["RS256"]);
    all_of("grant_types_supported", &["authorization_code", "refresh_token"]);
    let scopes = ["openid", "profile", "email", "address", "phone", "offline_access"];
    all_of("scopes_supported", &scopes);
    let methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    all_of("token_endpoint_auth_methods_supported", &methods);
    all_of("claims_supported", &["sub", "name", "email", "email_verified", "auth_time", "acr"]);
    assert!(!list(metadata, "acr_values_supported").is_empty());
    assert_eq!(list(metadata, "code_challenge_methods_supported"), ["S256"]);
    assert_eq!(metadata["claims_parameter_supported"], true);
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    for name in LISTS.iter().filter(|name| name.contains("signing_alg")) {
        assert!(!list(metadata, name).contains(&"none"), "{name} has none");
    }
    if metadata.get("request_object_signing_alg_values_supported").is_some() {
        all_of("request_object_signing_alg_values_supported", &["RS256"]);
    }
    for scope in list(metadata, "scopes_supported") {
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(!scope.is_empty() && scope.bytes().all(fits), "scope {scope:?}");
    }
}

fn locales_are_language_tags(metadata: &Value) {
    for name in ["ui_locales_supported", "claims_locales_supported"] {
        for tag in list(metadata, name) {
            let mut parts = tag.split('-');
            let language = parts.next().unwrap_or_default();
            let lower = language.bytes().all(|byte| byte.is_ascii_lowercase());
            assert!(lower && (2..=3).contains(&language.len()), "{name}: {tag}");
            let region = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase());
            assert!(parts.all(region), "{name}: {tag}");
        }
    }
}
