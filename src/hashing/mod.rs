//! Password hashes: Argon2id in a bounded pool, so that no flood of sign-ins starves the rest.

mod free_core;
mod paces;
#[cfg(test)]
mod tests;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::secret::Random;
use free_core::FreeCore;
use paces::{Paces, shape};
use threads::Threads;

/// How long a sign-in waits for its turn before it is told to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right {
        /// The hash was made with other parameters than today's: it should be replaced.
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

/// Argon2id with this instance's parameters and pepper, one permit a core; while programs ask, one core is
/// kept free.
pub struct Hasher {
    params: Params,
    pepper: Arc<[u8; 32]>,
    places: Arc<Semaphore>,
    /// Places that stay empty while a core is kept free: that of its thread, and its queue.
    spared: usize,
    permits: Arc<Semaphore>,
    decoy: String,
    paces: Arc<Paces>,
    free_core: Arc<FreeCore>,
    threads: Threads,
}

/// A place among those whose passwords are hashed or wait for that. It is taken before anything is
/// asked of the database, so that a flood of sign-ins costs nothing but its answers.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
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
        let places = |threads| threads + if queue == 0 { threads * 4 } else { queue };
        let free_core = Arc::default();
        let mut hasher = Self {
            params,
            pepper: Arc::new(pepper),
            places: Arc::new(Semaphore::new(places(cores))),
            spared: places(cores) - places((cores - 1).max(1)),
            permits: Arc::new(Semaphore::new(cores)),
            decoy: String::new(),
            paces: Arc::default(),
            threads: Threads::start(cores, &free_core)?,
            free_core,
        };
        let nobodys = random.token("");
        hasher.decoy = hash(&hasher.params, &hasher.pepper, &nobodys, &random.bytes::<16>())?;
        Ok(hasher)
    }

    /// A place in the queue, until it is dropped; [`HashingError::Busy`] when all are taken.
    pub fn reserve(&self) -> Result<Place, HashingError> {
        if self.keeps_core_free() && self.places.available_permits() <= self.spared {
            return Err(HashingError::Busy);
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Ok(Place { _permit: permit }),
            Err(_) => Err(HashingError::Busy),
        }
    }

    /// Keeps one of several cores free of hashes for a second: what is short and urgent goes on.
    pub fn keep_core_free(&self) {
        self.free_core.keep();
    }

    /// Whether one of several cores is kept free now.
    #[must_use]
    pub fn keeps_core_free(&self) -> bool {
        self.free_core.is_kept()
    }

    /// Hashes a new password, already normalised, into a PHC string.
    pub async fn hash(
        &self,
        _place: &Place,
        password: SecretString,
        random: &Random,
    ) -> Result<String, HashingError> {
        let salt = random.bytes::<16>();
        let (params, pepper) = (self.params.clone(), Arc::clone(&self.pepper));
        self.run(move |_| hash(&params, &pepper, password.expose_secret(), &salt)).await
    }

    /// Compares a password with a stored hash. With `None` for the hash a decoy is computed, so
    /// that an unknown name costs the same time as a known one.
    pub async fn verify(
        &self,
        _place: &Place,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verdict, HashingError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        // What it costs, which must be the same for everybody: no salt and nothing of the hash.
        let cost = stored.rsplitn(3, '$').last().unwrap_or_default();
        tracing::trace!(cost, "a password is compared");
        let (params, pepper) = (self.params.clone(), Arc::clone(&self.pepper));
        let paces = Arc::clone(&self.paces);
        let verdict = self.run(move |memory| {
            let begun = paces::spent();
            let (verdict, used) =
                verify(&params, &pepper, password.expose_secret(), &stored, memory)?;
            let took = paces::spent().saturating_sub(begun);
            // It keeps its turn meanwhile, as one of today's does.
            std::thread::sleep(paces.lag(shape(&used), shape(&params), took));
            Ok(verdict)
        });
        let verdict = verdict.await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, HashingError> {
        let turn = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(LONGEST_WAIT, turn).await else {
            return Err(HashingError::Busy);
        };
        let work = self.threads.run(move |memory| {
            let result = work(memory);
            drop(permit);
            result
        });
        Ok(work.await?)
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
    memory: &mut Vec<Block>,
) -> anyhow::Result<(Verdict, Params)> {
    let parsed = PasswordHash::new(stored)
        .map_err(|error| anyhow::anyhow!("a stored password hash cannot be read: {error}"))?;
    let used = Params::try_from(&parsed)
        .map_err(|error| anyhow::anyhow!("a stored password hash cannot be read: {error}"))?;
    let (Some(salt), Some(right)) = (&parsed.salt, &parsed.hash) else {
        anyhow::bail!("a stored password hash cannot be read: it has no salt or no hash");
    };
    ensure!(
        parsed.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && parsed.version == Some(Version::V0x13.into()),
        "a stored password hash cannot be read: it is no Argon2id of version 19"
    );
    // One piece of memory for all, because getting it takes its time, too.
    let most = used.block_count().max(params.block_count());
    memory.resize(memory.len().max(most), Block::default());
    let mut found = Zeroizing::new(vec![0; right.len()]);
    fill(&used, pepper, (password, salt.as_ref()), (&mut found, memory))?;
    // Right or wrong, it costs as much as a hash of today: nobody learns whose hash is old.
    if let Some(filler) = filler(params, cost(params).saturating_sub(cost(&used)))? {
        fill(&filler, pepper, ("", &[0; 16]), (&mut [0; 32], memory))?;
    }
    if !bool::from(subtle::ConstantTimeEq::ct_eq(found.as_slice(), right.as_bytes())) {
        return Ok((Verdict::Wrong, used));
    }
    Ok((Verdict::Right { outdated: shape(&used) != shape(params) }, used))
}

/// What a hash costs: the memory that is filled, in KiB, each pass counted.
fn cost(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// What costs about so much, to no other end than to take the time; none where that is too little.
fn filler(params: &Params, cost: u64) -> anyhow::Result<Option<Params>> {
    let lanes = params.p_cost();
    // As many passes as leave each of them the least memory that there may be.
    let passes = u64::from(params.t_cost()).min(cost / u64::from(8 * lanes));
    let (Ok(passes), Some(size)) = (u32::try_from(passes), cost.checked_div(passes)) else {
        return Ok(None);
    };
    let filler = Params::new(u32::try_from(size)?, passes, lanes, None)
        .map_err(|error| anyhow::anyhow!("the Argon2id parameters do not fit: {error}"))?;
    Ok(Some(filler))
}

fn fill(
    params: &Params,
    pepper: &[u8; 32],
    (password, salt): (&str, &[u8]),
    (hash, memory): (&mut [u8], &mut [Block]),
) -> anyhow::Result<()> {
    context(params, pepper)?
        .hash_password_into_with_memory(password.as_bytes(), salt, hash, memory)
        .map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))
}
