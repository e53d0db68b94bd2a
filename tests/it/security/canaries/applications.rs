//! What applications do: every way to show who they are, every endpoint.

use latchkey::paths;
use serde_json::{Value, json};

use super::stage::{CALLBACK, Stage, send};
use crate::support::clients::{self, AssertionKey, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::flow::{VERIFIER, address, exchange, text, walk};

/// What an application may present and nobody ever gave it.
const WRONG: &[&str] = &["CANARY-wrong-secret", "lk_at_CANARY-wrong-token-000000000000000000000"];

impl Stage {
    /// Registers an application by the command line; its secret is printed this once.
    pub fn client(&mut self, mut metadata: Value, grants: &[&str]) -> TestClient {
        let id = text(&metadata, "client_id").to_owned();
        let members = metadata.as_object_mut().expect("an object");
        for member in ["client_name", "client_id"] {
            members.remove(member);
        }
        let mut given = vec!["client", "add", "--name", "Photo Printer", "--id", &id];
        for grant in grants {
            given.extend(["--grant-type", grant]);
        }
        given.extend(["--metadata-stdin", "--json"]);
        let metadata = self.program.run_with(&given, &metadata.to_string()).json();
        let secret = metadata["client_secret"].as_str().map(str::to_owned);
        if let Some(secret) = &secret {
            self.secrets.token("a client's secret", secret);
        }
        let redirect_uri = metadata["redirect_uris"][0].as_str().unwrap_or_default().to_owned();
        TestClient { id, secret, redirect_uri, metadata }
    }

    pub fn remember_tokens(&mut self, tokens: &Value) {
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = tokens[name].as_str() {
                self.secrets.token(name, token);
            }
        }
    }

    /// A code for `client` from somebody new, with what the application keeps to itself.
    async fn code(&mut self, client: &TestClient, name: &str) -> String {
        let user = self.person(name);
        let mut browser = self.browser();
        let more = [("scope", "openid profile offline_access"), ("prompt", "consent")];
        let arrival = browser.arrive(&address(&self.issuer, client, &more)).await;
        let came = walk(&mut browser, &user, arrival).await;
        let code = came.parameter("code").expect("a code");
        self.secrets.token("a code", &code);
        code
    }

    /// From a code to tokens, what is done with them, and how they end.
    async fn use_tokens(&mut self, client: &TestClient, caller: &Credentials, code: &str) {
        let tokens = exchange(&self.endpoints, caller, client, code).await.good();
        self.remember_tokens(&tokens);
        let access = text(&tokens, "access_token").to_owned();
        let bearer = Credentials::Bearer(access.clone());
        self.endpoints.get(paths::USERINFO, &bearer).await.good();
        let form = [("access_token", access.as_str())];
        self.endpoints.post(paths::USERINFO, &Credentials::None, &form).await.good();
        let in_query = format!("{}?access_token={access}", paths::USERINFO);
        self.endpoints.get(&in_query, &Credentials::None).await;
        let refresh = text(&tokens, "refresh_token").to_owned();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        if !matches!(caller, Credentials::Assertion(_)) {
            let asked = [("token", access.as_str())];
            if !matches!(caller, Credentials::Public(_)) {
                self.endpoints.post(paths::INTROSPECT, caller, &asked).await.good();
            }
            let fresh = self.endpoints.post(paths::TOKEN, caller, &form).await.good();
            self.remember_tokens(&fresh);
            let next = text(&fresh, "refresh_token").to_owned();
            self.endpoints.post(paths::REVOKE, caller, &[("token", &access)]).await;
            self.endpoints.post(paths::REVOKE, caller, &[("token", &next)]).await;
        }
        // What is over, in the wrong place, or never was.
        exchange(&self.endpoints, caller, client, code).await;
        for token in [access.as_str(), refresh.as_str(), code] {
            for field in ["token", "refresh_token", "code", "client_secret", "client_assertion"] {
                let form = [("grant_type", "refresh_token"), (field, token)];
                for path in [paths::TOKEN, paths::REVOKE, paths::INTROSPECT] {
                    self.endpoints.post(path, caller, &form).await;
                }
            }
            let somewhere = format!("{}/{token}?to={token}&request={token}", paths::AUTHORIZE);
            self.endpoints.get(&somewhere, &Credentials::Bearer(token.to_owned())).await;
        }
    }

    /// Every kind of application.
    pub async fn programs_ask(&mut self) {
        // Its hash is the challenge, which everybody may know.
        self.secrets.token("the verifier", VERIFIER);
        for wrong in WRONG {
            for credentials in [
                Credentials::Basic("web".into(), (*wrong).to_owned()),
                Credentials::Post("web".into(), (*wrong).to_owned()),
                Credentials::Assertion((*wrong).to_owned()),
                Credentials::Assertion(format!("e30.{}.{wrong}", "e30")),
                Credentials::Bearer((*wrong).to_owned()),
                Credentials::Public((*wrong).to_owned()),
            ] {
                let form = [("grant_type", "client_credentials"), ("token", *wrong)];
                for path in [paths::TOKEN, paths::REVOKE, paths::INTROSPECT, paths::USERINFO] {
                    let answer = self.endpoints.post(path, &credentials, &form).await;
                    assert!(answer.status.is_client_error(), "{path}: {answer}");
                }
            }
        }
        let code_grants = ["authorization_code", "refresh_token"];
        let basic = self.client(clients::web(), &code_grants);
        let mut post = clients::other();
        post["redirect_uris"] = json!([CALLBACK]);
        post["token_endpoint_auth_method"] = "client_secret_post".into();
        let post = self.client(post, &code_grants);
        let mut public = clients::spa();
        public["redirect_uris"] = json!([CALLBACK]);
        public["access_token_format"] = "jwt".into();
        let public = self.client(public, &code_grants);
        for (client, name) in [(basic.clone(), "basil"), (post, "posy"), (public, "pia")] {
            let code = self.code(&client, name).await;
            self.use_tokens(&client, &client.credentials(), &code).await;
        }
        let m2m = self.client(clients::m2m(), &["client_credentials"]);
        let form = [("grant_type", "client_credentials")];
        let own = self.endpoints.post(paths::TOKEN, &m2m.credentials(), &form).await.good();
        self.remember_tokens(&own);
        self.signed_assertions().await;
        self.end_a_session(&basic).await;
        for path in [paths::JWKS, paths::OPENID_CONFIGURATION, paths::AUTHORIZATION_SERVER_METADATA]
        {
            self.endpoints.get(path, &Credentials::None).await.good();
        }
    }

    /// `private_key_jwt`.
    async fn signed_assertions(&mut self) {
        let key = AssertionKey::generate("k1");
        let mut metadata = clients::pkj(&key);
        metadata["redirect_uris"] = json!([CALLBACK]);
        let client = self.client(metadata, &["authorization_code", "refresh_token"]);
        let now = latchkey::clock::Clock::System.now().seconds();
        for jti in ["first", "second"] {
            let claims = json!({
                "iss": client.id, "sub": client.id, "aud": self.issuer,
                "jti": format!("CANARY-jti-{jti}"), "iat": now, "exp": now + 60,
            });
            let assertion = key.sign(&claims);
            self.secrets.token("an assertion", &assertion);
            let code = self.code(&client, &format!("paul-{jti}")).await;
            self.use_tokens(&client, &Credentials::Assertion(assertion), &code).await;
        }
    }

    /// RP-initiated logout, by both methods.
    async fn end_a_session(&mut self, client: &TestClient) {
        let user = self.person("eve");
        let mut browser = self.signed_in(&user).await;
        let arrival = browser.arrive(&address(&self.issuer, client, &[])).await;
        let came = walk(&mut browser, &user, arrival).await;
        let code = came.parameter("code").expect("a code");
        let tokens = exchange(&self.endpoints, &client.credentials(), client, &code).await.good();
        self.remember_tokens(&tokens);
        let hint = text(&tokens, "id_token");
        let form = vec![("id_token_hint".to_owned(), hint.to_owned())];
        browser.post_from_elsewhere(paths::END_SESSION, form).await.page();
        let mut browser = self.signed_in(&user).await;
        let page = browser.open(paths::END_SESSION).await;
        send(&mut browser, &page).await;
    }
}
