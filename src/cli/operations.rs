//! `latchkey serve`, `migrate`, `check` and `event`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::app::App;
use crate::cli::{refuse_problems, say};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::secret::Random;
use crate::server::{Provider, Shutdown};
use crate::store::Store;
use crate::store::events::{self, Event};
use crate::{identity::people, telemetry};

/// What can be asked of the audit trail.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Print events, one JSON object a line, oldest first
    List {
        /// Only those of this person
        #[arg(long)]
        user: Option<String>,
        /// Only those since this instant (RFC 3339) or this long ago (`2h`, `7d`)
        #[arg(long)]
        since: Option<String>,
        /// Go on printing what happens
        #[arg(long)]
        follow: bool,
    },
}

/// Runs the provider until it is told to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    refuse_problems(&config)?;
    telemetry::start(&config.telemetry)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let provider = Provider::start(config, Clock::System, Random::System).await?;
    provider.serve(Shutdown::on_signals()?).await
}

/// Brings the database up to date.
pub async fn migrate(config: Config) -> anyhow::Result<()> {
    refuse_problems(&config)?;
    let store = Store::open(&config.database.url).await?;
    store.migrate().await?;
    store.close().await;
    say("the database is up to date")
}

/// Says what is wrong with configuration, keys and database.
pub async fn check(config: &Config) -> anyhow::Result<()> {
    let mut problems = config.check();
    let mut notes = Vec::new();
    if problems.is_empty() {
        match App::examine(config).await {
            Ok(found) => notes.extend(found),
            Err(error) => problems.push(format!("{error:#}")),
        }
    }
    say(config.effective().trim_end())?;
    for warning in config.warnings() {
        say(&format!("# warning: {warning}"))?;
    }
    for note in &notes {
        say(&format!("# {note}"))?;
    }
    for problem in &problems {
        say(&format!("# wrong: {problem}"))?;
    }
    match problems.as_slice() {
        [] => Ok(()),
        [only] => bail!("{only}"),
        several => bail!("{} things are wrong; they are listed above", several.len()),
    }
}

/// Prints the audit trail.
pub async fn events(app: &Arc<App>, command: &EventCommand) -> anyhow::Result<()> {
    const PAGE: i64 = 500;
    let EventCommand::List { user, since, follow } = command;
    let user_id = match user {
        Some(user) => Some(people::find(app, user).await?.id),
        None => None,
    };
    let since = match since {
        Some(since) => instant(since, app.clock.now())?,
        None => Timestamp::from_millis(0),
    };
    let mut after = (since, String::new());
    loop {
        let page = {
            let mut db = app.store.read().await?;
            events::list_after(&mut db, (after.0, &after.1), PAGE).await?
        };
        if let Some(last) = page.last() {
            after = (last.at, last.id.clone());
        }
        let more = i64::try_from(page.len()).unwrap_or(0) == PAGE;
        for event in page {
            if user_id.is_none() || event.user_id == user_id {
                say(&serde_json::to_string(&printed(&event))?)?;
            }
        }
        if !more && !follow {
            return Ok(());
        }
        if !more {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                interrupted = tokio::signal::ctrl_c() => {
                    return interrupted.context("waiting for events");
                }
            }
        }
    }
}

fn instant(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(ago) = text.parse::<crate::config::ConfigDuration>() {
        return Ok(now - *ago);
    }
    let exact: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("--since is {text:?}, neither an instant nor a duration"))?;
    Ok(Timestamp::from_millis(exact.as_millisecond()))
}

fn printed(event: &Event) -> serde_json::Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.insert("at".into(), event.at.to_string().into());
        members.retain(|_, value| !value.is_null());
    }
    value
}
