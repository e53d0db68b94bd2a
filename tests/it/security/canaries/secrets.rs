//! What was secret in a run, and where it may not stand.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchkey::secret::sha256;

/// The prefixes that tell tokens apart; what follows one is the secret part.
const PREFIXES: [&str; 4] = ["lk_at_", "lk_rt_", "lk_ac_", "lk_cs_"];

/// Everything that was secret.
#[derive(Default)]
pub struct Secrets {
    /// What it is, and every form of it.
    texts: Vec<(String, BTreeSet<String>)>,
    /// Codes of six digits: too short to be looked for within other digits.
    codes: BTreeSet<String>,
    bytes: Vec<(String, Vec<u8>)>,
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).expect("a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The base64 of `secret` as it looks within something longer, at each of the three places where
/// it can begin.
fn base64_within(secret: &[u8], found: &mut BTreeSet<String>) {
    for before in 0..3 {
        let padded = [&vec![0; before][..], secret].concat();
        for text in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            let whole = text.trim_end_matches('=');
            // The first letters hold bits of what stands before, the last of what follows.
            let (from, to) = (before + before.min(1), whole.len() - 1);
            found.insert(whole[from..to].to_owned());
        }
    }
}

/// Every form in which `secret` would be as good as plain.
fn forms(secret: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([secret.to_owned()]);
    found.insert(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect());
    let escaped: Vec<_> = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    found.insert(escaped.concat());
    found.insert(escaped.concat().to_lowercase());
    found.insert(hex(secret.as_bytes()));
    found.insert(hex(secret.as_bytes()).to_uppercase());
    let json = serde_json::Value::from(secret).to_string();
    found.insert(json[1..json.len() - 1].to_owned());
    found.insert(format!("{secret:?}").trim_matches('"').to_owned());
    base64_within(secret.as_bytes(), &mut found);
    found
}

impl Secrets {
    /// A token of many random bits.
    pub fn token(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to be looked for: {secret:?}");
        let mut found = forms(secret);
        for prefix in PREFIXES {
            if let Some(rest) = secret.strip_prefix(prefix) {
                found.extend(forms(rest));
            }
        }
        // A JWT is worth nothing without its signature; its claims may stand elsewhere.
        if let Some((_, signature)) = secret.rsplit_once('.') {
            found.extend(forms(signature));
        }
        self.texts.push((what.to_owned(), found));
    }

    /// What somebody typed and could be guessed: its plain hash is no better than itself.
    pub fn typed(&mut self, what: &str, secret: &str) {
        if secret.len() < 8 && secret.bytes().all(|byte| byte.is_ascii_digit()) {
            self.codes.insert(secret.to_owned());
            return;
        }
        assert!(secret.len() >= 6, "{what} is too short to be looked for: {secret:?}");
        let mut found = forms(secret);
        let hash = sha256(secret);
        let raw = URL_SAFE_NO_PAD.decode(&hash).expect("base64url");
        found.extend([hash, STANDARD.encode(&raw), hex(&raw)]);
        // Groups of letters are as good without their dashes.
        found.extend(forms(&secret.replace('-', "")));
        self.texts.push((what.to_owned(), found));
    }

    /// A key.
    pub fn bytes(&mut self, what: &str, secret: &[u8]) {
        assert!(secret.len() >= 16, "{what} is too short to be looked for");
        let mut found = BTreeSet::from([hex(secret), hex(secret).to_uppercase()]);
        base64_within(secret, &mut found);
        self.texts.push((what.to_owned(), found));
        self.bytes.push((what.to_owned(), secret.to_owned()));
    }

    pub fn count(&self) -> usize {
        self.texts.len() + self.codes.len() + self.bytes.len()
    }

    /// Fails if any of them stands in `bytes`.
    pub fn are_not_in(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for (what, forms) in &self.texts {
            for form in forms {
                if let Some(at) = text.find(form.as_str()) {
                    let around: String = text[..at].chars().rev().take(200).collect();
                    let around: String = around.chars().rev().collect();
                    panic!("{what} stands in {place} as {form:?}, after {around:?}");
                }
            }
        }
        for (what, secret) in &self.bytes {
            let first = secret[0];
            let found = bytes.iter().enumerate().any(|(at, byte)| {
                *byte == first && bytes.get(at..at + secret.len()) == Some(secret.as_slice())
            });
            assert!(!found, "{what} stands in {place}, byte by byte");
        }
    }

    /// Fails if a code of six digits stands by itself in lines of text: among other letters and
    /// digits it would be a coincidence.
    pub fn codes_are_not_in(&self, place: &str, text: &str) {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
            assert!(!self.codes.contains(word), "the code {word} stands in {place}");
        }
    }

    /// Fails if anything in a log looks as only secrets do, known or not: nothing that may stand
    /// there has so many letters of base64url in a row.
    pub fn nothing_random_is_in(place: &str, log: &str) {
        for word in log.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-') {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
            let is_uuid = word.len() == 36 && word.bytes().filter(|b| *b == b'-').count() == 4;
            let random = word.len() >= 30 && digits >= 3 && letters >= 3 && !is_uuid;
            assert!(!random, "{word:?} stands in {place}");
        }
    }
}

#[test]
fn a_secret_is_found_in_whatever_form() {
    let mut secrets = Secrets::default();
    secrets.token("a token", "lk_at_c2l4dGVlbi1ieXRlcy1hbmQtYS1iaXQ");
    secrets.typed("a password", "CANARY pass/word+\"1%\u{e9}");
    secrets.bytes("a key", &[7; 32]);
    let held = |bytes: &[u8]| {
        let place = std::panic::AssertUnwindSafe(|| secrets.are_not_in("a test", bytes));
        std::panic::catch_unwind(place).is_err()
    };
    for text in [
        "x=lk_at_c2l4dGVlbi1ieXRlcy1hbmQtYS1iaXQ;".to_owned(),
        "c2l4dGVlbi1ieXRlcy1hbmQtYS1iaXQ".to_owned(),
        "CANARY+pass%2Fword%2B%221%25%C3%A9".to_owned(),
        r#"{"password":"CANARY pass/word+\"1%é"}"#.to_owned(),
        STANDARD.encode("web:CANARY pass/word+\"1%\u{e9}\n"),
        STANDARD.encode("me:CANARY pass/word+\"1%\u{e9}\n"),
        STANDARD.encode("you:CANARY pass/word+\"1%\u{e9}\n"),
        sha256("CANARY pass/word+\"1%\u{e9}"),
        hex(&[7; 32]),
    ] {
        assert!(held(text.as_bytes()), "{text}");
    }
    assert!(held(&[&[1, 2][..], &[7; 32], &[3]].concat()));
    assert!(!held(b"nothing of the kind"));
}

/// The bytes of base64url.
pub fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}
