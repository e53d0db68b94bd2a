//! The signing keys that all nodes share: made, rotated and retired through the database.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context;

use super::App;
use crate::config::Config;
use crate::keys::{self, KeyChange, KeyRing, RotationPolicy};
use crate::protocol::jwt::{SigningAlg, SigningKey};
use crate::store::signing_keys::{self, SigningKeyRow as KeyRow};

/// How long after its expiry an ID token can still name its session at sign-out.
const HINT_LIFE: Duration = Duration::from_hours(24);

impl App {
    /// The signing keys as this node knows them.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that signs with `alg` now.
    pub fn signing_key(&self, alg: SigningAlg) -> anyhow::Result<Arc<SigningKey>> {
        let key = self.ring().active(alg, self.clock.now());
        key.with_context(|| format!("there is no active signing key for {}", alg.name()))
    }

    /// Makes, retires and removes signing keys as their age asks, then takes over what the
    /// database holds. Any node may do it at any time.
    pub async fn tend_keys(&self) -> anyhow::Result<()> {
        let policy = self.rotation_policy();
        let now = self.clock.now();
        let due = {
            let mut db = self.store.read().await?;
            !keys::plan(&signing_keys::list(&mut db).await?, now, &policy).is_empty()
        };
        if due {
            self.change_keys(|rows| keys::plan(rows, now, &policy)).await?;
        }
        self.reload_keys().await
    }

    /// Begins a rotation now, whatever the age of the keys: new ones are published, and sign as
    /// soon as everybody can have fetched them.
    pub async fn rotate_keys(&self) -> anyhow::Result<()> {
        let activates_at = self.clock.now() + *self.config.keys.publish_before;
        self.change_keys(|rows| keys::plan_rotation(rows, self.clock.now(), activates_at)).await?;
        self.reload_keys().await
    }

    /// Takes a key out of use: nothing it signed is accepted from now on. If it was the one that
    /// signs, a new one takes its place at once.
    pub async fn retire_key(&self, kid: &str) -> anyhow::Result<()> {
        let mut db = self.store.write().await?;
        if !signing_keys::remove(&mut db, kid, self.clock.now()).await? {
            anyhow::bail!("there is no published key {kid:?}");
        }
        db.commit().await?;
        self.tend_keys().await
    }

    async fn change_keys(
        &self,
        plan: impl FnOnce(&[KeyRow]) -> Vec<KeyChange>,
    ) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut db = self.store.write().await?;
        signing_keys::lock(&mut db).await?;
        for change in plan(&signing_keys::list(&mut db).await?) {
            match change {
                KeyChange::Create { key_type, activates_at } => {
                    let row = KeyRow::generate(key_type, activates_at, now, &self.master)?;
                    signing_keys::insert(&mut db, &row).await?;
                }
                KeyChange::Retire { kid, at } => {
                    signing_keys::set_retires(&mut db, &kid, at).await?;
                }
                KeyChange::Remove { kid } => {
                    signing_keys::remove(&mut db, &kid, now).await?;
                }
            }
        }
        db.commit().await?;
        Ok(())
    }

    /// Takes over the signing keys that the database holds.
    pub async fn reload_keys(&self) -> anyhow::Result<()> {
        let rows = {
            let mut db = self.store.read().await?;
            signing_keys::list(&mut db).await?
        };
        let ring = Arc::new(KeyRing::load(&rows, &self.master)?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    fn rotation_policy(&self) -> RotationPolicy {
        let Config { keys, tokens, .. } = &self.config;
        RotationPolicy {
            rotate_after: *keys.rotate_after,
            publish_before: *keys.publish_before,
            // An ID token counts as a hint for a while after it expired.
            retire_keep: (*tokens.access_ttl).max(*tokens.id_ttl) + HINT_LIFE,
        }
    }
}
