//! Ids, random tokens and their hashes: the one place that randomness comes from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::clock::Timestamp;

/// Where randomness comes from: the operating system, or a test's seed.
#[derive(Clone, Debug, Default)]
pub enum Random {
    /// The operating system's generator, through aws-lc.
    #[default]
    System,
    /// A repeatable sequence for tests: SHA-256 of the seed and a counter.
    Seeded {
        /// What the sequence starts from.
        seed: u64,
        /// How many blocks were taken.
        taken: Arc<AtomicU64>,
    },
}

impl Random {
    /// A repeatable sequence for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded { seed, taken: Arc::new(AtomicU64::new(0)) }
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing secure can be done then.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match self {
            Self::System => {
                let filled = SystemRandom::new().fill(&mut bytes);
                assert!(filled.is_ok(), "the operating system gave no randomness");
            }
            Self::Seeded { seed, taken } => {
                for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
                    let block = taken.fetch_add(1, Ordering::SeqCst);
                    let mut input = seed.to_be_bytes().to_vec();
                    input.extend(block.to_be_bytes());
                    let hash = digest::digest(&digest::SHA256, &input);
                    for (to, from) in chunk.iter_mut().zip(hash.as_ref()) {
                        *to = *from;
                    }
                }
            }
        }
        bytes
    }

    /// A new token of 256 random bits after `prefix`, which lets secret scanners find leaked ones.
    #[must_use]
    pub fn token(&self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.bytes::<32>()))
    }

    /// A new record's id: `UUIDv7` as text (RFC 9562 §5.7), so that ids sort by time.
    #[must_use]
    pub fn id(&self, now: Timestamp) -> String {
        self.uuid(now).to_string()
    }

    /// A new record's id in binary.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes::<10>()).into_uuid()
    }
}

/// When an id of [`Random::id`] was made; `None` for another one.
#[must_use]
pub fn time_of_id(id: &str) -> Option<Timestamp> {
    let (seconds, nanos) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)? + i64::from(nanos / 1_000_000)))
}

/// The SHA-256 of a token as base64url: how every long random token is kept at rest.
///
/// Right only for tokens of 128 random bits and more; a password wants Argon2id.
#[must_use]
pub fn sha256(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// Compares two strings in a time that depends only on their lengths.
#[must_use]
pub fn equal(left: &str, right: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(left.as_bytes(), right.as_bytes()).into()
}
