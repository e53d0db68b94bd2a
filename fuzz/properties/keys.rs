// What is signed or sealed: tokens, keys, the metadata and assertions of clients.

use std::sync::LazyLock;

use latchkey::clock::Timestamp;
use latchkey::keys::{LastingSecrets, TokenSealer};
use latchkey::protocol::client::ClientMetadata;
use latchkey::protocol::client_assertion::{self, Recipient};
use latchkey::protocol::jwt::{self, Expect, PublicKey, SigningAlg};
use latchkey::protocol::redirect_uri;
use latchkey::secret::Random;
use serde_json::Value;

use super::text;

/// Nothing but the holder of a key signs for it: a token without keys never verifies.
pub fn signed(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let expect = Expect { typ: None, algs: &SigningAlg::ALL };
    assert!(jwt::verify(text, &[], &expect).is_err());
    let _ = jwt::key_id(text);
    if let Some(claims) = jwt::peek(text) {
        for name in ["exp", "iat", "nbf", "auth_time"] {
            let _ = jwt::numeric_date(&claims, name);
        }
        for name in ["iss", "sub", "aud", "jti"] {
            let _ = jwt::string(&claims, name);
        }
    }
}

/// A set of keys by somebody else: no key of it makes nonsense verify.
pub fn key_set(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let keys = PublicKey::from_jwks(&value);
    let expect = Expect { typ: None, algs: &SigningAlg::ALL };
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.";
    assert!(jwt::verify(unsigned, &keys, &expect).is_err());
    let empty = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.AAAA";
    assert!(jwt::verify(empty, &keys, &expect).is_err());
}

/// Metadata that are taken obey the rules, and are taken again as they were kept.
pub fn client_metadata(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let Ok(client) = ClientMetadata::check(value) else { return };
    for uri in &client.redirect_uris {
        redirect_uri::check(uri).expect("each redirect URI may be registered");
    }
    let kept = serde_json::to_value(&client).expect("they are kept as JSON");
    let again = ClientMetadata::check(kept.clone()).expect("what was kept is taken again");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), kept);
}

/// An assertion proves nothing without its client's keys.
pub fn assertion(data: &[u8]) {
    static CLIENT: LazyLock<ClientMetadata> = LazyLock::new(|| {
        let metadata = serde_json::json!({
            "client_id": "pkj",
            "client_name": "pkj",
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://app.example/jwks",
        });
        ClientMetadata::check(metadata).expect("metadata that fit")
    });
    let Some(text) = text(data) else { return };
    let _ = client_assertion::peek_client_id(text);
    let recipient = Recipient {
        issuer: "https://id.example",
        token_endpoint: "https://id.example/oauth/token",
        legacy_flows: true,
    };
    let none = serde_json::json!({ "keys": [] });
    let now = Timestamp::from_seconds(1_800_000_000);
    assert!(client_assertion::check(text, &CLIENT, &none, &recipient, now).is_err());
}

/// No bytes but our own open.
pub fn access_token(data: &[u8]) {
    static SEALER: LazyLock<TokenSealer> = LazyLock::new(|| {
        let lasting = LastingSecrets::in_memory(&Random::System).expect("secrets");
        lasting.token_sealer(&Random::System).expect("a sealer")
    });
    let Some(text) = text(data) else { return };
    assert!(SEALER.open_token(text).is_none());
    assert!(SEALER.open_token(&format!("lk_at_{text}")).is_none());
}
