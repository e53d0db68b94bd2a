//! The signing keys, opened: which one signs, which ones are published.

use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::purpose::SIGNING_KEYS as PURPOSE;
use super::{MasterKey, place};
use crate::clock::Timestamp;
use crate::protocol::jwt::{KeyType, PublicKey, SigningAlg, SigningKey};
use crate::store::signing_keys::SigningKeyRow as KeyRow;

impl KeyRow {
    /// A new key of that type, sealed.
    pub fn generate(
        key_type: KeyType,
        activates_at: Timestamp,
        now: Timestamp,
        master: &MasterKey,
    ) -> anyhow::Result<Self> {
        let (key, pkcs8) = SigningKey::generate(key_type)?;
        Ok(Self {
            sealed: master.seal(PURPOSE, &sealed_place(&key.kid), &pkcs8)?,
            public_jwk: key.public_jwk().to_string(),
            kid: key.kid,
            key_type: key_type.name().to_owned(),
            created_at: now,
            activates_at,
            retires_at: None,
            removed_at: None,
        })
    }

    /// Whether it may sign at `now`.
    pub(super) fn signs(&self, now: Timestamp) -> bool {
        self.activates_at <= now
            && self.retires_at.is_none_or(|at| at > now)
            && self.removed_at.is_none()
    }

    /// What orders keys from the oldest to the newest, the same on every node.
    pub(super) fn age(&self) -> (Timestamp, Timestamp, &str) {
        (self.activates_at, self.created_at, &self.kid)
    }

    fn open(&self, master: &MasterKey) -> anyhow::Result<SigningKey> {
        let key_type = KeyType::from_name(&self.key_type).context("its type is unknown")?;
        let pkcs8 = master.open_sealed(PURPOSE, &sealed_place(&self.kid), &self.sealed)?;
        let key = SigningKey::from_pkcs8(key_type, &pkcs8)?;
        ensure!(key.kid == self.kid, "its private half belongs to another key");
        Ok(key)
    }
}

fn sealed_place(kid: &str) -> String {
    place("signing_keys", "sealed", kid)
}

/// Every signing key that is published, opened; a new ring is loaded when the rows change.
pub struct KeyRing {
    /// From the oldest to the newest.
    keys: Vec<(KeyRow, Arc<SigningKey>)>,
    public: Vec<PublicKey>,
}

impl KeyRing {
    /// Opens the rows that are not removed.
    pub fn load(rows: &[KeyRow], master: &MasterKey) -> anyhow::Result<Self> {
        let mut keys = Vec::new();
        for row in rows.iter().filter(|row| row.removed_at.is_none()) {
            let key =
                row.open(master).with_context(|| format!("signing key {} is unusable", row.kid))?;
            keys.push((row.clone(), Arc::new(key)));
        }
        keys.sort_by(|(one, _), (other, _)| one.age().cmp(&other.age()));
        let public = keys.iter().map(|(_, key)| key.public_key()).collect::<Result<_, _>>()?;
        Ok(Self { keys, public })
    }

    /// The key that signs with `alg` now: the newest that is activated and not retired. If the
    /// clock was set back to before the first was activated, that one: it is published already.
    #[must_use]
    pub fn active(&self, alg: SigningAlg, now: Timestamp) -> Option<Arc<SigningKey>> {
        let fits = |(_, key): &&(KeyRow, Arc<SigningKey>)| key.key_type == alg.key_type();
        let newest = self.keys.iter().rev().filter(fits).find(|(row, _)| row.signs(now));
        let right = newest.or_else(|| {
            let mut oldest_first = self.keys.iter().filter(fits);
            oldest_first.find(|(row, _)| row.activates_at > now && row.retires_at.is_none())
        });
        right.map(|(_, key)| Arc::clone(key))
    }

    /// The published JWK set (RFC 7517 §5): keys that will sign, sign, or signed what still lives.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let newest_first: Vec<_> =
            self.keys.iter().rev().map(|(_, key)| key.public_jwk()).collect();
        json!({ "keys": newest_first })
    }

    /// The public halves of all published keys, to verify our own tokens with.
    #[must_use]
    pub fn verifying_keys(&self) -> &[PublicKey] {
        &self.public
    }
}
