//! Who calls the token endpoint, and how it shows that (S-047, S-048, S-053 … S-055).

use latchkey::identity::clients::{self as registered, secret_fits};
use latchkey::paths;
use serde_json::json;

use super::client_assertions::Signing;
use crate::support::Latchkey;
use crate::support::browser::http;
use crate::support::clients::{self, TestClient};
use crate::support::endpoint::Credentials;
use crate::support::flow::{claims_of, text};

pub const CC: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "reports")];

/// Where clients show who they are, with a form that is right but for that.
pub const DOORS: [(&str, &[(&str, &str)]); 3] = [
    (paths::TOKEN, &CC),
    (paths::REVOKE, &[("token", "lk_at_unknown")]),
    (paths::INTROSPECT, &[("token", "lk_at_unknown")]),
];

#[tokio::test]
async fn s_047_a_wrong_or_missing_secret_is_told_the_same_everywhere() {
    let latchkey = Latchkey::start().await;
    let m2m = latchkey.client(clients::m2m()).await;
    let secret = m2m.secret.clone().expect("a secret");
    let other = latchkey.client(clients::other()).await;
    let wrong = [
        Credentials::Basic("m2m".into(), "wrong".into()),
        Credentials::Basic("m2m".into(), String::new()),
        Credentials::Basic("m2m".into(), secret[..secret.len() - 1].into()),
        Credentials::Basic("m2m".into(), format!("{secret} ")),
        Credentials::Basic("m2m".into(), secret.to_uppercase()),
        Credentials::Basic("m2m".into(), other.secret.expect("a secret")),
        Credentials::Basic("nobody".into(), secret.clone()),
        Credentials::Basic("M2M".into(), secret.clone()),
        Credentials::Bearer(secret.clone()),
        Credentials::Post("m2m".into(), secret),
        Credentials::Post("nobody".into(), "wrong".into()),
        Credentials::Public("m2m".into()),
        Credentials::Public("nobody".into()),
        Credentials::None,
    ];
    for (path, form) in DOORS {
        for credentials in &wrong {
            let answer = latchkey.endpoints.post(path, credentials, form).await;
            answer.refuses(401, "invalid_client");
            // Why exactly would tell which clients there are.
            assert_eq!(answer.json()["error_description"], "client authentication failed");
            let challenged = answer.header("www-authenticate").starts_with("Basic ");
            let by_header = matches!(credentials, Credentials::Basic(..) | Credentials::Bearer(_));
            assert_eq!(challenged, by_header, "{path}: {credentials:?}");
        }
        latchkey.endpoints.post(path, &m2m.credentials(), form).await.good_or_empty();
    }
}

#[tokio::test]
async fn s_048_one_way_to_authenticate_the_registered_one() {
    let Signing { latchkey, key, client } = Signing::start().await;
    let web = latchkey.client(clients::m2m()).await;
    let secret = web.secret.clone().expect("a secret");
    let spa = latchkey.client(clients::spa()).await;
    let send = async |credentials: &Credentials, more: &[(&str, &str)]| {
        let form = [&CC, more].concat();
        latchkey.endpoints.post(paths::TOKEN, credentials, &form).await
    };
    let basic = web.credentials();
    let two: [&[(&str, &str)]; 3] = [
        &[("client_id", "m2m"), ("client_secret", &secret)],
        &[("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")],
        &[("client_assertion", "eyJ")],
    ];
    for more in two {
        send(&basic, more).await.refuses(400, "invalid_request");
    }
    let signed = |latchkey: &Latchkey| latchkey.assertion(&client, &key);
    send(&signed(&latchkey), &[("client_secret", "x")]).await.refuses(400, "invalid_request");
    // The name beside the proof is another one's.
    for (proof, name) in [(basic.clone(), "keyed"), (signed(&latchkey), "m2m"), (basic, "spa")] {
        send(&proof, &[("client_id", name)]).await.refuses(400, "invalid_request");
    }
    // Another method than the registered one, also where it would be right by itself.
    for other in [
        Credentials::Post("m2m".into(), secret.clone()),
        Credentials::Public("m2m".into()),
        Credentials::Public("keyed".into()),
        Credentials::Basic("keyed".into(), "x".into()),
        Credentials::Post("keyed".into(), "x".into()),
        Credentials::Basic(spa.id.clone(), "x".into()),
        Credentials::Basic(spa.id.clone(), String::new()),
        Credentials::Post(spa.id.clone(), "x".into()),
    ] {
        send(&other, &[]).await.refuses(401, "invalid_client");
    }
    // Half an assertion, and one of a type that we do not know.
    let Credentials::Assertion(assertion) = signed(&latchkey) else { unreachable!("it is one") };
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    for half in [
        vec![("client_assertion", assertion.as_str())],
        vec![("client_assertion", assertion.as_str()), ("client_assertion_type", saml)],
        vec![("client_assertion_type", saml)],
    ] {
        send(&Credentials::None, &half).await.refuses(400, "invalid_request");
    }
    send(&signed(&latchkey), &[("client_id", "keyed")]).await.good();
}

#[tokio::test(flavor = "multi_thread")]
async fn s_053_a_secret_wrong_in_the_first_byte_takes_as_long_as_in_the_last() {
    let latchkey = Latchkey::start().await;
    let m2m = latchkey.client(clients::m2m()).await;
    let right = m2m.secret.clone().expect("a secret");
    let changed = |at: usize| {
        let mut bytes = right.clone().into_bytes();
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        String::from_utf8(bytes).expect("ASCII")
    };
    let guesses = [changed(0), changed(right.len() - 1)];
    let client = registered::find(&latchkey.app, "m2m").await.expect("the client");
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..20_000 {
        let begun = std::time::Instant::now();
        assert!(!secret_fits(&latchkey.app, &client, &guesses[n % 2]));
        times[n % 2].push(begun.elapsed().as_nanos());
    }
    let [first, last] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let (less, more) = (first.min(last), first.max(last));
    assert!(more * 100 <= less * 115, "the medians can be told apart: {first} ns, {last} ns");
}

#[tokio::test]
async fn s_054_a_client_gets_the_grants_that_it_is_registered_for() {
    let latchkey = Latchkey::start().await;
    let web = latchkey.client(clients::web()).await;
    let m2m = latchkey.client(clients::m2m()).await;
    let mut plain = clients::other();
    plain["grant_types"] = json!(["authorization_code"]);
    let plain = latchkey.client(plain).await;
    let ask = async |client: &TestClient, grant: &str| {
        let form = [
            ("grant_type", grant),
            ("username", "alice"),
            ("password", "x"),
            ("code", "x"),
            ("refresh_token", "x"),
        ];
        latchkey.endpoints.post(paths::TOKEN, &client.credentials(), &form).await
    };
    for unknown in [
        "password",
        "implicit",
        "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "' OR 1=1--",
    ] {
        ask(&web, unknown).await.refuses(400, "unsupported_grant_type");
    }
    ask(&web, "").await.refuses(400, "invalid_request");
    for (client, grant) in [
        (&web, "client_credentials"),
        (&m2m, "authorization_code"),
        (&m2m, "refresh_token"),
        (&plain, "refresh_token"),
    ] {
        ask(client, grant).await.refuses(400, "unauthorized_client");
    }
    let answer = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &CC).await.good();
    assert!(answer.get("refresh_token").is_none(), "RFC 6749 §4.4.3: {answer}");
    assert!(answer.get("id_token").is_none(), "there is no person: {answer}");
    let wide = [("grant_type", "client_credentials"), ("scope", "reports openid")];
    let answer = latchkey.endpoints.post(paths::TOKEN, &m2m.credentials(), &wide).await;
    answer.refuses(400, "invalid_scope");
    // A client without refresh tokens is given none.
    let bob = latchkey.bob().await;
    let tokens = latchkey.tokens(&bob, &plain, &[]).await;
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    assert_eq!(claims_of(text(&tokens, "id_token"))["aud"], "other");
}

#[tokio::test]
async fn s_055_parameters_come_in_a_form_by_post_and_once() {
    let latchkey = Latchkey::start().await;
    let m2m = latchkey.client(clients::m2m()).await;
    let secret = m2m.secret.clone().expect("a secret");
    let (http, form) = (http(), "grant_type=client_credentials&token=x&scope=reports");
    for path in [paths::TOKEN, paths::REVOKE, paths::INTROSPECT] {
        let url = latchkey.at(path);
        let basic = |request: reqwest::RequestBuilder| request.basic_auth("m2m", Some(&secret));
        let get = basic(http.get(format!("{url}?{form}"))).send().await.expect("an answer");
        assert_eq!(
            (get.status().as_u16(), get.headers()["allow"].to_str().ok()),
            (405, Some("POST"))
        );
        let bodies = [
            ("application/json", r#"{"grant_type":"client_credentials","token":"x"}"#),
            (
                "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--b--\r\n",
            ),
            ("text/plain", form),
            ("application/x-www-form-urlencodedx", form),
            ("", form),
        ];
        for (kind, body) in bodies {
            let mut request = basic(http.post(&url)).body(body);
            if !kind.is_empty() {
                request = request.header("content-type", kind);
            }
            let answer = request.send().await.expect("an answer");
            assert!(matches!(answer.status().as_u16(), 400 | 415), "{kind}: {}", answer.status());
        }
        for query in [form, &format!("client_id=m2m&client_secret={secret}")] {
            let request = basic(http.post(format!("{url}?{query}")));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let answer = request.body(form).send().await.expect("an answer");
            assert_eq!(answer.status(), 400, "{path}: {query}");
        }
        for twice in ["grant_type", "scope", "token", "client_id", "unheard_of"] {
            let twice = [("scope", "reports"), (twice, "a"), (twice, "b")];
            let form = [&CC[..1], &[("token", "x")], &twice[..]].concat();
            let answer = latchkey.endpoints.post(path, &m2m.credentials(), &form).await;
            answer.refuses(400, "invalid_request");
        }
        let nothing = latchkey.endpoints.post_nothing(path, &m2m.credentials()).await;
        nothing.refuses(400, "invalid_request");
    }
}
