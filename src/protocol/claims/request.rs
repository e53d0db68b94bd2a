//! The `claims` parameter: which single claims a client asks for (OpenID Connect Core §5.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scope_of;
use crate::protocol::error::OAuthError;
use crate::protocol::json_depth::json_depth;
use crate::protocol::scope::Scope;

/// Longer than any honest request for claims.
const MOST_BYTES: usize = 8 * 1024;

/// Deeper than any honest request: the object, its two members, a claim, a value of some depth.
const MOST_DEPTH: usize = 8;

/// The claims asked for one by one, by where they shall stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// In the answer of the userinfo endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, ClaimRequest>,
    /// In the ID token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, ClaimRequest>,
}

/// How much one claim is wanted (OpenID Connect Core §5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Whether the client can hardly do without it.
    #[serde(default)]
    pub essential: bool,
    /// The value it shall have, or several that will do; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

impl ClaimsRequest {
    /// Reads the parameter. Length and depth are checked before any parser sees it (S-020).
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.len() > MOST_BYTES {
            return Err(OAuthError::invalid_request("'claims' is too long"));
        }
        if json_depth(text.as_bytes()) > MOST_DEPTH {
            return Err(OAuthError::invalid_request("'claims' is nested too deeply"));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(mut members)) => Ok(Self {
                userinfo: read(members.remove("userinfo"))?,
                id_token: read(members.remove("id_token"))?,
            }),
            _ => Err(OAuthError::invalid_request("'claims' must be a JSON object")),
        }
    }

    /// The same without the claims that these scopes do not bring, so that a client cannot learn
    /// by this parameter what it may not ask for by scope.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Self {
        let may = |name: &str| scope_of(name).is_none_or(|brings| scope.contains(brings));
        self.userinfo.retain(|name, _| may(name));
        self.id_token.retain(|name, _| may(name));
        self
    }

    /// The scopes that would bring these claims: what a person must have allowed.
    #[must_use]
    pub fn implied_scope(&self) -> Scope {
        let names = self.userinfo.keys().chain(self.id_token.keys());
        Scope::from_tokens(names.filter_map(|name| scope_of(name))).unwrap_or_default()
    }

    /// The authentication levels of which one is essential; empty if none is asked for
    /// (OpenID Connect Core §5.5.1.1).
    #[must_use]
    pub fn essential_acr(&self) -> Vec<&str> {
        self.id_token
            .get("acr")
            .filter(|acr| acr.essential)
            .map(|acr| acr.values.iter().map(|value| value.as_str().unwrap_or_default()).collect())
            .unwrap_or_default()
    }

    /// The only `sub` for which the client takes an answer, if it names one (OpenID Connect Core
    /// §5.5.1): it binds as `id_token_hint` does.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        [&self.id_token, &self.userinfo]
            .into_iter()
            .find_map(|claims| claims.get("sub")?.values.first()?.as_str())
    }
}

fn read(member: Option<Value>) -> Result<BTreeMap<String, ClaimRequest>, OAuthError> {
    match member {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(claims)) => {
            claims.into_iter().map(|(name, wish)| Ok((name, read_claim(wish)?))).collect()
        }
        Some(_) => Err(OAuthError::invalid_request(
            "'userinfo' and 'id_token' in 'claims' must be JSON objects",
        )),
    }
}

fn read_claim(wish: Value) -> Result<ClaimRequest, OAuthError> {
    let malformed = || {
        OAuthError::invalid_request(
            "a claim in 'claims' must be null or an object with 'essential', 'value' or 'values'",
        )
    };
    let mut wish: Map<String, Value> = match wish {
        Value::Null => return Ok(ClaimRequest::default()),
        Value::Object(wish) => wish,
        _ => return Err(malformed()),
    };
    let essential = match wish.remove("essential") {
        None => false,
        Some(Value::Bool(essential)) => essential,
        Some(_) => return Err(malformed()),
    };
    let values = match (wish.remove("value"), wish.remove("values")) {
        (None, None) => Vec::new(),
        (Some(value), None) => vec![value],
        (None, Some(Value::Array(values))) if !values.is_empty() => values,
        _ => return Err(malformed()),
    };
    Ok(ClaimRequest { essential, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read() {
        let request = ClaimsRequest::parse(
            r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null,
                  "http://example.info/claims/groups": null},
                "id_token": {"auth_time": {"essential": true}, "sub": {"value": "248289"},
                  "acr": {"essential": true, "values": ["urn:a", "urn:b"]}}, "other": 1}"#,
        )
        .unwrap();
        assert!(request.userinfo["given_name"].essential);
        assert_eq!(request.userinfo["nickname"], ClaimRequest::default());
        assert_eq!(request.essential_acr(), ["urn:a", "urn:b"]);
        assert_eq!(request.subject(), Some("248289"));
        assert_eq!(request.implied_scope().to_string(), "profile");
        let stored = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<ClaimsRequest>(&stored).unwrap(), request);
        let narrowed = request.within(&Scope::parse("openid email").unwrap());
        assert!(!narrowed.userinfo.contains_key("nickname"));
        assert!(narrowed.id_token.contains_key("acr"));
    }

    #[test]
    fn what_is_too_deep_too_long_or_malformed_is_refused() {
        let deep = |n: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(ClaimsRequest::parse(&deep(7)).is_ok());
        assert!(ClaimsRequest::parse(r#"{"x":"[[[[[[[[[[[[\"[[[["}"#).is_ok());
        for bad in [
            deep(8),
            deep(100_000),
            "[".repeat(8000),
            format!(r#"{{"x":"{}"}}"#, "x".repeat(8192)),
            "{".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            r#"{"userinfo":[]}"#.to_owned(),
            r#"{"userinfo":{"name":true}}"#.to_owned(),
            r#"{"userinfo":{"name":{"essential":"yes"}}}"#.to_owned(),
            r#"{"id_token":{"acr":{"values":"x"}}}"#.to_owned(),
            r#"{"id_token":{"acr":{"value":"x","values":["x"]}}}"#.to_owned(),
        ] {
            assert!(ClaimsRequest::parse(&bad).is_err(), "{bad:.60}");
        }
    }
}
