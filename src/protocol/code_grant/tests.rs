//! Where the machines of oxide-auth differ from the RFCs, and what they decide for us.

use std::time::Duration;

use serde_json::json;

use super::authorization::Asked;
use super::authorization_code::{CodeRequest, StoredCode};
use super::*;
use crate::protocol::client::ClientMetadata;
use crate::protocol::error::ErrorCode;
use crate::protocol::pkce::CodeChallenge;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const CALLBACK: &str = "https://app.example/cb?a=1";
/// RFC 7636 §B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client(id: &str) -> ClientMetadata {
    ClientMetadata::check(json!({
        "client_id": id, "client_name": "Photo Printer", "redirect_uris": [CALLBACK, "http://127.0.0.1/cb"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "write openid read email",
    }))
    .unwrap()
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn granted(text: &str) -> StoredGrant {
    StoredGrant {
        client_id: "web".to_owned(),
        owner_id: "alice".to_owned(),
        scope: scope(text),
        expires_at: NOW + Duration::from_mins(1),
    }
}

fn code() -> StoredCode {
    let code_challenge = Some(CodeChallenge::parse(Some("S256"), CHALLENGE).unwrap());
    StoredCode {
        grant: granted("write openid read"),
        redirect_uri: CALLBACK.to_owned(),
        code_challenge,
    }
}

fn redeem(
    by: &str,
    redirect_uri: Option<&str>,
    verifier: Option<&str>,
    stored: Option<&StoredCode>,
    now: Timestamp,
) -> Result<String, ErrorCode> {
    let presented = CodeRequest { code: "lk_ac_1", redirect_uri, verifier };
    let answer = authorization_code::exchange(&client(by), &presented, stored, now);
    answer.map(|scope| scope.to_string()).map_err(|error| error.code)
}

#[test]
fn a_code_is_good_for_its_client_its_redirect_uri_its_verifier_and_its_time() {
    let code = code();
    let (callback, verifier) = (Some(CALLBACK), Some(VERIFIER));
    // The scope comes back in the order in which it was granted.
    let good = redeem("web", callback, verifier, Some(&code), NOW);
    assert_eq!(good, Ok("write openid read".to_owned()));
    let refused = Err(ErrorCode::InvalidGrant);
    assert_eq!(redeem("web", callback, verifier, None, NOW), refused, "unknown code");
    assert_eq!(redeem("other", callback, verifier, Some(&code), NOW), refused);
    for wrong in [
        None,
        Some(""),
        Some("https://app.example/cb"),
        Some("HTTPS://app.example/cb?a=1"),
        Some("https://app.example:443/cb?a=1"),
        Some("https://app.example/x/../cb?a=1"),
        Some("//"),
    ] {
        assert_eq!(redeem("web", wrong, verifier, Some(&code), NOW), refused, "{wrong:?}");
    }
    let short = &VERIFIER[..42];
    for wrong in [None, Some(""), Some(CHALLENGE), Some(short), Some("ä")] {
        assert_eq!(redeem("web", callback, wrong, Some(&code), NOW), refused, "{wrong:?}");
    }
    let end = code.grant.expires_at;
    assert!(redeem("web", callback, verifier, Some(&code), end - Duration::from_millis(1)).is_ok());
    assert_eq!(redeem("web", callback, verifier, Some(&code), end), refused);
}

#[test]
fn a_verifier_for_a_code_without_a_challenge_is_a_downgrade() {
    let code = StoredCode { code_challenge: None, ..code() };
    assert!(redeem("web", Some(CALLBACK), None, Some(&code), NOW).is_ok());
    let refused = redeem("web", Some(CALLBACK), Some(VERIFIER), Some(&code), NOW);
    assert_eq!(refused, Err(ErrorCode::InvalidGrant));
}

#[test]
fn the_wall_clock_decides_nothing() {
    // Both long before and long after the day of this test, only the given time counts.
    for now in [Timestamp::from_seconds(1_000), Timestamp::from_seconds(100_000_000_000)] {
        let mut code = code();
        code.grant.expires_at = now + Duration::from_secs(1);
        let both = (Some(CALLBACK), Some(VERIFIER));
        assert!(redeem("web", both.0, both.1, Some(&code), now).is_ok());
        assert!(refresh_token::refresh(&client("web"), "r", None, Some(&code.grant), now).is_ok());
        assert!(resource::check(&scope("read"), Some(&code.grant), now).is_ok());
    }
}

#[test]
fn a_loopback_redirect_is_redeemed_as_it_was_sent() {
    let code = StoredCode { redirect_uri: "http://127.0.0.1:51004/cb".to_owned(), ..code() };
    let at = |uri| redeem("web", Some(uri), Some(VERIFIER), Some(&code), NOW);
    assert!(at("http://127.0.0.1:51004/cb").is_ok());
    assert_eq!(at("http://127.0.0.1:51005/cb"), Err(ErrorCode::InvalidGrant));
    assert_eq!(at("http://127.0.0.1/cb"), Err(ErrorCode::InvalidGrant));
}

#[test]
fn an_approval_is_bound_to_a_registered_redirect_and_narrowed_to_what_all_allow() {
    let approve = |redirect_uri: &str, asked: &str, allowed: &str| {
        let asked = scope(asked);
        let asked = Asked { redirect_uri, scope: &asked, code_challenge: Some(CHALLENGE) };
        let approved = authorization::check(&client("web"), &asked, &scope(allowed));
        approved.map(|it| (it.redirect_uri, it.scope.to_string())).map_err(|error| error.code)
    };
    let all = "openid read write email";
    assert_eq!(approve(CALLBACK, all, all), Ok((CALLBACK.to_owned(), all.to_owned())));
    let some = approve(CALLBACK, "read openid admin", "openid read admin");
    assert_eq!(some, Ok((CALLBACK.to_owned(), "read openid".to_owned())));
    assert_eq!(approve(CALLBACK, "read", "write"), Err(ErrorCode::InvalidScope));
    let loopback = "http://127.0.0.1:51004/cb";
    assert_eq!(approve(loopback, "read", "read"), Ok((loopback.to_owned(), "read".to_owned())));
    for wrong in
        ["http://localhost:51004/cb", "https://app.example/cb", "https://evil.example/cb", "x"]
    {
        assert_eq!(approve(wrong, "read", "read"), Err(ErrorCode::InvalidRequest), "{wrong}");
    }
}

#[test]
fn a_refresh_narrows_and_never_widens() {
    let stored = granted("write openid read");
    let refresh = |by: &str, asked: Option<&str>, stored: Option<&StoredGrant>, now| {
        let answer = refresh_token::refresh(&client(by), "lk_rt_1", asked, stored, now);
        answer.map(|scope| scope.to_string()).map_err(|error| error.code)
    };
    let good = |asked| refresh("web", asked, Some(&stored), NOW);
    assert_eq!(good(None), Ok("write openid read".to_owned()));
    assert_eq!(good(Some("read")), Ok("read".to_owned()));
    assert_eq!(good(Some("read write")), Ok("write read".to_owned()));
    for wider in ["read admin", "email", "re\"ad", " "] {
        assert_eq!(good(Some(wider)), Err(ErrorCode::InvalidScope), "{wider}");
    }
    let refused = Err(ErrorCode::InvalidGrant);
    assert_eq!(refresh("other", None, Some(&stored), NOW), refused);
    assert_eq!(refresh("web", None, None, NOW), refused);
    assert_eq!(refresh("web", None, Some(&stored), stored.expires_at), refused);
    // Another client learns nothing about the scope either.
    assert_eq!(refresh("other", Some("admin"), Some(&stored), NOW), refused);
}

#[test]
fn a_client_of_its_own_gets_what_it_is_registered_for_and_nothing_about_people() {
    let allow = |asked: Option<&str>| {
        let answer = client_credentials::allow(&client("m2m"), asked);
        answer.map(|scope| scope.to_string()).map_err(|error| error.code)
    };
    assert_eq!(allow(None), Ok("write read".to_owned()));
    assert_eq!(allow(Some("read openid write")), Ok("read write".to_owned()));
    assert_eq!(allow(Some("openid")), Ok(String::new()));
    assert_eq!(allow(Some("read admin")), Err(ErrorCode::InvalidScope));
    let public = ClientMetadata::check(json!({
        "client_id": "spa", "client_name": "Browser", "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none", "scope": "read",
    }));
    let refusal = client_credentials::allow(&public.unwrap(), None).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::UnauthorizedClient);
}

#[test]
fn a_resource_wants_a_live_token_with_all_its_scope() {
    let stored = granted("openid read");
    let check = |required: &str, stored: Option<&StoredGrant>, now| {
        resource::check(&scope(required), stored, now).map_err(|error| error.code)
    };
    assert_eq!(check("openid", Some(&stored), NOW), Ok(()));
    assert_eq!(check("read openid", Some(&stored), NOW), Ok(()));
    let refused = check("openid write", Some(&stored), NOW);
    assert_eq!(refused, Err(ErrorCode::InsufficientScope));
    assert_eq!(check("openid", None, NOW), Err(ErrorCode::InvalidToken));
    assert_eq!(check("openid", Some(&stored), stored.expires_at), Err(ErrorCode::InvalidToken));
    assert_eq!(resource::check(&Scope::default(), Some(&stored), NOW).map_err(|e| e.code), Ok(()));
}
