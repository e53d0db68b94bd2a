//! Opens the master key and what lies under it, and carries out its replacement.
//!
//! The database says which master key its records are sealed with: the one that sealed its check.
//! A node whose `master.key` has never been that makes it so; a node whose `master.key` was that
//! before is late, and goes on with the database's key if it has it.

use anyhow::{Context, bail, ensure};
use serde_json::json;
use zeroize::Zeroizing;

use super::resealing;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::{self, LastingSecrets, MasterKey, place, purpose};
use crate::secret::Random;
use crate::store::events::{self, Event};
use crate::store::{Db, Store, instance, sealed, signing_keys};

/// What the master key seals so that a wrong one is noticed.
pub(super) const CHECK: &str = "master_key_check";
/// What is sealed there; before there were lasting secrets it was the name alone.
const WITH_LASTING: &[u8] = b"master_key_check 2";
/// The ids of the keys that the database was sealed with before, between spaces.
const FORMER: &str = "former_master_keys";
/// What the names of lasting secrets begin with.
const LASTING: &str = "secret/";
/// What nodes that replace the key wait for.
const LOCK: &str = "master_key";

/// What opening needs, before there is an `App`.
pub(super) struct MasterKeyOpener<'a> {
    pub(super) store: &'a Store,
    pub(super) config: &'a Config,
    pub(super) clock: &'a Clock,
    pub(super) random: &'a Random,
}

impl MasterKeyOpener<'_> {
    /// Opens the master key, makes sure that it belongs to this database, and makes it the one that
    /// seals. A new database gets its lasting secrets here.
    pub(super) async fn open(&self) -> anyhow::Result<(MasterKey, LastingSecrets)> {
        let (check, any_keys) = self.look().await?;
        let folder = &self.config.keys.directory;
        let master = MasterKey::open(folder, check.is_some() || any_keys, self.random)?;
        ensure!(
            check.is_some() || !any_keys,
            "the database holds signing keys, but not what tells its master key: restore a backup"
        );
        let mut db = self.store.write().await?;
        instance::lock(&mut db, LOCK).await?;
        match instance::get(&mut db, CHECK).await? {
            None => self.begin(&mut db, &master).await?,
            Some(record) => self.go_on(&mut db, &master, &record).await?,
        }
        let lasting = read_lasting(&mut db, &master).await?;
        db.commit().await?;
        Ok((master, lasting))
    }

    /// The same without changing anything; gives what an operator should know of the keys.
    pub(super) async fn examine(&self) -> anyhow::Result<Vec<String>> {
        let (Some(record), _) = self.look().await? else { return Ok(Vec::new()) };
        let folder = &self.config.keys.directory;
        let master = MasterKey::open(folder, true, self.random)?;
        let own = master.own_id();
        let text = self.follow(&master, &record)?;
        let mut db = self.store.read().await?;
        if text.as_slice() == WITH_LASTING {
            read_lasting(&mut db, &master).await?;
        }
        let former = instance::get(&mut db, FORMER).await?.unwrap_or_default();
        resealing::report(&mut db, &master, (&own, &former)).await
    }

    async fn look(&self) -> anyhow::Result<(Option<String>, bool)> {
        let mut db = self.store.read().await?;
        let check = instance::get(&mut db, CHECK).await?;
        Ok((check, !signing_keys::list(&mut db).await?.is_empty()))
    }

    /// A new database: its secrets are drawn.
    async fn begin(&self, db: &mut Db, master: &MasterKey) -> anyhow::Result<()> {
        for name in keys::lasting_names() {
            let secret = Zeroizing::new(self.random.bytes::<32>());
            keep(db, master, name, secret.as_slice()).await?;
        }
        keep_check(db, master).await
    }

    async fn go_on(&self, db: &mut Db, master: &MasterKey, record: &str) -> anyhow::Result<()> {
        let text = self.follow(master, record)?;
        let (present, own) = (master.id(), master.own_id());
        if text.as_slice() != WITH_LASTING {
            // Made before there were lasting secrets: they are what was derived so far, so that
            // everything that was made with them goes on.
            let made_with = if is_used(db, &own).await? { &own } else { &present };
            for name in keys::lasting_names() {
                keep(db, master, name, &master.derive(made_with, name)).await?;
            }
            keep_check(db, master).await?;
        }
        let former = instance::get(db, FORMER).await?.unwrap_or_default();
        if own == present || former.split(' ').any(|id| id == own) {
            return Ok(());
        }
        ensure!(master.follow(&own), "the master key is gone");
        self.replace(db, master, (&present, &former)).await
    }

    /// Makes the key that sealed `record` the one that seals, and opens the record with it.
    fn follow(&self, master: &MasterKey, record: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let folder = self.config.keys.directory.display();
        let id = keys::key_of(record).unwrap_or_default();
        if !master.follow(id) {
            bail!(
                "the master key in {folder} does not belong to this database, which is sealed \
                 with the key {id}: put its file back from your backup"
            );
        }
        master
            .open_sealed(CHECK, &check_place(), record)
            .with_context(|| format!("the master key in {folder} does not fit this database"))
    }

    /// Seals what is the instance's own with the new key, from which moment all nodes seal with it.
    async fn replace(
        &self,
        db: &mut Db,
        master: &MasterKey,
        (present, former): (&str, &str),
    ) -> anyhow::Result<()> {
        for (name, record) in instance::list(db, LASTING).await? {
            let name = name.trim_start_matches(LASTING);
            let secret =
                master.open_sealed(purpose::LASTING_SECRETS, &lasting_place(name), &record)?;
            keep(db, master, name, &secret).await?;
        }
        keep_check(db, master).await?;
        let former = format!("{former} {present}");
        instance::set(db, FORMER, former.trim_start()).await?;
        let now = self.clock.now();
        let event = Event {
            id: self.random.id(now),
            at: now,
            kind: "master_key_replaced".to_owned(),
            actor: Some("administrator".to_owned()),
            outcome: "successful".to_owned(),
            details: json!({ "former": present, "present": master.id() }),
            user_id: None,
            client_id: None,
            session_id: None,
            address: None,
            user_agent: None,
            request_id: None,
            attempt: None,
        };
        Ok(events::record(db, &event).await?)
    }
}

/// Whether any record is sealed with the key of that id.
async fn is_used(db: &mut Db, id: &str) -> anyhow::Result<bool> {
    for column in &sealed::COLUMNS {
        if sealed::count(db, column, &keys::head(id)).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn keep_check(db: &mut Db, master: &MasterKey) -> anyhow::Result<()> {
    let record = master.seal(CHECK, &check_place(), WITH_LASTING)?;
    Ok(instance::set(db, CHECK, &record).await?)
}

async fn keep(db: &mut Db, master: &MasterKey, name: &str, secret: &[u8]) -> anyhow::Result<()> {
    let record = master.seal(purpose::LASTING_SECRETS, &lasting_place(name), secret)?;
    Ok(instance::set(db, &format!("{LASTING}{name}"), &record).await?)
}

async fn read_lasting(db: &mut Db, master: &MasterKey) -> anyhow::Result<LastingSecrets> {
    let kept = instance::list(db, LASTING).await?;
    LastingSecrets::read(|name| {
        let found = kept.iter().find(|(kept, _)| kept.strip_prefix(LASTING) == Some(name));
        let (_, record) =
            found.with_context(|| format!("the database has lost the secret {name}"))?;
        master.open_sealed(purpose::LASTING_SECRETS, &lasting_place(name), record)
    })
    .context("the instance's secrets cannot be read: restore a backup")
}

fn check_place() -> String {
    place("instance", "value", CHECK)
}

fn lasting_place(name: &str) -> String {
    place("instance", "value", &format!("{LASTING}{name}"))
}
