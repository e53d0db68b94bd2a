//! The seed of an authenticator app: sealed for its own person, opened only to check a code.

use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::app::App;
use crate::clock::Timestamp;
use crate::keys::{place, purpose};
use crate::store::credentials::TotpCredential;

/// The purpose under which seeds are sealed.
pub const SEED: &str = purpose::TOTP_SEEDS;

/// A code changes this often, in seconds (RFC 6238 §4.1).
const STEP: i64 = 30;

/// The alphabet of RFC 4648 §6, in which apps take a key that is typed.
pub(super) const RFC_4648: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Where the seed of `user_id` lies: a sealed seed opens for its own person only.
#[must_use]
pub fn seed_place(user_id: &str) -> String {
    place("totp_credentials", "sealed_seed", user_id)
}

/// The step that `now` lies in.
pub(super) fn step_at(now: Timestamp) -> i64 {
    now.seconds().div_euclid(STEP)
}

pub(super) fn open(app: &App, credential: &TotpCredential) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let place = seed_place(&credential.user_id);
    app.master.open_sealed(SEED, &place, &credential.sealed_seed)
}

/// The step that `code` belongs to, if it is at most `skew` steps away from now.
pub(super) fn step_of(
    app: &App,
    credential: &TotpCredential,
    code: &str,
    skew: u16,
) -> anyhow::Result<Option<i64>> {
    let seed = open(app, credential)?;
    let totp: Totp = Builder::new().with_secret(seed.as_slice()).with_skew(skew).build()?;
    let at = u64::try_from(app.clock.now().seconds()).unwrap_or(0);
    Ok(totp.check(code, at).map(|step| i64::try_from(step).unwrap_or(i64::MAX)))
}

/// Six ASCII digits; blanks between them, as apps show them, do not count.
#[must_use]
pub fn digits(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed.chars().filter(|c| *c != ' ').collect();
    (code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())).then_some(code)
}

/// Five bits a letter; the bits of `bytes` must be a multiple of five.
pub(super) fn base32(alphabet: &[u8; 32], bytes: &[u8]) -> String {
    let (mut bits, mut held, mut text) = (0_u32, 0_u32, String::new());
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            let at = usize::try_from((bits >> held) & 31).unwrap_or(0);
            text.extend(alphabet.get(at).map(|letter| char::from(*letter)));
        }
        bits &= (1 << held) - 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_digits_are_a_code() {
        assert_eq!(digits("123 456").as_deref(), Some("123456"));
        for other in ["", "1", "12345", "1234567", "+12345", "\u{ff11}23456", "12345a"] {
            assert_eq!(digits(other), None, "{other:?}");
        }
        assert_eq!(digits(&"1".repeat(1_000_000)), None);
    }

    #[test]
    fn a_key_is_written_as_the_rfc_writes_it() {
        // RFC 4648 §10, and the seed of RFC 6238 appendix B.
        assert_eq!(base32(RFC_4648, b"fooba"), "MZXW6YTB");
        assert_eq!(base32(RFC_4648, b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
