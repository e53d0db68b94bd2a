//! The rules for client metadata, one row each.

use serde_json::{Value, json};

use super::*;
use crate::protocol::error::ErrorCode;

fn metadata(more: &Value) -> Value {
    let mut all = json!({"client_id": "web", "redirect_uris": ["https://app.example/cb"]});
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn check(more: &Value) -> Result<ClientMetadata, OAuthError> {
    ClientMetadata::check(metadata(more))
}

#[test]
fn what_is_left_out_has_the_defaults_of_the_rfcs_and_what_nobody_knows_is_ignored() {
    let client = check(&json!({"x": {"y": []}, "software_statement": "e".repeat(5000)})).unwrap();
    assert_eq!(client.client_name, "web");
    assert_eq!(client.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.response_types, [ResponseType::Code]);
    assert_eq!(client.id_token_signed_response_alg, SigningAlg::RS256);
    assert_eq!(client.subject_type, SubjectType::Public);
    assert!(client.scope.contains("offline_access") && !client.first_party);
    let stored = serde_json::to_value(&client).unwrap();
    assert!(stored.get("jwks").is_none() && stored.get("logo_uri").is_none());
    assert_eq!(ClientMetadata::check(stored.clone()).unwrap(), client);
    assert_eq!(serde_json::from_value::<ClientMetadata>(stored).unwrap(), client);
}

#[test]
fn what_may_be_registered() {
    let key = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]});
    for good in [
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key}),
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://a.example/k"}),
        json!({"token_endpoint_auth_method": "none", "redirect_uris": ["com.example.app:/cb"]}),
        json!({"application_type": "native", "redirect_uris": ["http://127.0.0.1/cb", "http://localhost/cb"]}),
        json!({"redirect_uris": ["http://localhost:8081/callback"], "logo_uri": null}),
        json!({"redirect_uris": null, "grant_types": ["client_credentials"]}),
        json!({"redirect_uris": [], "grant_types": [], "introspection": "any", "resources": ["https://api.example/"]}),
        json!({"id_token_signed_response_alg": "EdDSA", "userinfo_signed_response_alg": "PS256"}),
        json!({"subject_type": "pairwise", "redirect_uris": ["https://a.example/1", "https://a.example:8443/2"]}),
        json!({"grant_types": ["authorization_code", "refresh_token", "authorization_code"]}),
        json!({"backchannel_logout_uri": "https://a.example:8443/out?of=here", "backchannel_logout_session_required": true}),
        json!({"backchannel_logout_uri": "http://127.0.0.1:9000/out"}),
    ] {
        assert!(check(&good).is_ok(), "{good} {:?}", check(&good));
    }
}

fn assert_names(bad: &Value, member: &str) {
    let error = check(bad).unwrap_err();
    assert!(error.description.contains(&format!("'{member}'")), "{bad} {error}");
    let redirect = member.ends_with("redirect_uris") || member == "application_type";
    let type_fault = error.description.ends_with("a list of strings");
    let code = if redirect && !type_fault {
        ErrorCode::InvalidRedirectUri
    } else {
        ErrorCode::InvalidClientMetadata
    };
    assert_eq!(error.code, code, "{bad}");
}

#[test]
fn every_broken_rule_about_names_redirects_and_keys_is_named() {
    let private = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"}]});
    let public = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "x"}]});
    let many: Vec<_> = (0..101).map(|n| format!("https://app.example/{n}")).collect();
    let native = json!(["com.example.app:/cb"]);
    for (bad, member) in [
        (json!({"client_id": null}), "client_id"),
        (json!({"client_id": "a:b"}), "client_id"),
        (json!({"client_name": "a\u{202e}b"}), "client_name"),
        (json!({"client_name": "x".repeat(2049)}), "client_name"),
        (json!({"redirect_uris": []}), "redirect_uris"),
        (json!({"redirect_uris": "https://app.example/cb"}), "redirect_uris"),
        (json!({"redirect_uris": ["https://app.example/cb#x"]}), "redirect_uris"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "redirect_uris"),
        (json!({"redirect_uris": many}), "redirect_uris"),
        (json!({"redirect_uris": native, "application_type": "web"}), "application_type"),
        (json!({"post_logout_redirect_uris": ["http://a.example/"]}), "post_logout_redirect_uris"),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), "token_endpoint_auth_method"),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks"),
        (json!({"jwks": public, "jwks_uri": "https://a.example/k"}), "jwks_uri"),
        (json!({"jwks": private}), "jwks"),
        (json!({"jwks": {"keys": [{"kty": "oct"}]}}), "jwks"),
        (json!({"jwks": {"keys": []}}), "jwks"),
        (json!({"jwks_uri": "http://a.example/k"}), "jwks_uri"),
    ] {
        assert_names(&bad, member);
    }
    assert!(ClientMetadata::check(json!([])).is_err());
}

#[test]
fn every_broken_rule_about_grants_tokens_and_links_is_named() {
    let native = json!(["com.example.app:/cb"]);
    for (bad, member) in [
        (json!({"grant_types": ["password"]}), "grant_types"),
        (json!({"grant_types": ["refresh_token"], "response_types": []}), "grant_types"),
        (
            json!({"grant_types": ["authorization_code", "client_credentials"], "token_endpoint_auth_method": "none"}),
            "grant_types",
        ),
        (json!({"response_types": ["token"]}), "response_types"),
        (json!({"response_types": []}), "response_types"),
        (json!({"id_token_signed_response_alg": "none"}), "id_token_signed_response_alg"),
        (json!({"userinfo_signed_response_alg": "HS256"}), "userinfo_signed_response_alg"),
        (json!({"scope": "a\"b"}), "scope"),
        (json!({"scope": ["openid"]}), "scope"),
        (json!({"default_max_age": -1}), "default_max_age"),
        (json!({"default_max_age": 1.5}), "default_max_age"),
        (json!({"require_pkce": "true"}), "require_pkce"),
        (json!({"logo_uri": "javascript:alert(1)"}), "logo_uri"),
        (json!({"tos_uri": "https://u@a.example/"}), "tos_uri"),
        (json!({"backchannel_logout_uri": "http://a.example/out"}), "backchannel_logout_uri"),
        (json!({"backchannel_logout_uri": "https://a.example/out#x"}), "backchannel_logout_uri"),
        (json!({"backchannel_logout_uri": "https://a.example/out#"}), "backchannel_logout_uri"),
        (json!({"backchannel_logout_uri": "a.example/out"}), "backchannel_logout_uri"),
        (
            json!({"backchannel_logout_session_required": "yes"}),
            "backchannel_logout_session_required",
        ),
        (
            json!({"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]}),
            "sector_identifier_uri",
        ),
        (json!({"subject_type": "pairwise", "redirect_uris": native}), "sector_identifier_uri"),
        (json!({"sector_identifier_uri": "http://a.example/s"}), "sector_identifier_uri"),
        (json!({"resources": ["/api"]}), "resources"),
        (json!({"token_endpoint_auth_method": "none", "introspection": "any"}), "introspection"),
    ] {
        assert_names(&bad, member);
    }
}

#[test]
fn only_https_or_a_secret_proves_who_a_client_is() {
    for (uri, method, proves) in [
        ("https://app.example/cb", "none", true),
        ("http://127.0.0.1/cb", "none", false),
        ("http://localhost/cb", "none", false),
        ("com.example.app:/cb", "none", false),
        ("http://127.0.0.1/cb", "client_secret_basic", true),
    ] {
        let more = json!({"redirect_uris": [uri], "token_endpoint_auth_method": method});
        assert_eq!(check(&more).unwrap().redirects_prove_identity(), proves, "{uri}");
    }
}

#[test]
fn a_sector_is_a_host() {
    let two = json!(["https://a.example/", "https://b.example/"]);
    let sector = "https://c.example/s.json";
    let more =
        json!({"subject_type": "pairwise", "redirect_uris": two, "sector_identifier_uri": sector});
    assert_eq!(check(&more).unwrap().sector().as_deref(), Some("c.example"));
    let more = json!({"subject_type": "pairwise"});
    assert_eq!(check(&more).unwrap().sector().as_deref(), Some("app.example"));
    assert_eq!(check(&json!({})).unwrap().sector(), None);
}
