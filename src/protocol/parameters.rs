//! Request parameters, read once and the same way for every endpoint: each at most once, none empty.

use std::collections::HashSet;
use std::fmt;

use super::error::OAuthError;

/// More pairs than any honest request has.
const MOST_PAIRS: usize = 128;

/// The one parameter that may be sent more than once (RFC 8707 §2).
const REPEATABLE: &str = "resource";

/// The decoded parameters of a request, in the order in which they were sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`, from a query or a body, strictly.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        let mut pairs = Vec::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MOST_PAIRS {
                return Err(OAuthError::invalid_request("there are too many parameters"));
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Parameters that are decoded already.
    #[must_use]
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All of them, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All of them as `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn encoded(&self) -> String {
        let mut encoder = url::form_urlencoded::Serializer::new(String::new());
        encoder.extend_pairs(&self.0);
        encoder.finish()
    }

    /// These and `others` together, so that a name in a query and in a body counts as repeated.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The value of `name`; absent and empty are the same, twice is an error (RFC 6749 §3.1, §3.2).
    pub fn once(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.values(name);
        let value = values.next();
        if values.next().is_some() {
            return Err(OAuthError::invalid_request(format!("'{name}' is sent more than once")));
        }
        Ok(value.filter(|value| !value.is_empty()))
    }

    /// The value of `name`, which must be there.
    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.once(name)?.ok_or_else(|| OAuthError::invalid_request(format!("'{name}' is missing")))
    }

    /// Every value of a parameter that may repeat, the empty ones left out.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.values(name).filter(|value| !value.is_empty()).collect()
    }

    /// Refuses a request in which any name but `resource` stands twice (RFC 6749 §3.1, §3.2).
    pub fn refuse_repeats(&self) -> Result<(), OAuthError> {
        let mut seen = HashSet::new();
        let repeats = |name: &str| name != REPEATABLE && !seen.insert(name.to_owned());
        if self.0.iter().map(|(name, _)| name.as_str()).any(repeats) {
            return Err(OAuthError::invalid_request("a parameter is sent more than once"));
        }
        Ok(())
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }
}

/// Only the names: values may be codes, passwords and client secrets.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(encoded: &[u8]) -> Result<String, OAuthError> {
    let malformed = || OAuthError::invalid_request("the parameters are not form-urlencoded UTF-8");
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = bytes.next().and_then(hex).ok_or_else(malformed)?;
                let low = bytes.next().and_then(hex).ok_or_else(malformed)?;
                high << 4 | low
            }
            other => other,
        });
    }
    if decoded.contains(&0) {
        return Err(malformed());
    }
    String::from_utf8(decoded).map_err(|_| malformed())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Parameters {
        Parameters::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn absent_and_empty_are_the_same_and_twice_is_an_error() {
        let params = parse("a=1&b=&c&&d=x%26y+z%C3%A9&e=1&e=1&f=&f=2&=odd&a[]=2");
        assert_eq!(params.once("a").unwrap(), Some("1"));
        assert_eq!(params.once("d").unwrap(), Some("x&y zé"));
        assert_eq!(params.required("a").unwrap(), "1");
        for absent in ["b", "c", "nothing"] {
            assert_eq!(params.once(absent).unwrap(), None, "{absent}");
            assert!(params.required(absent).is_err(), "{absent}");
        }
        for twice in ["e", "f"] {
            assert!(params.once(twice).is_err(), "{twice}");
        }
        assert!(params.refuse_repeats().is_err());
    }

    #[test]
    fn only_resource_may_repeat() {
        assert!(parse("resource=a&resource=b&x=1").refuse_repeats().is_ok());
        assert_eq!(parse("resource=a&resource=&resource=b").all("resource"), ["a", "b"]);
        assert!(parse("x=1").and(parse("x=1")).refuse_repeats().is_err());
    }

    #[test]
    fn what_is_not_form_urlencoded_is_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%00", "%00=1", "a=%ff", "a=%c3%28"] {
            assert!(Parameters::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Parameters::parse(b"a=\xff").is_err());
        assert!(Parameters::parse("a=1&".repeat(129).as_bytes()).is_err());
        assert!(Parameters::parse("a=1&".repeat(128).as_bytes()).is_ok());
    }

    #[test]
    fn values_do_not_print() {
        assert_eq!(format!("{:?}", parse("client_secret=hush")), r#"["client_secret"]"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_a_form_encodes_is_read_back(pairs: Vec<(String, String)>) {
            prop_assume!(pairs.len() <= MOST_PAIRS);
            prop_assume!(pairs.iter().all(|(name, value)| !name.contains('\0') && !value.contains('\0')));
            let encoded = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&pairs).finish();
            prop_assert_eq!(parse(&encoded), Parameters::from_pairs(pairs));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = Parameters::parse(&bytes);
        }
    }
}
