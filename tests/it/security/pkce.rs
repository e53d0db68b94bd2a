//! D: proof keys.

use latchkey::paths;
use latchkey::secret::sha256;
use serde_json::json;

use crate::support::clients;
use crate::support::endpoint::Credentials;
use crate::support::stage::{Ask, Stage};

#[tokio::test]
async fn s_031_s_032_s_035_a_request_carries_a_sound_challenge_where_it_must() {
    let mut stage = Stage::set().await;
    let spa = stage.latchkey.client(clients::spa()).await;
    let mut strict = clients::other();
    strict["require_pkce"] = true.into();
    let strict = stage.latchkey.client(strict).await;
    for client in [&spa, &strict] {
        let refused = [
            ("no challenge", Ask::of(client).without_pkce()),
            ("an empty challenge", Ask::of(client).with("code_challenge", "")),
            ("only a method", Ask::of(client).without("code_challenge")),
        ];
        for (what, ask) in refused {
            let arrival = stage.browser.arrive(&ask.address()).await;
            stage.refused(what, &ask, arrival, "invalid_request");
        }
    }
    let challenge = stage.ask().get("code_challenge").to_owned();
    for client in [&spa, &stage.web.clone()] {
        for method in ["plain", "", "S512", "s256", "S256 "] {
            let ask = Ask::of(client).with("code_challenge_method", method);
            let arrival = stage.browser.arrive(&ask.address()).await;
            stage.refused(method, &ask, arrival, "invalid_request");
        }
        let unsound = [
            challenge[..42].to_owned(),
            format!("{challenge}A"),
            format!("{challenge}="),
            format!("{}+", &challenge[..42]),
            format!("{}/", &challenge[..42]),
            "\u{e9}".repeat(43),
            "x".repeat(5000),
        ];
        for unsound in unsound {
            let ask = Ask::of(client).with("code_challenge", &unsound);
            let arrival = stage.browser.arrive(&ask.address()).await;
            stage.refused(&unsound, &ask, arrival, "invalid_request");
        }
    }
    for path in [paths::OPENID_CONFIGURATION, paths::AUTHORIZATION_SERVER_METADATA] {
        let metadata = stage.latchkey.endpoints.get(path, &Credentials::None).await.good();
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    }
}

#[tokio::test]
async fn s_033_s_035_only_the_verifier_redeems_the_code_and_there_is_no_second_try() {
    let mut stage = Stage::set().await;
    let spa = stage.latchkey.client(clients::spa()).await;
    for client in [stage.web.clone(), spa] {
        let good = Ask::of(&client).verifier.expect("a verifier");
        let wrong = [
            None,
            Some(String::new()),
            Some(sha256(&good)),
            Some(good.clone()),
            Some(good[..42].to_owned()),
            Some("a".repeat(129)),
            Some(format!("{}\u{e9}", "a".repeat(50))),
            Some("a b".repeat(20)),
        ];
        for wrong in wrong {
            let mut ask = Ask::of(&client);
            let right = ask.verifier.take();
            if wrong.as_deref() == Some(good.as_str()) {
                // The challenge itself in place of the verifier.
                ask.verifier = Some(ask.get("code_challenge").to_owned());
            } else {
                ask.verifier.clone_from(&wrong);
            }
            let code = stage.code(&ask).await;
            let answer = stage.redeem(&ask, &code).await;
            assert_eq!(answer.status, 400, "{wrong:?}: {answer}");
            answer.refuses(400, "invalid_grant");
            ask.verifier = right;
            stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn s_033_a_verifier_of_any_allowed_length_redeems() {
    let mut stage = Stage::set().await;
    for verifier in ["-._~aZ09".repeat(6), "b".repeat(43), "c".repeat(128)] {
        let mut ask = stage.ask().with("code_challenge", &sha256(&verifier));
        ask.verifier = Some(verifier);
        let code = stage.code(&ask).await;
        assert!(stage.redeem(&ask, &code).await.status.is_success());
    }
}

#[tokio::test]
async fn s_034_a_stripped_challenge_is_noticed() {
    let mut stage = Stage::set().await;
    let verifier = stage.ask().verifier;
    let mut ask = stage.ask().without_pkce();
    let code = stage.code(&ask).await;
    ask.verifier = verifier;
    stage.redeem(&ask, &code).await.refuses(400, "invalid_grant");
    // Without either it is a plain request of a client that authenticates.
    let ask = stage.ask().without_pkce();
    let code = stage.code(&ask).await;
    assert!(stage.redeem(&ask, &code).await.status.is_success());
}
