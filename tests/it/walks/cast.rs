//! Every client of the cast can do what it is there for.

use latchkey::paths;
use latchkey::secret::sha256;
use serde_json::json;

use crate::support::clients::{self, AssertionKey, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::relying_party::RelyingParty;
use crate::support::{Latchkey, browser::Arrival};

/// Signs Bob in for `client` and gives code and verifier.
async fn code_for(latchkey: &Latchkey, client: &TestClient) -> (String, String) {
    let bob = latchkey.bob().await;
    let relying_party = RelyingParty::discover(latchkey, client).await;
    let attempt = relying_party.begin(&["profile"]);
    let mut browser = latchkey.browser();
    let login = browser.arrive(&attempt.url).await.page();
    let login = login.fill("Username", &bob.username).fill("Password", &bob.password);
    let arrival = browser.submit(&login, "Sign in").await;
    let came = match arrival {
        Arrival::Page(consent) => browser.submit(&consent, "Allow").await.departure(),
        Arrival::Client(came) => came,
    };
    (relying_party.code(&attempt, &came), attempt.verifier)
}

#[tokio::test]
async fn a_program_gets_a_token_of_its_own_and_a_resource_server_reads_it() {
    let latchkey = Latchkey::start().await;
    let m2m = latchkey.client(clients::m2m()).await;
    let rs = latchkey.client(clients::rs()).await;
    let form = [("grant_type", "client_credentials"), ("scope", "reports")];
    let answer = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await;
    let tokens = answer.good();
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    let token = tokens["access_token"].as_str().expect("an access token");
    let form = [("token", token)];
    let answer = latchkey.endpoints.post(paths::INTROSPECT, &rs.credentials(), &form).await;
    let told = answer.good();
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!("m2m")), "{told}");
}

#[tokio::test]
async fn public_clients_prove_themselves_by_pkce() {
    for metadata in [clients::spa(), clients::native()] {
        let latchkey = Latchkey::start().await;
        let client = latchkey.client(metadata).await;
        assert!(client.is_public());
        let (code, verifier) = code_for(&latchkey, &client).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", verifier.as_str()),
        ];
        let answer = latchkey.endpoints.post(paths::TOKEN, &client.credentials(), &form).await;
        answer.good();
    }
}

#[tokio::test]
async fn a_client_with_a_key_signs_an_assertion() {
    let latchkey = Latchkey::start().await;
    let key = AssertionKey::generate("payroll-1");
    let client = latchkey.client(clients::pkj(&key)).await;
    let (code, verifier) = code_for(&latchkey, &client).await;
    let now = latchkey.clock.now().seconds();
    let assertion = key.sign(&json!({
        "iss": client.id, "sub": client.id, "aud": latchkey.issuer,
        "jti": sha256(&code), "iat": now, "exp": now + 60,
    }));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    let credentials = Credentials::Assertion(assertion);
    latchkey.endpoints.post(paths::TOKEN, &credentials, &form).await.good();
    latchkey.endpoints.post(paths::TOKEN, &credentials, &form).await.refuses(401, "invalid_client");
}
