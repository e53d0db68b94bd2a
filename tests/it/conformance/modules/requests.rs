//! Modules about what may stand in an authorization request, and how it is sent.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::secret::sha256;
use serde_json::{Value, json};

use crate::conformance::checks::{self, list};
use crate::conformance::flow::{End, Request};
use crate::conformance::suite::{Plan, Suite, random_text, text};

/// The usual request with more parameters succeeds.
async fn succeeds_with(plan: Plan, parameters: &[(&str, &str)]) {
    let mut suite = Suite::set_up(plan).await;
    let add = |request: Request, (name, value): &(&str, &str)| request.with(name, value);
    let request = parameters.iter().fold(suite.request(), add);
    suite.succeed(&request).await;
}

/// Without `response_type`: an error in the answer, or an error page.
pub async fn oidcc_response_type_missing(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let outcome = suite.authorize(&suite.request().without("response_type")).await;
    match &outcome.end {
        End::ErrorPage(_) => assert!(outcome.error_page().status.is_client_error()),
        End::Answer(_) => {
            let error = outcome.error();
            let allowed = ["unsupported_response_type", "invalid_request"];
            assert!(allowed.contains(&error.as_str()), "{error}");
        }
    }
}

/// In the code flow a nonce is optional, and none is invented.
pub async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    suite.succeed(&suite.request().without("nonce")).await;
}

/// `display=page` does no harm.
pub async fn oidcc_display_page(plan: Plan) {
    succeeds_with(plan, &[("display", "page")]).await;
}

/// `display=popup` does no harm.
pub async fn oidcc_display_popup(plan: Plan) {
    succeeds_with(plan, &[("display", "popup")]).await;
}

/// What we do not know is ignored (RFC 6749 §3.1).
pub async fn oidcc_ensure_request_with_unknown_parameter_succeeds(plan: Plan) {
    succeeds_with(plan, &[("extra", "foobar")]).await;
}

/// A language that we do not have does no harm.
pub async fn oidcc_ui_locales(plan: Plan) {
    succeeds_with(plan, &[("ui_locales", "se")]).await;
}

/// Nor for claims.
pub async fn oidcc_claims_locales(plan: Plan) {
    succeeds_with(plan, &[("claims_locales", "se")]).await;
}

/// An address that is not registered gets nothing: the person sees an error page.
pub async fn oidcc_ensure_registered_redirect_uri(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let stranger = format!("{}/{}", suite.client.redirect_uri, random_text(10));
    let outcome = suite.authorize(&suite.request().with("redirect_uri", &stranger)).await;
    let page = outcome.error_page();
    assert!(!page.heading().is_empty(), "{page}");
    assert!(!page.body.contains(&stranger), "the error page repeats the address");
}

/// The request may be posted (OpenID Connect Core §3.1.2.1).
pub async fn oidcc_ensure_post_request_succeeds(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let request = suite.request();
    let endpoint = text(&suite.metadata, "authorization_endpoint").to_owned();
    let form = request.parameters.clone();
    let arrival = suite.browser.post_from_elsewhere(&endpoint, form).await;
    let outcome = suite.walk(&request, arrival).await;
    suite.issue(&request, &outcome).await;
}

/// An unsigned request by reference: done, or refused in the words of the specification.
pub async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    // Unless told otherwise, relying parties take it to be supported.
    assert_eq!(suite.metadata["request_uri_parameter_supported"], false);
    let request = suite.request().with("request_uri", "https://suite.conformance.example/r.jwt");
    let outcome = suite.authorize(&request).await;
    assert_eq!(outcome.error(), "request_uri_not_supported");
    assert_eq!(outcome.sign_ins, 0);
}

/// An unsigned request object, which alone holds the state: likewise.
pub async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    plan: Plan,
) {
    let mut suite = Suite::set_up(plan).await;
    assert!(
        !list(&suite.metadata, "request_object_signing_alg_values_supported").contains(&"none")
    );
    let request = suite.request();
    let object = unsigned(&request, &suite.latchkey.issuer);
    let request = request.without("state").with("request", &object);
    let outcome = suite.authorize(&request).await;
    assert_eq!(outcome.error(), "request_not_supported");
    assert_eq!(outcome.sign_ins, 0);
}

/// A bad address outside the object, a good one inside: never an answer to the bad one, and none
/// to the good one either, if objects are not understood.
pub async fn oidcc_ensure_request_object_with_redirect_uri(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let good = suite.request();
    let object = unsigned(&good, &suite.latchkey.issuer);
    let bad = format!("{}/{}", suite.client.redirect_uri, random_text(10));
    let outcome = suite.authorize(&good.with("redirect_uri", &bad).with("request", &object)).await;
    outcome.error_page();
}

/// S256 (RFC 7636).
pub async fn oidcc_ensure_request_with_valid_pkce_succeeds(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let verifier = random_text(64);
    let request = suite
        .request()
        .with("code_challenge", &sha256(&verifier))
        .with("code_challenge_method", "S256");
    let outcome = suite.authorize(&request).await;
    let code = outcome.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", request.client.redirect_uri.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    let answer = suite.token_request(&request.client, &form).await;
    let tokens = checks::token_response(&answer);
    checks::id_token(&suite, &request, &tokens, &code);
}

/// The parameters as a request object with `alg=none` (OpenID Connect Core §6.1).
fn unsigned(request: &Request, issuer: &str) -> String {
    let mut claims = serde_json::Map::new();
    for (name, value) in &request.parameters {
        claims.insert(name.clone(), Value::String(value.clone()));
    }
    claims.insert("iss".into(), request.client.id.clone().into());
    claims.insert("aud".into(), issuer.into());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", encode(&json!({ "alg": "none" })), encode(&Value::Object(claims)))
}
