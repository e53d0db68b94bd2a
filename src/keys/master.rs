//! The master key: seals secrets at rest, each for its purpose and place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, anyhow, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use super::files::{self, MasterKeyError, Secret};
use crate::secret::Random;

/// The format of a sealed record: version, key id, then nonce, ciphertext and tag in base64url.
const RECORD: &str = "v1";

/// How many characters of a record name its key: version, key id, and a dot after each.
const HEAD_CHARS: usize = 12;

/// The instance's master key, and the others in its folder, which open what they sealed.
///
/// Which of them seals is the database's choice ([`Self::follow`]), so that all nodes seal with the
/// same one while the key is replaced. Nothing else hangs on it: what passwords, client secrets and
/// tokens are made with are secrets of their own ([`super::LastingSecrets`]), sealed like the rest.
pub struct MasterKey {
    folder: Option<PathBuf>,
    keys: RwLock<Keys>,
    random: Random,
}

/// The keys in the folder when it was last read.
#[derive(Clone)]
struct Keys {
    /// The one that seals.
    sealing: Arc<OneKey>,
    /// That of `master.key` first.
    all: Vec<Arc<OneKey>>,
}

impl MasterKey {
    /// Reads the keys in `folder`, or makes one at first start. A key that is merely missing is
    /// never replaced while `sealed_data_exists`.
    pub fn open(
        folder: &Path,
        sealed_data_exists: bool,
        random: &Random,
    ) -> Result<Self, MasterKeyError> {
        let current = files::current(folder, sealed_data_exists, random)?;
        let keys = Keys::new(&current, &files::others(folder)?);
        let folder = Some(folder.to_owned());
        Ok(Self { folder, keys: RwLock::new(keys), random: random.clone() })
    }

    /// Whether `folder` holds the key that seals.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        files::current_is_in(folder)
    }

    /// A master key that lies in no file: for tests and benchmarks.
    #[must_use]
    pub fn in_memory(secret: [u8; 32], random: &Random) -> Self {
        let keys = RwLock::new(Keys::new(&Zeroizing::new(secret), &[]));
        Self { folder: None, keys, random: random.clone() }
    }

    /// Which key seals now: no secret, and the same wherever the same key lies.
    #[must_use]
    pub fn id(&self) -> String {
        self.keys().sealing.id.clone()
    }

    /// The id of the key in `master.key`.
    #[must_use]
    pub fn own_id(&self) -> String {
        self.keys().all.first().map(|key| key.id.clone()).unwrap_or_default()
    }

    /// The file names and ids of the keys that only open, as the folder was last read.
    #[must_use]
    pub fn others(&self) -> Vec<(String, String)> {
        let keys = self.keys();
        keys.all.iter().skip(1).map(|key| (key.file.clone(), key.id.clone())).collect()
    }

    /// Whether the key of that id is here; one that was put into the folder since is found.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    /// Seals with the key of that id from now on; `false` when it is not here.
    #[must_use]
    pub fn follow(&self, id: &str) -> bool {
        let Some(key) = self.find(id) else { return false };
        self.keys.write().unwrap_or_else(PoisonError::into_inner).sealing = key;
        true
    }

    /// What earlier versions derived for a purpose (RFC 5869) from the key of that id first, then
    /// from all others.
    #[must_use]
    pub fn derive(&self, id: &str, purpose: &str) -> Zeroizing<Vec<u8>> {
        let mut all = self.keys().all;
        all.sort_by_key(|key| key.id != id);
        Zeroizing::new(all.iter().flat_map(|key| key.derive(purpose)).collect())
    }

    /// Seals a secret with AES-256-GCM for the one [`place`] where it will lie.
    pub fn seal(&self, purpose: &str, place: &str, secret: &[u8]) -> anyhow::Result<String> {
        self.keys().sealing.seal(purpose, place, (self.random.bytes(), secret))
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
        let Some(key) = self.find(id) else {
            bail!("{place} is sealed with master key {id}, which is not in the keys folder");
        };
        let key = aead_key(&AES_256_GCM, &key.derive(&format!("seal/{purpose}")))?;
        BASE64
            .decode(sealed)
            .ok()
            .and_then(|sealed| open(&key, &bound(id, purpose, place), sealed))
            .with_context(|| format!("{place} was altered, or belongs to another row"))
    }

    /// The key of that id. The folder is read again for one that is not known: the operator gives
    /// a new key to all nodes while they run.
    fn find(&self, id: &str) -> Option<Arc<OneKey>> {
        let known = |keys: &Keys| keys.all.iter().find(|key| key.id == id).map(Arc::clone);
        if let Some(key) = known(&self.keys()) {
            return Some(key);
        }
        let folder = self.folder.as_deref()?;
        let current = files::current(folder, true, &self.random).ok()?;
        let fresh = Keys::new(&current, &files::others(folder).ok()?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // What is sealed with stays: the database says when it changes.
        let sealing = Arc::clone(&keys.sealing);
        *keys = Keys { sealing, ..fresh };
        known(&keys)
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Keys {
    fn new(current: &Secret, others: &[(String, Secret)]) -> Self {
        let sealing = Arc::new(OneKey::new(files::CURRENT, current));
        let mut all = vec![Arc::clone(&sealing)];
        for (file, secret) in others {
            let key = OneKey::new(file, secret);
            if all.iter().all(|known| known.id != key.id) {
                all.push(Arc::new(key));
            }
        }
        Self { sealing, all }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// The id of the key that a record is sealed with.
#[must_use]
pub fn key_of(record: &str) -> Option<&str> {
    let mut parts = record.split('.');
    (parts.next() == Some(RECORD)).then(|| parts.next()).flatten()
}

/// How every record begins that is sealed with the key of that id.
#[must_use]
pub fn head(id: &str) -> String {
    debug_assert_eq!(RECORD.len() + id.len() + 2, HEAD_CHARS, "the store looks for as many");
    format!("{RECORD}.{id}.")
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
    file: String,
    extracted: Secret,
}

impl OneKey {
    fn new(file: &str, secret: &Secret) -> Self {
        let extracted = Zeroizing::new(hmac_sha256(b"latchkey master key", &[secret.as_slice()]));
        let mut key = Self { id: String::new(), file: file.to_owned(), extracted };
        key.id = BASE64.encode(key.derive("id").split_at(6).0);
        key
    }

    /// HKDF-Expand for one block of output (RFC 5869 §2.3): nothing follows from the key of one
    /// purpose about any other.
    fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(self.extracted.as_slice(), &[b"latchkey/v1/", purpose.as_bytes(), &[1]])
    }

    fn seal(
        &self,
        purpose: &str,
        place: &str,
        (nonce, secret): ([u8; NONCE_LEN], &[u8]),
    ) -> anyhow::Result<String> {
        let key = aead_key(&AES_256_GCM, &self.derive(&format!("seal/{purpose}")))?;
        let sealed = seal(&key, nonce, &bound(&self.id, purpose, place), secret)?;
        Ok(format!("{}{}", head(&self.id), BASE64.encode(sealed)))
    }
}

fn hmac_sha256(key: &[u8], data: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in data {
        context.update(part);
    }
    bytes_of(&context.sign())
}

pub(super) fn bytes_of(tag: &hmac::Tag) -> [u8; 32] {
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
