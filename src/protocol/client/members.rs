//! Reads the members of a JSON object by their types, with an error that names the member.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::protocol::error::OAuthError;
use crate::protocol::jwt::SigningAlg;

/// More characters than any honest string of client metadata has.
const MOST_CHARACTERS: usize = 2048;

/// The members not read yet; `null` is the same as absent (RFC 7591 §2).
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn of(value: Value) -> Result<Self, OAuthError> {
        match value {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(OAuthError::invalid_client_metadata("client metadata must be a JSON object")),
        }
    }

    /// A member of any type; `what` tells which values it may have.
    pub(super) fn value<T: DeserializeOwned>(
        &mut self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, OAuthError> {
        let value = self.0.remove(name).filter(|value| !value.is_null());
        let Some(value) = value else { return Ok(None) };
        if longest(&value) > MOST_CHARACTERS {
            let rule = format!("'{name}' holds a string longer than {MOST_CHARACTERS} characters");
            return Err(OAuthError::invalid_client_metadata(rule));
        }
        serde_json::from_value(value)
            .map(Some)
            .map_err(|_| OAuthError::invalid_client_metadata(format!("'{name}' must be {what}")))
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, OAuthError> {
        self.value(name, "a string")
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, OAuthError> {
        Ok(self.value(name, "true or false")?.unwrap_or_default())
    }

    /// A list of strings, each kept once.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, OAuthError> {
        Ok(self.value(name, "a list of strings")?.map(once_each))
    }

    /// A list of names of known values, each kept once.
    pub(super) fn names<T>(
        &mut self,
        name: &str,
        known: fn(&str) -> Option<T>,
        all: impl Iterator<Item = &'static str>,
    ) -> Result<Option<Vec<T>>, OAuthError> {
        let Some(names) = self.texts(name)? else { return Ok(None) };
        let values: Option<Vec<T>> = names.iter().map(|name| known(name)).collect();
        values.map(Some).ok_or_else(|| {
            let all: Vec<_> = all.collect();
            let rule = format!("'{name}' may hold only {}", all.join(", "));
            OAuthError::invalid_client_metadata(rule)
        })
    }

    /// A signature algorithm; `none` is not one.
    pub(super) fn alg(&mut self, name: &str) -> Result<Option<SigningAlg>, OAuthError> {
        let names = SigningAlg::ALL.map(SigningAlg::name).join(", ");
        self.value(name, &format!("one of {names}"))
    }
}

fn once_each(list: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    list.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

/// How long the longest string in it is; JSON was bounded in depth when it was parsed.
fn longest(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0),
        Value::Object(members) => members.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}
