//! Modules about what is told of the person, and where.

use serde_json::Value;

use crate::conformance::checks::{self, list};
use crate::conformance::flow::Issued;
use crate::conformance::suite::{Plan, Suite, text};
use crate::support::endpoint::{Answer, Credentials};

/// The claims that each scope brings (OpenID Connect Core §5.4).
const PROFILE: &[&str] = &[
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
];
const EMAIL: &[&str] = &["email", "email_verified"];
const ADDRESS: &[&str] = &["address"];
const PHONE: &[&str] = &["phone_number", "phone_number_verified"];

async fn happy(plan: Plan) -> (Suite, Issued) {
    let mut suite = Suite::set_up(plan).await;
    let (_, issued) = suite.succeed(&suite.request()).await;
    (suite, issued)
}

/// `GET` with the token in the header.
pub async fn oidcc_userinfo_get(plan: Plan) {
    let (suite, issued) = happy(plan).await;
    suite.userinfo(&issued).await;
}

/// `POST` without a body, the token in the header.
pub async fn oidcc_userinfo_post_header(plan: Plan) {
    let (suite, issued) = happy(plan).await;
    let bearer = Credentials::Bearer(issued.access_token().to_owned());
    let endpoint = text(&suite.metadata, "userinfo_endpoint");
    let answer = suite.latchkey.endpoints.post_nothing(endpoint, &bearer).await;
    checks::userinfo(&answer, &issued);
}

/// `POST` with the token in the body (RFC 6750 §2.2).
pub async fn oidcc_userinfo_post_body(plan: Plan) {
    let (suite, issued) = happy(plan).await;
    let endpoint = text(&suite.metadata, "userinfo_endpoint");
    let form = [("access_token", issued.access_token())];
    let none = Credentials::None;
    let answer: Answer = suite.latchkey.endpoints.post(endpoint, &none, &form).await;
    checks::userinfo(&answer, &issued);
}

/// `scope` is supported, and userinfo then tells all of `claims`.
async fn scope_brings(plan: Plan, scope: &str, claims: &[&str]) -> Value {
    let mut suite = Suite::set_up(plan).await;
    let supported = list(&suite.metadata, "scopes_supported");
    assert!(scope.split(' ').all(|scope| supported.contains(&scope)), "{supported:?}");
    let request = suite.request().with("scope", scope);
    let (_, issued) = suite.succeed(&request).await;
    let told = suite.userinfo(&issued).await;
    for claim in claims {
        assert!(told.get(claim).is_some(), "{scope} does not bring {claim}: {told}");
    }
    told
}

/// `profile`.
pub async fn oidcc_scope_profile(plan: Plan) {
    scope_brings(plan, "openid profile", PROFILE).await;
}

/// `email`, and nothing but that.
pub async fn oidcc_scope_email(plan: Plan) {
    let told = scope_brings(plan, "openid email", EMAIL).await;
    assert!(told.get("name").is_none(), "the name was not asked for: {told}");
}

/// `address`.
pub async fn oidcc_scope_address(plan: Plan) {
    scope_brings(plan, "openid address", ADDRESS).await;
}

/// `phone`.
pub async fn oidcc_scope_phone(plan: Plan) {
    scope_brings(plan, "openid phone", PHONE).await;
}

/// All at once.
pub async fn oidcc_scope_all(plan: Plan) {
    let claims = [PROFILE, EMAIL, ADDRESS, PHONE].concat();
    scope_brings(plan, "openid profile email address phone", &claims).await;
}

/// Scopes and parameters in the opposite order.
pub async fn oidcc_alternate_happy_flow(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    let mut request = suite.request().with("scope", "email openid");
    request.parameters.reverse();
    let (_, issued) = suite.succeed(&request).await;
    let told = suite.userinfo(&issued).await;
    for claim in EMAIL {
        assert!(told.get(claim).is_some(), "no {claim}: {told}");
    }
}

/// A claim that is asked for by name stands where it was asked for, and only there.
pub async fn oidcc_claims_essential(plan: Plan) {
    let mut suite = Suite::set_up(plan).await;
    assert_eq!(suite.metadata["claims_parameter_supported"], true);
    let claims = r#"{"userinfo":{"name":{"essential":true}}}"#;
    let (_, issued) = suite.succeed(&suite.request().with("claims", claims)).await;
    let told = suite.userinfo(&issued).await;
    assert_eq!(told["name"], "Alice Moreau", "{told}");
}
