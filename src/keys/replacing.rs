//! Replacing the master key: which file is which while it is done.

use std::path::{Path, PathBuf};

use super::files::{self, MasterKeyError};
use super::master::MasterKey;
use crate::secret::Random;

/// Puts a new key into `folder` as `next.key`, which only opens: it is to lie on every node before
/// anything is sealed with it.
pub fn prepare(folder: &Path, random: &Random) -> Result<PathBuf, MasterKeyError> {
    let _lock = files::lock(folder)?;
    files::prepare(folder, random)
}

/// Makes another key of `folder` its `master.key`: the one that the database is sealed with by now,
/// if another node was first, else `next.key`, else a new one. The former key stays there under a
/// name of its own and goes on opening. Gives the ids of both, the same one if nothing had to be
/// done.
pub fn promote(
    folder: &Path,
    sealed_with: &str,
    random: &Random,
) -> Result<(String, String), MasterKeyError> {
    let _lock = files::lock(folder)?;
    let present = MasterKey::open(folder, true, random)?;
    let former = present.own_id();
    let others = present.others();
    let (name, id) = if let Some(found) = others.iter().find(|(_, id)| id == sealed_with) {
        found.clone()
    } else {
        let next = files::prepare(folder, random)?;
        let name = next.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let id = MasterKey::open(folder, true, random)?.others();
        let id = id.into_iter().find(|(other, _)| *other == name).map(|(_, id)| id);
        (name, id.ok_or(MasterKeyError::Missing(next))?)
    };
    files::promote(folder, &name, &format!("former-{former}.key"))?;
    Ok((former, id))
}
