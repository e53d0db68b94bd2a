//! Seals anew what is sealed with a former master key, a little at a time and beside other nodes,
//! so that the former key can be taken away.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use super::App;
use super::master_key::CHECK;
use crate::keys::{self, MasterKey, place, purpose};
use crate::store::sealed::{self, SealedColumn, SealedRecord};
use crate::store::{Db, instance};

/// The most records that one transaction seals anew.
const BATCH: i64 = 200;

impl App {
    /// Takes over the master key that the database is sealed with by now, and seals anew what is
    /// sealed with another. Any node may do it at any time; gives how many records it was.
    pub async fn tend_sealed(&self) -> anyhow::Result<u64> {
        let check = {
            let mut db = self.store.read().await?;
            instance::get(&mut db, CHECK).await?
        };
        let check = check.context("the database does not tell its master key any more")?;
        let id = keys::key_of(&check).unwrap_or_default();
        if !self.master.follow(id) {
            bail!(
                "the database is sealed with another master key by now: copy the one with the id \
                 {id} into {}",
                self.config.keys.directory.display()
            );
        }
        let mut done = 0;
        for column in &sealed::COLUMNS {
            for head in foreign_heads(&mut *self.store.read().await?, column, &self.master).await? {
                done += self.reseal(column, &head).await?;
            }
        }
        if done > 0 {
            tracing::info!(records = done, "sealed anew with the present master key");
        }
        Ok(done)
    }

    async fn reseal(&self, column: &SealedColumn, head: &str) -> anyhow::Result<u64> {
        let former = keys::key_of(head).unwrap_or_default();
        if !self.master.knows(former) {
            let (table, key) = (column.table, former);
            tracing::error!(table, key, "records are sealed with a master key that is not here");
            return Ok(0);
        }
        let (mut after, mut done) = (String::new(), 0);
        loop {
            let records = {
                let mut db = self.store.read().await?;
                sealed::list(&mut db, column, (head, &after), BATCH).await?
            };
            let Some(last) = records.last() else { return Ok(done) };
            after.clone_from(&last.id);
            let anew: Vec<_> = records
                .iter()
                .filter_map(|record| match seal_anew(&self.master, column, record) {
                    Ok(new) => Some((record, new)),
                    Err(error) => {
                        tracing::error!(error = format!("{error:#}"), "a record stays as it is");
                        None
                    }
                })
                .collect();
            let mut db = self.store.write().await?;
            for (record, new) in &anew {
                done += u64::from(sealed::replace(&mut db, column, record, new).await?);
            }
            db.commit().await?;
        }
    }
}

/// The same secret for the same place, sealed with the present key.
fn seal_anew(
    master: &MasterKey,
    column: &SealedColumn,
    record: &SealedRecord,
) -> anyhow::Result<String> {
    let purpose = match (column.table, record.kind.as_str()) {
        ("signing_keys", _) => purpose::SIGNING_KEYS,
        ("totp_credentials", _) => purpose::TOTP_SEEDS,
        ("kept_forms", _) => purpose::KEPT_FORMS,
        ("queue", "logout_notice") => purpose::LOGOUT_NOTICES,
        ("queue", _) => purpose::QUEUE,
        (table, _) => bail!("nobody knows what {table} seals"),
    };
    let place = place(column.table, column.column, &record.bound_to);
    master.seal(purpose, &place, &master.open_sealed(purpose, &place, &record.record)?)
}

/// How the records of a column begin that are sealed with another key than the present one.
async fn foreign_heads(
    db: &mut Db,
    column: &SealedColumn,
    master: &MasterKey,
) -> anyhow::Result<Vec<String>> {
    let present = keys::head(&master.id());
    let heads = sealed::heads(db, column).await?;
    Ok(heads.into_iter().filter(|head| *head != present).collect())
}

/// What an operator should know of the keys: which files are still needed. Fails when a record is
/// sealed with a key that is not here. `own` is the id of `master.key`, `former` those that the
/// database was sealed with before.
pub(super) async fn report(
    db: &mut Db,
    master: &MasterKey,
    (own, former): (&str, &str),
) -> anyhow::Result<Vec<String>> {
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for column in &sealed::COLUMNS {
        for head in foreign_heads(db, column, master).await? {
            let count = sealed::count(db, column, &head).await?;
            *left.entry(keys::key_of(&head).unwrap_or_default().to_owned()).or_default() += count;
        }
    }
    for (id, count) in &left {
        if !master.knows(id) {
            bail!("{count} records are sealed with the master key {id}, which is not there");
        }
    }
    let mut notes = vec![format!("keys: everything new is sealed with the key {}", master.id())];
    let is_former = |id: &str| former.split(' ').any(|former| former == id);
    for (file, id) in master.others() {
        let count = left.get(&id).copied().unwrap_or_default();
        notes.push(match () {
            () if id == master.id() => {
                format!("keys: {file} is that key; run `latchkey key replace-master` on this node")
            }
            () if count > 0 => {
                format!("keys: {file} ({id}) is still needed, {count} records are sealed with it")
            }
            () if is_former(&id) => {
                format!("keys: {file} ({id}) is needed no more, nothing is sealed with it")
            }
            () => format!("keys: {file} ({id}) waits to become the master key"),
        });
    }
    if own != master.id() {
        let count = left.get(own).copied().unwrap_or_default();
        notes.push(format!("keys: master.key ({own}) is a former key, {count} records need it"));
    } else if left.is_empty() {
        notes.push("keys: no former key is needed".to_owned());
    }
    Ok(notes)
}
