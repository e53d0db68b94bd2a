//! A password whose hash was made with other parameters is hashed anew while it is at hand.

use std::sync::Arc;

use secrecy::SecretString;

use crate::app::App;
use crate::hashing::{Hasher, HashingError};
use crate::secret::Random;
use crate::store::{Store, credentials};

/// Hashes it after the answer, so that the answer does not tell how old the hash was.
pub fn afterwards(app: &App, user_id: &str, old: &str, typed: SecretString) {
    let (hasher, store, random) = (Arc::clone(&app.hasher), app.store.clone(), app.random.clone());
    let (user_id, old) = (user_id.to_owned(), old.to_owned());
    app.afterwards.spawn(async move {
        if let Err(fault) = replace(&hasher, &store, (&random, typed), (&user_id, &old)).await {
            tracing::error!(error = format!("{fault:#}"), "a password could not be hashed anew");
        }
    });
}

async fn replace(
    hasher: &Hasher,
    store: &Store,
    (random, typed): (&Random, SecretString),
    (user_id, old): (&str, &str),
) -> anyhow::Result<()> {
    let new = match hash(hasher, random, typed).await {
        Ok(new) => new,
        // The next sign-in will do it.
        Err(HashingError::Busy) => return Ok(()),
        Err(HashingError::Fault(fault)) => return Err(fault),
    };
    let mut db = store.write().await?;
    credentials::replace_hash_if(&mut db, user_id, old, &new).await?;
    Ok(db.commit().await?)
}

async fn hash(
    hasher: &Hasher,
    random: &Random,
    typed: SecretString,
) -> Result<String, HashingError> {
    let place = hasher.reserve()?;
    hasher.hash(&place, typed, random).await
}
