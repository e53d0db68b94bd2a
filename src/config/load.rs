//! Reads the configuration: defaults, then the file, then the environment.

use std::path::Path;

use figment::Figment;
use figment::providers::Serialized;

use super::reference::{KEYS, Key, default_values, lookup};
use super::{Config, mask_password};

/// Before the path of a key in the environment.
const PREFIX: &str = "LATCHKEY_";

/// Why a configuration could not be read, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads `file` (if given) and the process's environment.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text = file.map(|path| {
            std::fs::read_to_string(path)
                .map_err(|error| ConfigError(format!("{}: {error}", path.display())))
        });
        let name = file.map(|path| path.display().to_string()).unwrap_or_default();
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(ConfigError(format!("{name}: expected UTF-8"))),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::read(&name, text.transpose()?.as_deref().unwrap_or_default(), environment)
    }

    /// Reads a configuration from `text`, which errors call `name`, and variables like
    /// `LATCHKEY_DATABASE__URL`; other variables are ignored.
    pub fn read(
        name: &str,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let file: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            ConfigError(format!("{name}, line {line}: {}", one_line(error.message())))
        })?;
        let mut figment = Figment::from(Serialized::defaults(file));
        let mut from_environment = Vec::new();
        for (variable, value) in environment {
            let Some(path) = variable.strip_prefix(PREFIX) else { continue };
            let path = path.to_ascii_lowercase().replace("__", ".");
            let key = KEYS.iter().find(|key| key.path == path).ok_or_else(|| {
                ConfigError(format!("{variable}: there is no key `{path}`{}", suggestion(&path)))
            })?;
            figment = figment.merge(Serialized::default(key.path, variable_value(key, &value)));
            from_environment.push((variable, key.path));
        }
        figment.extract().map_err(|error| {
            let found = figment.find_value(&error.path.join(".")).ok();
            explain(&error, found.as_ref(), name, &from_environment)
        })
    }
}

/// What a variable says: text is taken as it stands, anything else is read as TOML.
fn variable_value(key: &Key, value: &str) -> toml::Value {
    let is_text = match lookup(&default_values(), key.path) {
        Some(default) => default.is_str(),
        None => true,
    };
    let parsed =
        || toml::from_str::<toml::Table>(&format!("value = {value}")).ok()?.remove("value");
    let parsed = if is_text { None } else { parsed() };
    parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()))
}

/// One line that names the source, the key, the value and what is expected.
fn explain(
    error: &figment::Error,
    found: Option<&figment::value::Value>,
    name: &str,
    environment: &[(String, &str)],
) -> ConfigError {
    use figment::error::Kind;
    let path = error.path.join(".");
    let what = match &error.kind {
        Kind::UnknownField(field, _) => {
            let whole = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            let whole = if path.ends_with(field.as_str()) { path.clone() } else { whole };
            return ConfigError(format!("{name}: there is no key `{whole}`{}", suggestion(&whole)));
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {found}, expected {expected}")
        }
        Kind::UnknownVariant(found, expected) => {
            format!("found `{found}`, expected one of `{}`", expected.join("`, `"))
        }
        // Such as an address that does not parse: the message of its own parser.
        other => match found.and_then(|value| toml::Value::try_from(value).ok()) {
            Some(value) => format!("found {value}, which does not do: {other}"),
            None => other.to_string(),
        },
    };
    let variable = environment.iter().find(|(_, key)| *key == path);
    let source = variable.map_or(format!("{name}: {path}"), |(variable, _)| variable.clone());
    ConfigError(mask_password(&one_line(&format!("{source}: {what}"))))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names the known key that looks most like `path`, if one does.
fn suggestion(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or(path);
    let near = |key: &&Key| {
        let known = key.path.rsplit('.').next().unwrap_or(key.path);
        known == last || known.starts_with(last) || last.starts_with(known)
    };
    KEYS.iter().find(near).map_or(String::new(), |key| format!("; did you mean `{}`?", key.path))
}
