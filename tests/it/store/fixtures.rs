//! Records to begin a story with.

use latchkey::clock::Timestamp;
use latchkey::protocol::authorization_request::AuthorizationRequest;
use latchkey::protocol::client::RegisteredBy;
use latchkey::protocol::scope::Scope;
use latchkey::store::Store;
use latchkey::store::authorization_requests::Code;
use latchkey::store::authorizations::{self, Authorization};
use latchkey::store::clients::{self, ClientRecord};
use latchkey::store::consents;
use latchkey::store::sessions::{self, BrowserSession};
use latchkey::store::users::{self, User};
use serde_json::json;

pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

pub fn scope(text: &str) -> Scope {
    serde_json::from_value(json!(text)).unwrap()
}

pub fn user(name: &str) -> User {
    User {
        id: format!("u-{name}"),
        username: name.to_owned(),
        username_key: name.to_lowercase(),
        email: Some(format!("{name}@example.com")),
        email_key: Some(format!("{}@example.com", name.to_lowercase())),
        email_verified_at: Some(START),
        claims: serde_json::from_value(json!({ "given_name": name })).unwrap(),
        created_at: START,
        updated_at: START,
        locked_at: None,
        lock_reason: None,
        admin_at: None,
        member_of: String::new(),
        appearance: None,
        sign_in_mails_off_at: None,
        removal_at: None,
        securing_at: None,
    }
}

pub fn client(id: &str) -> ClientRecord {
    ClientRecord {
        id: id.to_owned(),
        metadata: serde_json::from_value(json!({
            "client_id": id,
            "client_name": "Photo Printer",
            "redirect_uris": ["https://printer.example/callback"],
            "resources": [format!("https://{id}.example/api")],
        }))
        .unwrap(),
        secret_hash: Some("secret".to_owned()),
        registered_by: RegisteredBy::Operator,
        created_at: START,
        updated_at: START,
        disabled_at: None,
    }
}

pub fn session(id: &str, user_id: &str) -> BrowserSession {
    BrowserSession {
        id: id.to_owned(),
        token_hash: format!("hash of {id}"),
        user_id: user_id.to_owned(),
        created_at: START,
        last_active_at: START,
        auth_time: START,
        amr: "pwd".to_owned(),
        acr: "urn:latchkey:acr:password".to_owned(),
        address: "192.0.2.1".to_owned(),
        user_agent: "Firefox".to_owned(),
        idle_ttl: 3_600_000,
        expires_at: at(86_400),
        remembered_at: None,
        ended_at: None,
        end_reason: None,
        device_id: None,
    }
}

pub fn authorization(id: &str) -> Authorization {
    Authorization {
        id: id.to_owned(),
        consent_id: "consent".to_owned(),
        user_id: "u-ada".to_owned(),
        client_id: "printer".to_owned(),
        session_id: "session".to_owned(),
        scope: scope("openid profile"),
        claims: serde_json::from_value(json!({})).unwrap(),
        resource: String::new(),
        nonce: Some("n".to_owned()),
        auth_time: START,
        acr: "urn:latchkey:acr:password".to_owned(),
        amr: "pwd".to_owned(),
        offline_at: None,
        created_at: START,
        redeemed_at: None,
        expires_at: at(86_400),
        idle_expires_at: at(3600),
        generation: 1,
        previous_generation: None,
        rotated_at: None,
        seen_generation: 1,
        revoked_at: None,
        revoke_reason: None,
    }
}

pub fn code(hash: &str, authorization_id: &str) -> Code {
    Code {
        code_hash: hash.to_owned(),
        authorization_id: authorization_id.to_owned(),
        client_id: "printer".to_owned(),
        redirect_uri: "https://printer.example/callback".to_owned(),
        code_challenge: None,
        created_at: START,
        expires_at: at(60),
        consumed_at: None,
    }
}

/// Ada, signed in, who allowed the printer; with the authorizations of these ids.
pub async fn ada_and_her_printer(store: &Store, authorization_ids: &[&str]) {
    let mut write = store.write().await.unwrap();
    users::insert(&mut write, &user("ada")).await.unwrap();
    clients::insert(&mut write, &client("printer")).await.unwrap();
    sessions::insert(&mut write, &session("session", "u-ada")).await.unwrap();
    let wanted = scope("openid profile");
    consents::allow(&mut write, "consent", "u-ada", "printer", &wanted, START).await.unwrap();
    for id in authorization_ids {
        authorizations::insert(&mut write, &authorization(id)).await.unwrap();
    }
    write.commit().await.unwrap();
}

pub fn request() -> AuthorizationRequest {
    serde_json::from_value(json!({
        "client_id": "printer",
        "redirect_uri": "https://printer.example/callback",
        "response_type": "code",
        "response_mode": "query",
        "scope": "openid profile",
        "state": "s",
        "claims": { "userinfo": { "email": { "essential": true } } },
    }))
    .unwrap()
}
