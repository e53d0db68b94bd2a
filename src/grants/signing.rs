//! Signs tokens without holding up other requests.

use std::sync::{Arc, LazyLock};

use anyhow::Context;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::protocol::jwt::{KeyType, SigningAlg};

/// More signatures at a time than there are cores only take turns.
static PERMITS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(cores))
});

/// Signs `claims` with the key that signs with `alg` now.
///
/// An RSA signature takes as long as ten small requests. It is made in a thread of its own, so
/// that whoever waits for a step of the database's one writer does not wait for signatures too.
pub async fn sign(
    app: &App,
    alg: SigningAlg,
    typ: &'static str,
    claims: impl Serialize + Send + 'static,
) -> anyhow::Result<String> {
    let key = app.signing_key(alg)?;
    if alg.key_type() != KeyType::Rsa {
        return key.sign(alg, typ, &claims);
    }
    let permit = Arc::clone(&PERMITS).acquire_owned().await?;
    let signed = tokio::task::spawn_blocking(move || {
        let token = key.sign(alg, typ, &claims);
        drop(permit);
        token
    });
    signed.await.context("signing a token")?
}
