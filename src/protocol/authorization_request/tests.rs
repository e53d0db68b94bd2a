//! The rules for authorization requests, one row each.

use serde_json::json;

use super::*;
use crate::protocol::error::ErrorCode;

const GOOD: &str = "client_id=web&redirect_uri=https://app.example/cb&response_type=code\
    &scope=openid email&state=s&nonce=n";
const PROOF: &str =
    "&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client(auth_method: &str) -> ClientMetadata {
    ClientMetadata::check(json!({
        "client_id": "web", "token_endpoint_auth_method": auth_method,
        "redirect_uris": ["https://app.example/cb", "http://127.0.0.1/cb"],
        "scope": "openid profile email offline_access api:read",
        "default_max_age": 3600, "default_acr_values": ["urn:x"],
    }))
    .unwrap()
}

fn ask_as(query: &str, client: &ClientMetadata) -> Result<AuthorizationRequest, Rejection> {
    check(&Parameters::parse(query.as_bytes()).unwrap(), client)
}

/// The good request with `more`; a parameter that `more` names replaces the good one.
fn ask(more: &str) -> Result<AuthorizationRequest, Rejection> {
    let name = |pair: &str| pair.split('=').next().unwrap().to_owned();
    let replaced: Vec<_> = more.split('&').map(name).collect();
    let kept = GOOD.split('&').filter(|pair| !replaced.contains(&name(pair)));
    let query = kept.chain(more.split('&')).collect::<Vec<_>>().join("&");
    ask_as(&query, &client("client_secret_basic"))
}

fn told(more: &str) -> (ErrorCode, ResponseTarget) {
    match ask(more) {
        Err(Rejection::TellClient { to, error }) => (error.code, to),
        other => panic!("{more}: {other:?}"),
    }
}

#[test]
fn a_good_request_is_read_and_survives_the_store() {
    let claims = "claims={\"userinfo\":{\"name\":null,\"phone_number\":null}}";
    let request = ask(&format!(
        "{claims}&prompt=login consent&max_age=0&display=popup&ui_locales=se en&extra=x\
         &acr_values=a b&login_hint=al&resource=https://a.example/&resource=urn:b{PROOF}"
    ))
    .unwrap();
    assert_eq!(request.scope.to_string(), "openid email");
    assert_eq!(request.consent_scope().to_string(), "openid email profile");
    assert!(request.prompt.login() && request.prompt.consent());
    assert_eq!((request.max_age, request.display), (Some(0), Some(Display::Popup)));
    assert_eq!((request.acr_values.len(), request.resource.len()), (2, 2));
    let stored = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizationRequest>(&stored).unwrap(), request);
    let plain = ask("id_token_hint=h&display=hologram&claims_locales=se&nonce=").unwrap();
    assert_eq!((plain.max_age, plain.nonce.as_deref(), plain.display), (Some(3600), None, None));
    assert_eq!(plain.acr_values, ["urn:x"]);
    assert_eq!(plain.id_token_hint.as_deref(), Some("h"));
    assert!(!serde_json::to_string(&plain).unwrap().contains("hint"));
}

#[test]
fn without_a_certain_redirect_uri_only_the_person_is_told() {
    use PersonError::*;
    for (more, expected) in [
        ("client_id=", MissingClient),
        ("client_id=other", UnknownClient),
        ("client_id=web&client_id=web", RepeatedParameter),
        ("redirect_uri=", MissingRedirectUri),
        ("redirect_uri=https://evil.example/cb", UnregisteredRedirectUri),
        ("redirect_uri=https://app.example/cb?x=1", UnregisteredRedirectUri),
        ("redirect_uri=https://app.example/cb%23", UnregisteredRedirectUri),
        (
            "redirect_uri=https://app.example/cb&redirect_uri=https://app.example/cb",
            RepeatedParameter,
        ),
        ("state=a&state=b", RepeatedParameter),
        ("response_mode=query&response_mode=fragment", RepeatedParameter),
        (
            "response_mode=fragment&request=x&redirect_uri=https://evil.example/",
            UnregisteredRedirectUri,
        ),
    ] {
        match ask(more) {
            Err(Rejection::ShowPerson(error)) => assert_eq!(error, expected, "{more}"),
            other => panic!("{more}: {other:?}"),
        }
    }
    let loopback = ask("redirect_uri=http://127.0.0.1:51004/cb").unwrap();
    assert_eq!(loopback.redirect_uri, "http://127.0.0.1:51004/cb");
}

#[test]
fn every_other_broken_rule_is_told_to_the_client_with_its_state() {
    use ErrorCode::*;
    let deep = format!("claims={}", "[".repeat(9));
    let long = format!("nonce={}", "n".repeat(5000));
    let scopes = format!("scope={}", "a%20".repeat(101));
    for (more, code) in [
        ("response_type=", InvalidRequest),
        ("response_type=token", UnsupportedResponseType),
        ("response_type=id_token token", UnsupportedResponseType),
        ("response_type=code token", UnsupportedResponseType),
        ("response_type=code&response_type=code", InvalidRequest),
        ("response_mode=web_message", InvalidRequest),
        ("request=x", RequestNotSupported),
        ("request_uri=https://app.example/r", RequestUriNotSupported),
        ("registration={}", RegistrationNotSupported),
        ("scope=", InvalidScope),
        ("scope=phone admin", InvalidScope),
        ("scope=offline_access", InvalidScope),
        ("scope=openid%09email", InvalidScope),
        (&scopes, InvalidScope),
        ("scope=openid&scope=email", InvalidRequest),
        ("code_challenge_method=S256", InvalidRequest),
        ("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", InvalidRequest),
        (
            "code_challenge_method=plain&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            InvalidRequest,
        ),
        ("prompt=none login", InvalidRequest),
        ("prompt=create", InvalidRequest),
        ("max_age=-1", InvalidRequest),
        ("max_age=+1", InvalidRequest),
        ("max_age=1.5", InvalidRequest),
        ("max_age=99999999999999999999", InvalidRequest),
        (&deep, InvalidRequest),
        (&long, InvalidRequest),
        ("resource=/api", InvalidTarget),
        ("resource=https://a.example/%23x", InvalidTarget),
        ("unknown=1&unknown=2", InvalidRequest),
    ] {
        let (told, to) = told(more);
        assert_eq!(told, code, "{more}");
        assert_eq!((to.state.as_deref(), to.response_mode), (Some("s"), ResponseMode::Query));
    }
    assert_eq!(told("response_mode=form_post&prompt=x").1.response_mode, ResponseMode::FormPost);
}

#[test]
fn a_scope_is_narrowed_to_what_the_client_may_have() {
    let narrowed = ask("scope=api:read phone admin openid offline_access openid").unwrap();
    assert_eq!(narrowed.scope.to_string(), "api:read openid");
    let claims = ask("claims={\"userinfo\":{\"phone_number\":null,\"address\":null}}").unwrap();
    assert!(claims.claims.userinfo.is_empty());
}

#[test]
fn who_cannot_authenticate_must_prove_the_code_is_theirs() {
    let mut required = client("client_secret_basic");
    required.require_pkce = true;
    for client in [client("none"), required] {
        for bare in [GOOD.to_owned(), format!("{GOOD}&code_challenge=")] {
            let Err(Rejection::TellClient { error, .. }) = ask_as(&bare, &client) else {
                panic!("accepted");
            };
            assert_eq!(error.code, ErrorCode::InvalidRequest);
        }
        assert!(ask_as(&format!("{GOOD}{PROOF}"), &client).unwrap().code_challenge.is_some());
    }
}

#[test]
fn a_client_without_the_grant_is_refused_and_an_app_gets_no_form() {
    let machine = ClientMetadata::check(json!({
        "client_id": "web", "grant_types": ["client_credentials"], "scope": "openid",
        "redirect_uris": ["https://app.example/cb"],
    }))
    .unwrap();
    let app = ClientMetadata::check(json!({
        "client_id": "web", "redirect_uris": ["com.example.app:/cb"],
    }))
    .unwrap();
    let form = GOOD.replace("https://app.example", "com.example.app:") + "&response_mode=form_post";
    for (query, client, code) in [
        (GOOD, machine, ErrorCode::UnauthorizedClient),
        (form.as_str(), app, ErrorCode::InvalidRequest),
    ] {
        match ask_as(query, &client) {
            Err(Rejection::TellClient { error, .. }) => assert_eq!(error.code, code),
            other => panic!("{other:?}"),
        }
    }
}
