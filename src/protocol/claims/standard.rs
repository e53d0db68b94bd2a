//! The standard claims (OpenID Connect Core §5.1), each of its own type and checked.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::shapes::{
    is_birthdate, is_email, is_line, is_lines, is_link, is_locale, is_phone, is_zone,
};

/// Longer than any honest value.
const MOST_CHARACTERS: usize = 1000;

/// What is known about a person; what is not known is left out, never `null` or empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of OpenID Connect Core §5.1")]
pub struct StandardClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
}

/// A postal address (OpenID Connect Core §5.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of OpenID Connect Core §5.1.1")]
pub struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl StandardClaims {
    /// Checks claims that somebody wrote; blank ones count as absent, unknown ones are errors.
    /// The error is a sentence that names the claim.
    pub fn check(value: Value) -> Result<Self, String> {
        let Value::Object(mut claims) = value else {
            return Err("claims must be a JSON object".to_owned());
        };
        let mut problem = tidy(&mut claims, "");
        if let Some(Value::Object(address)) = claims.get_mut("address") {
            problem = problem.or_else(|| tidy(address, "address."));
            if address.is_empty() {
                claims.remove("address");
            }
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        // The rules above refused every unknown name and wrong type.
        serde_json::from_value(Value::Object(claims))
            .map_err(|_| "a claim has the wrong type".to_owned())
    }

    /// As JSON, without what is not known.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        map.retain(|_, value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Object(members) => !members.is_empty(),
            _ => true,
        });
        for (claim, about) in
            [("email_verified", "email"), ("phone_number_verified", "phone_number")]
        {
            if !map.contains_key(about) {
                map.remove(claim);
            }
        }
        map
    }
}

/// Trims the strings, takes out what is blank, and names the first rule that is broken.
fn tidy(claims: &mut Map<String, Value>, within: &str) -> Option<String> {
    for value in claims.values_mut() {
        if let Value::String(text) = value {
            *text = text.trim().to_owned();
        }
    }
    claims.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    claims.iter().find_map(|(name, value)| {
        let name = format!("{within}{name}");
        rule(&name, value).map(|rule| format!("'{name}' {rule}"))
    })
}

/// The rule that a claim breaks, if it breaks one.
fn rule(name: &str, value: &Value) -> Option<&'static str> {
    let text = |good: fn(&str) -> bool, rule: &'static str| match value.as_str() {
        None => Some("must be a string"),
        Some(text) if text.chars().count() > MOST_CHARACTERS => Some("is too long"),
        Some(text) => (!good(text)).then_some(rule),
    };
    match name {
        "name"
        | "given_name"
        | "family_name"
        | "middle_name"
        | "nickname"
        | "preferred_username"
        | "gender"
        | "address.locality"
        | "address.region"
        | "address.postal_code"
        | "address.country" => text(is_line, "must be one line without control characters"),
        "address.formatted" | "address.street_address" => {
            text(is_lines, "must have no control characters but line breaks")
        }
        "profile" | "picture" | "website" => text(is_link, "must be an http or https URL"),
        "email" => text(is_email, "must be an email address"),
        "birthdate" => text(is_birthdate, "must be a date YYYY-MM-DD, 0000-MM-DD or a year YYYY"),
        "zoneinfo" => text(is_zone, "must be a time zone such as Europe/Paris"),
        "locale" => text(is_locale, "must be a language tag such as en-US"),
        "phone_number" => text(is_phone, "must be a phone number such as +1 (604) 555-1234"),
        "email_verified" | "phone_number_verified" => {
            (!value.is_boolean()).then_some("must be true or false")
        }
        "updated_at" => value
            .as_i64()
            .is_none_or(|seconds| seconds < 0)
            .then_some("must be a number of seconds since 1970"),
        "address" => (!value.is_object()).then_some("must be a JSON object"),
        _ => Some("is not a standard claim"),
    }
}

/// A value for each of them.
#[cfg(test)]
pub(super) fn every_claim() -> Value {
    serde_json::json!({
        "name": "Alice B. Example", "given_name": "Alice", "family_name": "Example",
        "middle_name": "B.", "nickname": "al", "preferred_username": "alice",
        "profile": "https://a.example/", "picture": "https://a.example/p.png",
        "website": "http://a.example/", "email": "alice@a.example", "email_verified": true,
        "gender": "female", "birthdate": "1990-02-28", "zoneinfo": "America/Argentina/Buenos_Aires",
        "locale": "en-US", "phone_number": "+1 (604) 555-1234;ext=5678",
        "phone_number_verified": false, "updated_at": 1_311_280_970,
        "address": {"formatted": "1 Main St\nTown", "street_address": "1 Main St",
            "locality": "Town", "region": "R", "postal_code": "1", "country": "NZ"},
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_claim_survives_and_blank_ones_do_not() {
        let claims = StandardClaims::check(every_claim()).unwrap();
        assert_eq!(Value::from(claims.to_map()), every_claim());
        let blank = json!({"name": "  ", "email": null, "address": {"country": ""}});
        assert_eq!(StandardClaims::check(blank).unwrap(), StandardClaims::default());
        let orphan = StandardClaims::check(json!({"email_verified": true})).unwrap();
        assert!(orphan.to_map().is_empty());
        for birthdate in ["1850", "2000-02-29", "0000-02-29"] {
            assert!(StandardClaims::check(json!({"birthdate": birthdate})).is_ok(), "{birthdate}");
        }
    }

    #[test]
    fn every_broken_rule_is_named() {
        for (bad, name) in [
            (json!({"nmae": "x"}), "nmae"),
            (json!({"sub": "x"}), "sub"),
            (json!({"name": 5}), "name"),
            (json!({"name": "a\u{7}b"}), "name"),
            (json!({"name": "x".repeat(1001)}), "name"),
            (json!({"website": "javascript:alert(1)"}), "website"),
            (json!({"email": "a b@x"}), "email"),
            (json!({"email": "a@b@x"}), "email"),
            (json!({"email_verified": "true"}), "email_verified"),
            (json!({"birthdate": "1990-02-30"}), "birthdate"),
            (json!({"birthdate": "1990-2-3"}), "birthdate"),
            (json!({"birthdate": "01.02.1990"}), "birthdate"),
            (json!({"birthdate": "1849"}), "birthdate"),
            (json!({"zoneinfo": "Europe/../etc"}), "zoneinfo"),
            (json!({"locale": "en_US"}), "locale"),
            (json!({"phone_number": "call me"}), "phone_number"),
            (json!({"updated_at": "2020"}), "updated_at"),
            (json!({"updated_at": -1}), "updated_at"),
            (json!({"address": "here"}), "address"),
            (json!({"address": {"planet": "Earth"}}), "address.planet"),
        ] {
            let problem = StandardClaims::check(bad).unwrap_err();
            assert!(problem.contains(&format!("'{name}'")), "{problem}");
        }
        assert!(StandardClaims::check(json!([])).is_err());
    }
}
