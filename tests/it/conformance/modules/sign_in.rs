//! Modules about who signs in, when, and whether anything is shown.

use crate::conformance::checks::list;
use crate::conformance::suite::{Plan, Suite};

fn auth_time(claims: &serde_json::Value) -> i64 {
    claims["auth_time"].as_i64().unwrap_or_else(|| panic!("no auth_time in {claims}"))
}

/// The second request says `prompt=login`: the login is shown again and is a new one.
pub async fn oidcc_prompt_login(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (outcome, first) = suite.succeed(&suite.request()).await;
    assert_eq!(outcome.sign_ins, 1);
    suite.latchkey.pass_seconds(2);
    let (outcome, second) = suite.succeed(&suite.request().with("prompt", "login")).await;
    assert_eq!(outcome.sign_ins, 1, "prompt=login shows the login");
    assert_eq!(first.id["sub"], second.id["sub"]);
    if first.id.get("auth_time").is_some() && second.id.get("auth_time").is_some() {
        assert!(auth_time(&second.id) > auth_time(&first.id), "a new login has a new auth_time");
    }
}

/// Nobody is signed in: the client is told so, and nothing is shown.
pub async fn oidcc_prompt_none_not_logged_in(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let outcome = suite.authorize(&suite.request().with("prompt", "none")).await;
    assert_eq!((outcome.sign_ins, outcome.consents), (0, 0));
    let allowed = [
        "login_required",
        "interaction_required",
        "account_selection_required",
        "consent_required",
    ];
    let error = outcome.error();
    assert!(allowed.contains(&error.as_str()), "{error}");
}

/// Somebody is signed in and has consented: a silent request succeeds.
pub async fn oidcc_prompt_none_logged_in(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (_, first) = suite.succeed(&suite.request()).await;
    suite.latchkey.pass_seconds(2);
    let (outcome, second) = suite.succeed(&suite.request().with("prompt", "none")).await;
    assert_eq!((outcome.sign_ins, outcome.consents), (0, 0));
    assert_eq!(first.id["sub"], second.id["sub"]);
    assert_eq!(first.id.get("auth_time"), second.id.get("auth_time"));
}

/// Two seconds after the login, `max_age=1` demands a new one, and `auth_time` tells.
pub async fn oidcc_max_age_1(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (_, first) = suite.succeed(&suite.request()).await;
    suite.latchkey.pass_seconds(2);
    let (outcome, second) = suite.succeed(&suite.request().with("max_age", "1")).await;
    assert_eq!(outcome.sign_ins, 1, "max_age=1 shows the login");
    assert_eq!(first.id["sub"], second.id["sub"]);
    let now = suite.latchkey.clock.now().seconds();
    assert!((now - auth_time(&second.id)).abs() <= 1, "auth_time is that of the new login");
    if first.id.get("auth_time").is_some() {
        assert!(auth_time(&second.id) > auth_time(&first.id));
    }
}

/// `max_age` that is long enough shows nothing, and `auth_time` stays.
pub async fn oidcc_max_age_10000(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (_, first) = suite.succeed(&suite.request().with("max_age", "15000")).await;
    suite.latchkey.pass_seconds(2);
    let (outcome, second) = suite.succeed(&suite.request().with("max_age", "10000")).await;
    assert_eq!((outcome.sign_ins, outcome.consents), (0, 0));
    assert_eq!(first.id["sub"], second.id["sub"]);
    assert_eq!(auth_time(&first.id), auth_time(&second.id));
}

/// A silent request with the ID token of the first as hint succeeds.
pub async fn oidcc_id_token_hint(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let (_, first) = suite.succeed(&suite.request()).await;
    suite.latchkey.pass_seconds(2);
    let silent = suite.request().with("prompt", "none").with("id_token_hint", first.id_token());
    let (outcome, second) = suite.succeed(&silent).await;
    assert_eq!((outcome.sign_ins, outcome.consents), (0, 0));
    assert_eq!(first.id["sub"], second.id["sub"]);
}

/// A hint about somebody whom we do not know does no harm.
pub async fn oidcc_login_hint(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    suite.succeed(&suite.request().with("login_hint", "buffy@127.0.0.1")).await;
}

/// All the `acr` values that the metadata name: it succeeds, and one of them is reached.
pub async fn oidcc_ensure_request_with_acr_values_succeeds(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let supported = list(&suite.metadata, "acr_values_supported").join(" ");
    assert!(!supported.is_empty(), "acr_values_supported is missing");
    let (_, issued) = suite.succeed(&suite.request().with("acr_values", &supported)).await;
    let acr = issued.id["acr"].as_str().unwrap_or_default();
    assert!(supported.split(' ').any(|value| value == acr), "{acr:?} is none of {supported}");
}
