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
use crate::store::{Store, backup};

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
    let (staged, url) = backup::stage(file, &config.database.url).await?;
    let mut as_staged = config.clone();
    as_staged.database.url = url;
    let renewed = renew(as_staged).await;
    if let Err(error) = renewed {
        // The database that is in use was not touched.
        let _gone = std::fs::remove_file(&staged);
        return Err(error.context(format!("{} cannot be restored", file.display())));
    }
    let kept = backup::put_in_place(&staged, &config.database.url, Clock::System.now()).await;
    let kept = match kept {
        Ok(kept) => kept,
        Err(error) => {
            let _gone = std::fs::remove_file(&staged);
            return Err(error.into());
        }
    };
    say(&format!(
        "{} is restored. Every session has ended, and what applications held for people.",
        file.display()
    ))?;
    match kept {
        Some(kept) => say(&format!("The database that was there is kept as {}.", kept.display())),
        None => Ok(()),
    }
}

/// Brings a staged copy up to date and ends what was alive in it. Fails when the master key is
/// not the one that sealed it.
async fn renew(config: Config) -> anyhow::Result<()> {
    if !has_keys(&config) {
        bail!("there is no master key in {}: put it there first", config.keys.directory.display());
    }
    let app = App::start(config, Clock::System, Random::System).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    backup::begin_new_epoch(&mut db, now).await?;
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
