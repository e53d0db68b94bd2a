//! Seals the record inside an access token, so that minting one writes nothing.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, LessSafeKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::files::Secret;
use super::master::{aead_key, open, seal};
use crate::secret::Random;

/// Longer than any record of ours; nothing longer is even decoded.
const MAX_CHARS: usize = 4096;

/// AES-256-GCM-SIV (RFC 8452): tokens are made by the million, on many nodes, and there a repeated
/// random nonce only shows that two records are equal, where plain GCM would give its key away.
pub struct TokenSealer {
    /// The first one seals.
    keys: Vec<LessSafeKey>,
    random: Random,
}

impl TokenSealer {
    pub(super) fn new(keys: &[Secret], random: &Random) -> anyhow::Result<Self> {
        let keys =
            keys.iter().map(|key| aead_key(&AES_256_GCM_SIV, key)).collect::<Result<_, _>>()?;
        Ok(Self { keys, random: random.clone() })
    }

    /// The record as an opaque token, without a prefix.
    pub fn seal_token(&self, record: &[u8]) -> anyhow::Result<String> {
        let key = self.keys.first().ok_or_else(|| anyhow::anyhow!("there is no key for tokens"))?;
        Ok(BASE64.encode(seal(key, self.random.bytes(), &[], record)?))
    }

    /// The record in a token of ours; `None` for anything that is not one to the last bit.
    #[must_use]
    pub fn open_token(&self, token: &str) -> Option<Vec<u8>> {
        if token.len() > MAX_CHARS {
            return None;
        }
        // The decoder takes each byte string in one spelling only: no padding, no stray bits.
        let sealed = BASE64.decode(token).ok()?;
        self.keys
            .iter()
            .find_map(|key| open(key, &[], sealed.clone()))
            .map(|record| record.to_vec())
    }
}

impl fmt::Debug for TokenSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSealer")
    }
}
