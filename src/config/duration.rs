//! Durations as people write them: `500ms`, `10s`, `15m`, `1h30m`, `90d`.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigDuration(Duration);

impl ConfigDuration {
    /// `duration` as a value of the configuration.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The duration itself.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for ConfigDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl Deref for ConfigDuration {
    type Target = Duration;
    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl FromStr for ConfigDuration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a duration such as `10s`, `15m`, `1h` or `90d`";
        let mut rest = text;
        let mut millis = 0_u64;
        while !rest.is_empty() || text.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
            let (number, after) = rest.split_at(digits);
            let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit);
            let number: u64 = number.parse().map_err(|_| EXPECTED)?;
            let (_, size) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(EXPECTED)?;
            millis =
                number.checked_mul(size).and_then(|n| millis.checked_add(n)).ok_or(EXPECTED)?;
            rest = after;
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for ConfigDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if millis == 0 {
            return f.write_str("0s");
        }
        let fits = UNITS.into_iter().find(|(_, size)| millis.is_multiple_of(u128::from(*size)));
        let (unit, size) = fits.unwrap_or(("ms", 1));
        write!(f, "{}{unit}", millis / u128::from(size))
    }
}

impl Serialize for ConfigDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConfigDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|expected| {
            serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis, shown) in [
            ("10s", 10_000, "10s"),
            ("15m", 900_000, "15m"),
            ("1h30m", 5_400_000, "90m"),
            ("90d", 7_776_000_000, "90d"),
            ("250ms", 250, "250ms"),
            ("0s", 0, "0s"),
        ] {
            let duration: ConfigDuration = text.parse().unwrap();
            assert_eq!(duration.get(), Duration::from_millis(millis), "{text}");
            assert_eq!(duration.to_string(), shown);
        }
        for text in ["", "10", "m", "10 m", "-1s", "1.5h", "10y", "99999999999999999999d", "1s2"] {
            assert!(text.parse::<ConfigDuration>().is_err(), "{text:?}");
        }
    }
}
