//! Password hashes: Argon2id in a bounded pool, so that no flood of sign-ins starves the rest.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use anyhow::Context;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::secret::Random;
use crate::waiting::Waiting;

/// How long a sign-in waits for its turn before it is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right {
        /// The hash is weaker than today's parameters: it should be replaced.
        outdated: bool,
    },
    /// The password is wrong, or there was none to compare with.
    Wrong,
}

/// Why no verdict was reached.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// More hashes wait than can be computed in a second.
    #[error("too many passwords are being checked")]
    Busy,
    /// The hash in the database cannot be read, or memory ran out.
    #[error(transparent)]
    Fault(#[from] anyhow::Error),
}

/// Argon2id with this instance's parameters and pepper, one permit a core.
pub struct Hasher {
    params: Params,
    pepper: Arc<[u8; 32]>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    decoy: String,
}

impl Hasher {
    /// A pool with the given Argon2id parameters (RFC 9106 §3.1: memory in KiB, passes, lanes).
    /// At most `queue` callers wait (0: four a core).
    pub fn new(
        memory_kib: u32,
        iterations: u32,
        parallelism: u32,
        queue: usize,
        pepper: [u8; 32],
        random: &Random,
    ) -> anyhow::Result<Self> {
        let params = Params::new(memory_kib, iterations, parallelism, None)
            .map_err(|error| anyhow::anyhow!("the Argon2id parameters do not fit: {error}"))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut hasher = Self {
            params,
            pepper: Arc::new(pepper),
            permits: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
            queue: if queue == 0 { cores * 4 } else { queue },
            decoy: String::new(),
        };
        let nobodys = random.token("");
        hasher.decoy = hash(&hasher.params, &hasher.pepper, &nobodys, &random.bytes::<16>())?;
        Ok(hasher)
    }

    /// Hashes a new password, already normalised, into a PHC string.
    pub async fn hash(
        &self,
        password: SecretString,
        random: &Random,
    ) -> Result<String, HashingError> {
        let salt = random.bytes::<16>();
        let (params, pepper) = (self.params.clone(), Arc::clone(&self.pepper));
        self.run(move || hash(&params, &pepper, password.expose_secret(), &salt)).await
    }

    /// Compares a password with a stored hash. With `None` for the hash a decoy is computed, so
    /// that an unknown name costs the same time as a known one.
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verdict, HashingError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let (params, pepper) = (self.params.clone(), Arc::clone(&self.pepper));
        let verdict =
            self.run(move || verify(&params, &pepper, password.expose_secret(), &stored)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, HashingError> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_turn().await?,
        };
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        Ok(work.await.context("hashing a password")??)
    }

    async fn wait_for_turn(&self) -> Result<tokio::sync::OwnedSemaphorePermit, HashingError> {
        let waiting = Waiting::new(&self.waiting);
        if waiting.ahead >= self.queue {
            return Err(HashingError::Busy);
        }
        match tokio::time::timeout(LONGEST_WAIT, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(HashingError::Busy),
        }
    }
}

fn context<'a>(params: &Params, pepper: &'a [u8; 32]) -> anyhow::Result<Argon2<'a>> {
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params.clone())
        .map_err(|error| anyhow::anyhow!("Argon2id refused its parameters: {error}"))
}

fn hash(params: &Params, pepper: &[u8; 32], password: &str, salt: &[u8]) -> anyhow::Result<String> {
    let hash: PasswordHash = context(params, pepper)?
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))?;
    Ok(hash.to_string())
}

fn verify(
    params: &Params,
    pepper: &[u8; 32],
    password: &str,
    stored: &str,
) -> anyhow::Result<Verdict> {
    let parsed = PasswordHash::new(stored)
        .map_err(|error| anyhow::anyhow!("a stored password hash cannot be read: {error}"))?;
    if context(params, pepper)?.verify_password(password.as_bytes(), &parsed).is_err() {
        return Ok(Verdict::Wrong);
    }
    let used = Params::try_from(&parsed)
        .map_err(|error| anyhow::anyhow!("a stored password hash cannot be read: {error}"))?;
    let outdated = used.m_cost() < params.m_cost()
        || (used.m_cost() == params.m_cost() && used.t_cost() < params.t_cost());
    Ok(Verdict::Right { outdated })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory: u32, pepper: u8) -> Hasher {
        Hasher::new(memory, 1, 1, 0, [pepper; 32], &Random::System).unwrap()
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_and_its_age() {
        let old = hasher(64, 1);
        let stored = old.hash("right".into(), &Random::System).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let verdict = old.verify("right".into(), Some(stored.clone())).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: false });
        let verdict = hasher(128, 1).verify("right".into(), Some(stored.clone())).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
        assert_eq!(old.verify("wrong".into(), Some(stored.clone())).await.unwrap(), Verdict::Wrong);
        assert_eq!(old.verify("right".into(), None).await.unwrap(), Verdict::Wrong);
        let elsewhere = hasher(64, 2).verify("right".into(), Some(stored)).await.unwrap();
        assert_eq!(elsewhere, Verdict::Wrong, "without the pepper a hash is worth nothing");
    }

    #[tokio::test]
    async fn a_full_queue_is_told_at_once() {
        let mut hasher = hasher(64, 1);
        hasher.queue = 1;
        let all = u32::try_from(hasher.permits.available_permits()).unwrap();
        let held = Arc::clone(&hasher.permits).acquire_many_owned(all).await.unwrap();
        let (first, second) =
            tokio::join!(hasher.verify("a".into(), None), hasher.verify("b".into(), None));
        assert!(matches!(first, Err(HashingError::Busy)), "waited its second in vain");
        assert!(matches!(second, Err(HashingError::Busy)), "found the queue full");
        drop(held);
        assert!(hasher.verify("c".into(), None).await.is_ok());
    }
}
