//! `latchkey backup` and `latchkey restore`: an embedded database, copied while it serves and put
//! back while it does not.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;

use crate::app::App;
use crate::cli::{refuse_problems, say};
use crate::clock::Clock;
use crate::config::Config;
use crate::secret::Random;
use crate::store::events::{self, Event};
use crate::store::restoring::Restoring;
use crate::store::{Store, epoch};

/// Copies the database into `file`.
pub async fn back_up(config: Config, file: &Path) -> anyhow::Result<()> {
    refuse_problems(&config)?;
    if Store::is_absent(&config.database.url) {
        bail!("there is no database at {}", config.database.url);
    }
    let store = Store::open(&config.database.url).await?;
    let copied = store.back_up(file).await;
    store.close().await;
    copied?;
    say(&format!(
        "{} is written. The master key in {} is not part of it: keep a copy of that elsewhere.",
        file.display(),
        config.keys.directory.display()
    ))
}

/// Puts the copy in `file` in the database's place. Everybody must sign in anew: what was revoked
/// since the backup must not live again.
pub async fn restore(config: Config, file: &Path) -> anyhow::Result<()> {
    refuse_problems(&config)?;
    if !config.database.url.starts_with("sqlite:") {
        bail!("only an embedded database is restored by us; use pg_restore");
    }
    if !has_keys(&config) {
        bail!("there is no master key in {}: put it there first", config.keys.directory.display());
    }
    let restoring = Restoring::stage(file, &config.database.url).await?;
    let mut as_staged = config.clone();
    as_staged.database.url = restoring.url()?;
    if let Err(error) = renew(as_staged).await {
        // The database that is in use was not touched.
        restoring.discard();
        return Err(error.context(format!("{} cannot be restored", file.display())));
    }
    let kept = restoring.put_in_place(Clock::System.now()).await?;
    say(&format!(
        "{} is restored. Every session has ended, and what applications held for people.",
        file.display()
    ))?;
    let names: Vec<String> = kept.iter().map(|file| file.display().to_string()).collect();
    match names.as_slice() {
        [] => Ok(()),
        [one] => say(&format!("What was there before is kept as {one}.")),
        several => say(&format!(
            "What was there before is kept as it lay, damaged or not, and belongs together: {}.",
            several.join(", ")
        )),
    }
}

/// Brings a staged copy up to date and ends what was alive in it. Fails when the master key is
/// not the one that sealed it.
async fn renew(config: Config) -> anyhow::Result<()> {
    let app = App::start(config, Clock::System, Random::System).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    epoch::begin(&mut db, now).await?;
    let event = Event {
        actor: Some("administrator".into()),
        details: json!({}),
        ..app.event("database_restored")
    };
    events::record(&mut db, &event).await?;
    db.commit().await.context("ending what was alive")?;
    app.store.close().await;
    Ok(())
}

/// Whether the folder of keys holds anything: an empty one would get a new key, which opens
/// nothing.
fn has_keys(config: &Config) -> bool {
    let entries = std::fs::read_dir(&config.keys.directory);
    entries.is_ok_and(|mut entries| entries.next().is_some())
}
