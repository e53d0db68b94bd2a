//! Signed assertions of clients (S-049 … S-052).

use std::net::TcpListener;
use std::time::Duration;

use latchkey::paths;
use serde_json::{Value, json};

use super::client_authentication::{CC, DOORS};
use crate::support::clients::{self, AssertionKey, TestClient};
use crate::support::endpoint::{Answer, Credentials};
use crate::support::flow::text;
use crate::support::forge::{hs256, jws};
use crate::support::{Latchkey, START};

/// `m2m`, but with a key in place of a secret.
fn keyed(key: &AssertionKey) -> Value {
    let mut keyed = clients::m2m();
    keyed["client_id"] = "keyed".into();
    keyed["token_endpoint_auth_method"] = "private_key_jwt".into();
    keyed["jwks"] = json!({ "keys": [key.public_jwk()] });
    keyed
}

/// An instance with a client that signs assertions.
pub struct Signing {
    pub latchkey: Latchkey,
    pub key: AssertionKey,
    pub client: TestClient,
}

impl Signing {
    pub async fn start() -> Self {
        Self::on(Latchkey::start().await).await
    }

    async fn on(latchkey: Latchkey) -> Self {
        let key = AssertionKey::generate("key-1");
        let client = latchkey.client(keyed(&key)).await;
        Self { latchkey, key, client }
    }

    /// The claims of a good assertion with these in place of theirs; `null` takes one away.
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = self.latchkey.assertion_claims(&self.client);
        let members = claims.as_object_mut().expect("an object");
        for (name, value) in changes.as_object().expect("an object") {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
        claims
    }

    async fn show(&self, assertion: String) -> Answer {
        let shown = Credentials::Assertion(assertion);
        self.latchkey.endpoints.post(paths::TOKEN, &shown, &CC).await
    }
}

#[tokio::test]
async fn s_049_an_assertion_counts_once_on_all_nodes_and_after_a_restart() {
    let signing = Signing::start().await;
    let latchkey = &signing.latchkey;
    let now = START.seconds();
    let assertion = signing.key.sign(&signing.claims(&json!({ "exp": now + 300 })));
    signing.show(assertion.clone()).await.good();
    let shown = Credentials::Assertion(assertion);
    let refused = async |node: &crate::support::endpoint::Endpoints| {
        for (path, form) in DOORS {
            node.post(path, &shown, form).await.refuses(401, "invalid_client");
        }
    };
    refused(&latchkey.endpoints).await;
    let second = latchkey.another_node().await;
    refused(&second.endpoints).await;
    // As long as its time could count as not over, clocks differing.
    latchkey.pass_seconds(329);
    refused(&latchkey.endpoints).await;
    latchkey.pass_seconds(2);
    refused(&second.endpoints).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s_049_of_twenty_at_once_one_counts() {
    let signing = Signing::start().await;
    let second = signing.latchkey.another_node().await;
    let shown = signing.latchkey.assertion(&signing.client, &signing.key);
    let tries = (0..20).map(|n| {
        let nodes = [&signing.latchkey.endpoints, &second.endpoints];
        let (node, shown) = (nodes[n % 2].clone(), shown.clone());
        tokio::spawn(async move { node.post(paths::TOKEN, &shown, &CC).await.status.as_u16() })
    });
    let mut good = 0;
    for one in tries.collect::<Vec<_>>() {
        match one.await.expect("an answer") {
            200 => good += 1,
            status => assert_eq!(status, 401),
        }
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn s_050_the_audience_is_the_issuer_alone() {
    let signing = Signing::start().await;
    let issuer = &signing.latchkey.issuer;
    let token_endpoint = signing.latchkey.at(paths::TOKEN);
    for aud in [
        json!(token_endpoint),
        json!([issuer]),
        json!([issuer, "https://other.example"]),
        json!(["https://other.example", issuer]),
        json!("https://other.example"),
        json!(format!("{issuer}/")),
        json!(issuer.to_uppercase()),
        json!(""),
        json!({}),
        json!(7),
        json!(null),
    ] {
        let assertion = signing.key.sign(&signing.claims(&json!({ "aud": aud })));
        signing.show(assertion).await.refuses(401, "invalid_client");
    }
    signing.show(signing.key.sign(&signing.claims(&json!({})))).await.good();
    // A client older than RFC 10070 may be registered with its old way.
    let mut old = keyed(&signing.key);
    old["client_id"] = "old".into();
    old["token_endpoint_auth_audience"] = "token_endpoint".into();
    let old = signing.latchkey.client(old).await;
    let mut claims = signing.latchkey.assertion_claims(&old);
    claims["aud"] = token_endpoint.into();
    signing.show(signing.key.sign(&claims)).await.good();
    claims["jti"] = "another".into();
    claims["aud"] = signing.latchkey.at(paths::REVOKE).into();
    signing.show(signing.key.sign(&claims)).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn s_051_every_claim_of_an_assertion_must_be_right() {
    let signing = Signing::start().await;
    let now = START.seconds();
    for changes in [
        json!({ "iss": "m2m" }),
        json!({ "iss": null }),
        json!({ "sub": "m2m" }),
        json!({ "sub": null }),
        json!({ "iss": "nobody", "sub": "nobody" }),
        json!({ "exp": null }),
        json!({ "exp": now - 31 }),
        json!({ "exp": now + 86_400 }),
        json!({ "exp": "9999999999" }),
        json!({ "exp": (now + 60).to_string() }),
        json!({ "exp": 1e300 }),
        json!({ "exp": -1 }),
        json!({ "exp": true }),
        json!({ "exp": [now + 60] }),
        json!({ "nbf": now + 120 }),
        json!({ "nbf": "0" }),
        json!({ "iat": now + 120 }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
        json!({ "jti": 5 }),
        json!({ "jti": "x".repeat(256) }),
    ] {
        let assertion = signing.key.sign(&signing.claims(&changes));
        let answer = signing.show(assertion).await;
        assert_eq!(answer.status, 401, "{changes}: {answer}");
        answer.refuses(401, "invalid_client");
    }
    let fine = json!({ "exp": now + 300, "nbf": now, "more": { "a": [1] } });
    signing.show(signing.key.sign(&signing.claims(&fine))).await.good();
}

#[tokio::test]
async fn s_052_algorithm_and_key_are_the_registered_ones() {
    let latchkey = Latchkey::start_with(|config| {
        config.outbound.allow_private_networks = vec!["127.0.0.0/8".parse().expect("a network")];
        config.outbound.timeout = Duration::from_secs(1).into();
    });
    let signing = Signing::on(latchkey.await).await;
    // Whoever is called from the header would hear it.
    let ear = TcpListener::bind("127.0.0.1:0").expect("a free port");
    ear.set_nonblocking(true).expect("a listener that does not wait");
    let ear_url = format!("https://{}/keys", ear.local_addr().expect("an address"));
    let claims = signing.claims(&json!({}));
    let attacker = AssertionKey::generate("key-1");
    let public = signing.key.public_jwk();
    let header = |more: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "key-1" });
        let members = header.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        header
    };
    let mut forged = vec![
        attacker.sign(&claims),
        attacker.sign_with(&header(json!({ "jwk": attacker.public_jwk() })), &claims),
        attacker.sign_with(&header(json!({ "jku": ear_url })), &claims),
        attacker.sign_with(&header(json!({ "x5u": ear_url })), &claims),
        jws(&header(json!({ "alg": "none" })), &claims, |_| Vec::new()),
        jws(&header(json!({ "alg": "HS256" })), &claims, hs256(public.to_string().as_bytes())),
        jws(&header(json!({ "alg": "HS256" })), &claims, hs256(text(&public, "x").as_bytes())),
        signing.key.sign_with(&header(json!({ "alg": "ES384" })), &claims),
        signing.key.sign_with(&header(json!({ "alg": 5 })), &claims),
        signing.key.sign_with(&header(json!({ "crit": ["b64"], "b64": false })), &claims),
        signing.key.sign_with(&header(json!({ "typ": "at+jwt" })), &claims),
        signing.key.sign_with(&header(json!({ "typ": "oauth-authz-req+jwt" })), &claims),
        signing.key.sign_with(&header(json!({ "typ": "logout+jwt" })), &claims),
        "x.y.z".to_owned(),
        "...".to_owned(),
    ];
    for kid in ["../../x", "' OR 1=1--", "\0", "/dev/null", &"k".repeat(64 * 1024)] {
        forged.push(signing.key.sign_with(&header(json!({ "kid": kid })), &claims));
    }
    for assertion in forged {
        let shown = assertion.chars().take(120).collect::<String>();
        let answer = signing.show(assertion).await;
        assert_eq!(answer.status, 401, "{shown}: {answer}");
        answer.refuses(401, "invalid_client");
    }
    assert!(ear.accept().is_err(), "a header made us call somebody");
    assert!(signing.latchkey.app.outbound.fetch_json(&ear_url).await.is_err());
    assert!(ear.accept().is_ok(), "it hears who calls");
    for typ in ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"] {
        let claims = signing.claims(&json!({ "jti": typ }));
        let assertion = signing.key.sign_with(&header(json!({ "typ": typ })), &claims);
        signing.show(assertion).await.good();
    }
}
