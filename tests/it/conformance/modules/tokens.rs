//! Modules about the token endpoint and the ID token's signature.

use serde_json::Value;

use crate::conformance::checks::{self, list};
use crate::conformance::flow::Issued;
use crate::conformance::suite::{Plan, Suite, metadata_of, text};
use crate::support::clients::TestClient;
use crate::support::endpoint::Credentials;

/// The happy flow.
pub async fn oidcc_server(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (outcome, issued) = suite.succeed(&suite.request()).await;
    assert_eq!(outcome.sign_ins, 1);
    suite.userinfo(&issued).await;
}

/// The happy flow of a client that sends its secret in the body.
pub async fn oidcc_server_client_secret_post(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let mut metadata = metadata_of("suite-post");
    metadata["token_endpoint_auth_method"] = "client_secret_post".into();
    let client = suite.latchkey.client(metadata).await;
    let (_, issued) = suite.succeed(&suite.request_by(&client)).await;
    suite.userinfo(&issued).await;
}

/// A client that registers no algorithm gets RS256, and the header names the key.
pub async fn oidcc_idtoken_signature(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (_, issued) = suite.succeed(&suite.request()).await;
    assert_eq!(issued.header["alg"], "RS256");
    assert!(issued.header["kid"].is_string());
}

/// Nothing is ever unsigned.
pub async fn oidcc_idtoken_unsigned(plan: Plan) {
    let suite = Suite::set_up(plan).await;
    let algorithms = list(&suite.metadata, "id_token_signing_alg_values_supported");
    assert!(!algorithms.contains(&"none"), "{algorithms:?}");
}

/// A code is good once.
pub async fn oidcc_codereuse(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let request = suite.request();
    let (_, issued) = suite.succeed(&request).await;
    suite.exchange(&request, &issued.code).await.refuses(400, "invalid_grant");
}

/// Also half a minute later; and what it once brought is dead.
pub async fn oidcc_codereuse_30seconds(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let request = suite.request();
    let (_, issued) = suite.succeed(&request).await;
    suite.userinfo(&issued).await;
    suite.latchkey.pass_seconds(30);
    suite.exchange(&request, &issued.code).await.refuses(400, "invalid_grant");
    let bearer = Credentials::Bearer(issued.access_token().to_owned());
    let endpoint = text(&suite.metadata, "userinfo_endpoint");
    let answer = suite.latchkey.endpoints.get(endpoint, &bearer).await;
    assert!(answer.status.is_client_error(), "the access token of a reused code works: {answer}");
}

/// Refresh tokens: a new ID token about the same login; nothing for another client.
pub async fn oidcc_refresh_token(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    assert!(list(&suite.metadata, "grant_types_supported").contains(&"refresh_token"));
    let (first, second) = (suite.client.clone(), suite.second_client.clone());
    let scope = offline_scope(&suite);
    let issued = with_refresh_token(&mut suite, &first, &scope).await;
    let refreshed = refresh(&suite, &first, &issued, Some(&scope)).await;
    again(&suite, &first, &refreshed).await;
    let issued = with_refresh_token(&mut suite, &second, &scope).await;
    refresh(&suite, &second, &issued, None).await;
    let issued = with_refresh_token(&mut suite, &second, &scope).await;
    let stolen = text(&issued.tokens, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", stolen)];
    suite.token_request(&first, &form).await.refuses(400, "invalid_grant");
}

fn offline_scope(suite: &Suite) -> String {
    assert!(list(&suite.metadata, "scopes_supported").contains(&"offline_access"));
    "openid offline_access".to_owned()
}

async fn with_refresh_token(suite: &mut Suite, client: &TestClient, scope: &str) -> Issued {
    let request = suite.request_by(client).with("scope", scope).with("prompt", "consent");
    let (outcome, issued) = suite.succeed(&request).await;
    assert_eq!(outcome.consents, 1, "prompt=consent shows the consent page");
    assert!(issued.tokens["refresh_token"].is_string(), "no refresh token: {}", issued.tokens);
    issued
}

/// A refresh a second later; gives the new token response.
async fn refresh(
    suite: &Suite,
    client: &TestClient,
    issued: &Issued,
    scope: Option<&str>,
) -> Value {
    suite.latchkey.pass_seconds(1);
    let token = text(&issued.tokens, "refresh_token");
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    form.extend(scope.map(|scope| ("scope", scope)));
    let tokens = checks::token_response(&suite.token_request(client, &form).await);
    assert_ne!(tokens["access_token"], issued.tokens["access_token"]);
    if tokens.get("id_token").is_some() {
        let (_, claims) = checks::signed_by(text(&tokens, "id_token"), &suite.keys);
        for same in ["iss", "sub", "aud", "azp", "auth_time"] {
            assert_eq!(claims.get(same), issued.id.get(same), "{same} after the refresh");
        }
        assert_ne!(claims["iat"], issued.id["iat"], "the new ID token is a new one");
    }
    tokens
}

/// The access token of a refresh works, and so does its refresh token, if there is a new one.
async fn again(suite: &Suite, client: &TestClient, tokens: &Value) {
    let bearer = Credentials::Bearer(text(tokens, "access_token").to_owned());
    let endpoint = text(&suite.metadata, "userinfo_endpoint");
    suite.latchkey.endpoints.get(endpoint, &bearer).await.good();
    if let Some(token) = tokens["refresh_token"].as_str() {
        suite.latchkey.pass_seconds(1);
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        checks::token_response(&suite.token_request(client, &form).await);
    }
}
