//! When signing keys are made, stop signing and disappear: a pure plan over the stored rows.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::protocol::jwt::KeyType;
use crate::store::signing_keys::SigningKeyRow as KeyRow;

/// How long each part of a key's life lasts.
#[derive(Clone, Copy, Debug)]
pub struct RotationPolicy {
    /// How long a key signs before the next one takes over.
    pub rotate_after: Duration,
    /// How long a key is published before it signs: longer than anyone caches the JWK set.
    pub publish_before: Duration,
    /// How long a key stays published after it stopped signing: the longest life of anything signed.
    pub retire_keep: Duration,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_hours(1);
        Self { rotate_after: 30 * 24 * HOUR, publish_before: HOUR, retire_keep: 24 * HOUR }
    }
}

/// One change to the stored keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Make a key that signs from `activates_at` on.
    Create {
        /// Which kind.
        key_type: KeyType,
        /// From when on it signs.
        activates_at: Timestamp,
    },
    /// A newer key signs: this one stops.
    Retire {
        /// Which key.
        kid: String,
        /// From when on it no longer signs.
        at: Timestamp,
    },
    /// Nothing that this key signed is alive: unpublish it.
    Remove {
        /// Which key.
        kid: String,
    },
}

/// What to change at `now`, so that each kind of key always has one that signs and every signature
/// finds its key published. Once the changes are made the plan is empty; read the rows and make
/// the changes in one write transaction, so that two nodes don't do it twice.
#[must_use]
pub fn plan(rows: &[KeyRow], now: Timestamp, policy: &RotationPolicy) -> Vec<KeyChange> {
    let mut changes = Vec::new();
    for key_type in KeyType::ALL {
        let mut keys: Vec<_> = rows
            .iter()
            .filter(|row| row.key_type == key_type.name() && row.removed_at.is_none())
            .collect();
        keys.sort_by_key(|row| row.age());
        if let Some(activates_at) = next_activation(&keys, now, policy) {
            changes.push(KeyChange::Create { key_type, activates_at });
        }
        let signing: Vec<_> = keys.iter().filter(|row| row.signs(now)).collect();
        if let Some((_newest, older)) = signing.split_last() {
            let retire = |row: &&&KeyRow| KeyChange::Retire { kid: row.kid.clone(), at: now };
            changes.extend(older.iter().map(retire));
        }
        let dead = |row: &&&KeyRow| row.retires_at.is_some_and(|at| at + policy.retire_keep <= now);
        let remove = |row: &&KeyRow| KeyChange::Remove { kid: row.kid.clone() };
        changes.extend(keys.iter().filter(dead).map(remove));
    }
    changes
}

/// The changes that begin a rotation now: a new key of each type that has none waiting.
#[must_use]
pub fn plan_rotation(rows: &[KeyRow], now: Timestamp, activates_at: Timestamp) -> Vec<KeyChange> {
    let waits = |key_type: KeyType| {
        rows.iter().any(|row| {
            row.key_type == key_type.name()
                && row.activates_at > now
                && row.retires_at.is_none()
                && row.removed_at.is_none()
        })
    };
    let types = KeyType::ALL.into_iter().filter(|key_type| !waits(*key_type));
    types.map(|key_type| KeyChange::Create { key_type, activates_at }).collect()
}

/// When a key that has to be made now is to start signing; `None` if none has to be made.
fn next_activation(keys: &[&KeyRow], now: Timestamp, policy: &RotationPolicy) -> Option<Timestamp> {
    let Some(current) = keys.iter().rev().find(|row| row.signs(now)) else {
        // The first start, or the operator retired the last one: better at once than not at all.
        return Some(now);
    };
    if keys.iter().any(|row| row.activates_at > now && row.retires_at.is_none()) {
        return None;
    }
    let grown_old = current.activates_at + policy.rotate_after;
    let due = current.retires_at.map_or(grown_old, |at| at.min(grown_old));
    if now + policy.publish_before < due {
        return None;
    }
    let published_first = due.max(now + policy.publish_before);
    // If the operator lets it retire sooner than that, no instant may stay without a key.
    Some(current.retires_at.map_or(published_first, |at| published_first.min(at)))
}
