//! Claims about a person: the standard ones, the `claims` parameter, and who sees which.

mod request;
mod shapes;
mod standard;

use serde_json::{Map, Value};

use super::scope::Scope;

pub use request::{ClaimRequest, ClaimsRequest};
pub use standard::{Address, StandardClaims};

/// Which scope brings which claims (OpenID Connect Core §5.4).
const BROUGHT_BY: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
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
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// The standard claims that a scope brings; none for a scope that brings none.
#[must_use]
pub fn brought_by(scope: &str) -> &'static [&'static str] {
    BROUGHT_BY.iter().find(|(name, _)| *name == scope).map_or(&[], |(_, claims)| claims)
}

/// The scope that brings a standard claim.
#[must_use]
pub fn scope_of(claim: &str) -> Option<&'static str> {
    BROUGHT_BY.iter().find(|(_, claims)| claims.contains(&claim)).map(|(scope, _)| *scope)
}

/// Every standard claim about a person, for `claims_supported`.
pub fn standard_names() -> impl Iterator<Item = &'static str> {
    BROUGHT_BY.iter().flat_map(|(_, claims)| claims.iter().copied())
}

/// What the userinfo endpoint tells besides `sub`: what the scope brings and what the `claims`
/// parameter asks for (OpenID Connect Core §5.3.2, §5.4, §5.5); empty claims are left out.
#[must_use]
pub fn userinfo(
    claims: &StandardClaims,
    scope: &Scope,
    request: &ClaimsRequest,
) -> Map<String, Value> {
    pick(claims, |name| {
        request.userinfo.contains_key(name)
            || scope_of(name).is_some_and(|brings| scope.contains(brings))
    })
}

/// What an ID token tells about a person besides `sub`: only what the `claims` parameter asks for
/// there, since an access token for the userinfo endpoint always comes with it (OpenID Connect
/// Core §5.4).
#[must_use]
pub fn id_token_extras(claims: &StandardClaims, request: &ClaimsRequest) -> Map<String, Value> {
    pick(claims, |name| request.id_token.contains_key(name))
}

fn pick(claims: &StandardClaims, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut told = claims.to_map();
    told.retain(|name, _| wanted(name));
    told
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(map: &Map<String, Value>) -> Vec<&str> {
        map.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_scope_brings_its_claims_and_the_parameter_more() {
        let claims = StandardClaims::check(json!({
            "name": "Alice", "email": "a@x.example", "email_verified": true, "birthdate": "1990",
            "phone_number": "+1 555 0100", "address": {"country": "NZ"}, "nickname": " ",
        }))
        .unwrap();
        let none = ClaimsRequest::default();
        let scope = |text| Scope::parse(text).unwrap();
        assert!(userinfo(&claims, &scope("openid"), &none).is_empty());
        assert_eq!(names(&userinfo(&claims, &scope("profile"), &none)), ["birthdate", "name"]);
        assert_eq!(names(&userinfo(&claims, &scope("email"), &none)), ["email", "email_verified"]);
        let request = ClaimsRequest::parse(
            r#"{"userinfo":{"name":{"essential":true},"sub":null},"id_token":{"email":null,"acr":null}}"#,
        )
        .unwrap();
        let told = userinfo(&claims, &scope("openid address"), &request);
        assert_eq!(Value::from(told), json!({"name": "Alice", "address": {"country": "NZ"}}));
        assert_eq!(names(&id_token_extras(&claims, &request)), ["email"]);
        assert!(id_token_extras(&claims, &none).is_empty());
    }

    #[test]
    fn every_standard_claim_is_brought_by_a_scope_that_has_words() {
        let every = StandardClaims::check(standard::every_claim()).unwrap().to_map();
        assert_eq!(every.len(), standard_names().count());
        assert!(every.keys().all(|name| scope_of(name).is_some()));
    }
}
