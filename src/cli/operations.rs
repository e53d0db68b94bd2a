//! `latchkey serve`, `migrate`, `check` and `event`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::app::App;
use crate::cli::{refuse_problems, say};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::identity::people::{self, PeopleError};
use crate::secret::Random;
use crate::server::{Provider, Shutdown};
use crate::store::Store;
use crate::store::events::{self, Event};
use crate::telemetry;

/// What can be asked of the audit trail.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Print events, one JSON object a line, oldest first
    List {
        /// Only those of this person: an id, user name or e-mail address; the id of one who was removed
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

/// How far behind the newest event another one may still come to light: its time is taken before
/// it is committed, and the clocks of nodes differ.
const LATE: Duration = Duration::from_secs(30);

/// The trail as it is printed: each event once, also one that is committed behind others.
struct Trail {
    /// From where on it is read again.
    from: Timestamp,
    /// What was printed from there on.
    shown: BTreeSet<(Timestamp, String)>,
    /// Whose events are wanted; everybody's without one.
    user_id: Option<String>,
}

impl Trail {
    /// Prints what was not printed before.
    async fn go_on(&mut self, app: &App) -> anyhow::Result<()> {
        const PAGE: i64 = 500;
        let mut after = (self.from, String::new());
        loop {
            let page = {
                let mut db = app.store.read().await?;
                events::list_after(&mut db, (after.0, &after.1), PAGE).await?
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.at, last.id.clone());
            let full = i64::try_from(page.len()).unwrap_or(0) == PAGE;
            for event in page {
                let new = self.shown.insert((event.at, event.id.clone()));
                if new && (self.user_id.is_none() || event.user_id == self.user_id) {
                    say(&serde_json::to_string(&printed(&event))?)?;
                }
            }
            // A node whose clock is ahead must not hide what the others write.
            self.from = self.from.max(after.0.min(app.clock.now()) - LATE);
            self.shown = self.shown.split_off(&(self.from, String::new()));
            if !full {
                return Ok(());
            }
        }
    }
}

/// Prints the audit trail.
pub async fn events(app: &Arc<App>, command: &EventCommand) -> anyhow::Result<()> {
    let EventCommand::List { user, since, follow } = command;
    let user_id = match user {
        Some(user) => Some(whose(app, user).await?),
        None => None,
    };
    let from = match since {
        Some(since) => instant(since, app.clock.now())?,
        None => Timestamp::from_millis(0),
    };
    let mut trail = Trail { from, shown: BTreeSet::new(), user_id };
    loop {
        trail.go_on(app).await?;
        if !follow {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            interrupted = tokio::signal::ctrl_c() => {
                return interrupted.context("waiting for events");
            }
        }
    }
}

/// The id of the person with this id, user name or e-mail address; also of one who was removed, as
/// long as the trail tells of them by their id.
async fn whose(app: &App, who: &str) -> anyhow::Result<String> {
    let unknown = match people::find(app, who).await {
        Ok(user) => return Ok(user.id),
        Err(unknown @ PeopleError::Unknown(_)) => unknown,
        Err(other) => return Err(other.into()),
    };
    let about = events::Filter { user_id: Some(who), since: None, before: None, limit: 1 };
    let mut db = app.store.read().await?;
    if events::list(&mut db, about).await?.is_empty() {
        return Err(unknown).context("for somebody who was removed, give the id");
    }
    Ok(who.to_owned())
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
