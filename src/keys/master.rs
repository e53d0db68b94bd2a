//! The master key: derives a key for each purpose, seals secrets at rest, makes MACs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use super::files::{self, MasterKeyError, Secret};
use super::token_sealer::TokenSealer;
use crate::secret::Random;

/// The format of a sealed record: version, key id, then nonce, ciphertext and tag in base64url.
const RECORD: &str = "v1";

/// The instance's master key, and the old ones that still open what they sealed.
pub struct MasterKey {
    current: OneKey,
    old: Vec<OneKey>,
    random: Random,
}

impl MasterKey {
    /// Reads the key in `folder`, or makes it at first start.
    ///
    /// `master.key` seals; any other `*.key` file there only opens. So to rotate is to rename
    /// `master.key`, put a new one in its place, and remove the old file when nothing sealed with
    /// it is left. A key that is merely missing is never replaced while `sealed_data_exists`.
    pub fn open(
        folder: &Path,
        sealed_data_exists: bool,
        random: &Random,
    ) -> Result<Self, MasterKeyError> {
        let (current, old) = files::load(folder, sealed_data_exists, random)?;
        Ok(Self::new(&current, &old, random))
    }

    /// A master key that lies in no file: for tests and benchmarks.
    #[must_use]
    pub fn in_memory(secret: [u8; 32], random: &Random) -> Self {
        Self::new(&Zeroizing::new(secret), &[], random)
    }

    pub(super) fn new(current: &Secret, old: &[Secret], random: &Random) -> Self {
        Self {
            current: OneKey::new(current),
            old: old.iter().map(OneKey::new).collect(),
            random: random.clone(),
        }
    }

    /// Which key seals now: no secret, and the same wherever the same key lies.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.current.id
    }

    /// Whether the key of that id is here, current or old.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.all().any(|key| key.id == id)
    }

    /// A key for one purpose alone (RFC 5869); nothing follows from it about any other.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.current.derive(purpose)
    }

    /// HMAC-SHA256 under the key of that purpose.
    #[must_use]
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.current.mac(purpose, data)
    }

    /// [`Self::mac`] in base64url.
    #[must_use]
    pub fn mac_text(&self, purpose: &str, data: &[u8]) -> String {
        BASE64.encode(self.mac(purpose, data))
    }

    /// Whether `mac` is right for `data`, also under an old key; takes the same time either way.
    #[must_use]
    pub fn mac_holds(&self, purpose: &str, data: &[u8], mac: &[u8]) -> bool {
        self.all().any(|key| {
            let right = key.mac(purpose, data);
            subtle::ConstantTimeEq::ct_eq(right.as_slice(), mac).into()
        })
    }

    /// Seals a secret with AES-256-GCM for the one [`place`] where it will lie.
    pub fn seal(&self, purpose: &str, place: &str, secret: &[u8]) -> anyhow::Result<String> {
        let id = &self.current.id;
        let key = aead_key(&AES_256_GCM, &self.current.derive(&format!("seal/{purpose}")))?;
        let sealed = seal(&key, self.random.bytes(), &bound(id, purpose, place), secret)?;
        Ok(format!("{RECORD}.{id}.{}", BASE64.encode(sealed)))
    }

    /// Opens what [`Self::seal`] made for the same purpose and place.
    pub fn open_sealed(
        &self,
        purpose: &str,
        place: &str,
        record: &str,
    ) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let mut parts = record.split('.');
        let (Some(RECORD), Some(id), Some(sealed), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            bail!("{place} holds no sealed record");
        };
        let Some(key) = self.all().find(|key| key.id == id) else {
            bail!("{place} is sealed with a master key that is not in the keys folder");
        };
        let key = aead_key(&AES_256_GCM, &key.derive(&format!("seal/{purpose}")))?;
        BASE64
            .decode(sealed)
            .ok()
            .and_then(|sealed| open(&key, &bound(id, purpose, place), sealed))
            .with_context(|| format!("{place} was altered, or belongs to another row"))
    }

    /// What seals access tokens.
    pub fn token_sealer(&self) -> anyhow::Result<TokenSealer> {
        let keys: Vec<_> = self.all().map(|key| key.derive("access-tokens")).collect();
        TokenSealer::new(&keys, &self.random)
    }

    fn all(&self) -> impl Iterator<Item = &OneKey> {
        std::iter::once(&self.current).chain(&self.old)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.current.id)
    }
}

/// The name of one value in the database, which a sealed record is bound to: moved to another
/// table, column or row it cannot be opened.
#[must_use]
pub fn place(table: &str, column: &str, row: &str) -> String {
    format!("{table}|{column}|{row}")
}

/// One master key after the first step of HKDF.
struct OneKey {
    id: String,
    extracted: Secret,
    /// The keys for MACs, each derived when it is first needed: one for each purpose in the code.
    macs: RwLock<BTreeMap<String, hmac::Key>>,
}

impl OneKey {
    fn new(secret: &Secret) -> Self {
        let extracted = hmac_sha256(b"latchkey master key", &[secret.as_slice()]);
        let mut key = Self {
            id: String::new(),
            extracted: Zeroizing::new(extracted),
            macs: RwLock::default(),
        };
        key.id = BASE64.encode(key.derive("id").split_at(6).0);
        key
    }

    /// HKDF-Expand for one block of output (RFC 5869 §2.3).
    fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(self.extracted.as_slice(), &[b"latchkey/v1/", purpose.as_bytes(), &[1]])
    }

    /// HMAC-SHA256 under the key of that purpose.
    fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let known = self.macs.read().unwrap_or_else(PoisonError::into_inner).get(purpose).cloned();
        let key = known.unwrap_or_else(|| {
            let key = self.derive(&format!("mac/{purpose}"));
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            let mut macs = self.macs.write().unwrap_or_else(PoisonError::into_inner);
            macs.entry(purpose.to_owned()).or_insert(key).clone()
        });
        bytes_of(&hmac::sign(&key, data))
    }
}

fn hmac_sha256(key: &[u8], data: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in data {
        context.update(part);
    }
    bytes_of(&context.sign())
}

fn bytes_of(tag: &hmac::Tag) -> [u8; 32] {
    let mut mac = [0; 32];
    for (to, from) in mac.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    mac
}

/// All that a record is bound to, each part with its length so that no two read the same.
fn bound(id: &str, purpose: &str, place: &str) -> Vec<u8> {
    let mut aad = Vec::new();
    for part in [RECORD, id, purpose, place] {
        aad.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        aad.extend(part.as_bytes());
    }
    aad
}

pub(super) fn aead_key(
    algorithm: &'static Algorithm,
    key: &[u8; 32],
) -> anyhow::Result<LessSafeKey> {
    let key = UnboundKey::new(algorithm, key).map_err(|_| anyhow!("no AEAD key could be made"))?;
    Ok(LessSafeKey::new(key))
}

/// Nonce, ciphertext and tag.
pub(super) fn seal(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    plaintext: &[u8],
) -> anyhow::Result<Vec<u8>> {
    let mut sealed = [&nonce, plaintext].concat();
    let (_, text) = sealed.split_at_mut(NONCE_LEN);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), text)
        .map_err(|_| anyhow!("sealing failed"))?;
    sealed.extend(tag.as_ref());
    Ok(sealed)
}

pub(super) fn open(key: &LessSafeKey, aad: &[u8], sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let mut sealed = Zeroizing::new(sealed);
    let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plaintext = key.open_in_place(nonce, Aad::from(aad), text).ok()?;
    Some(Zeroizing::new(plaintext.to_vec()))
}
