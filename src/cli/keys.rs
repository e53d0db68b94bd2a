//! `latchkey key …`: signing keys.

use clap::Subcommand;
use serde::Serialize;

use crate::app::App;
use crate::cli::Output;
use crate::clock::Timestamp;
use crate::store::signing_keys::{self, SigningKeyRow};

/// What can be done with signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the published keys
    List,
    /// Publish new keys; they sign as soon as everybody can know them
    Rotate,
    /// Take a key out of use at once: nothing it signed is accepted any more
    Retire {
        /// The key's id, which may begin with a dash
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Serialize)]
struct KeyView {
    kid: String,
    key_type: String,
    state: &'static str,
    created_at: String,
    activates_at: String,
    retires_at: Option<String>,
}

impl KeyView {
    fn of(row: SigningKeyRow, now: Timestamp) -> Self {
        let retired = row.retires_at.is_some_and(|at| at <= now);
        let state = match () {
            () if row.activates_at > now => "published",
            () if retired => "retired",
            () => "signing",
        };
        Self {
            kid: row.kid,
            key_type: row.key_type,
            state,
            created_at: row.created_at.to_string(),
            activates_at: row.activates_at.to_string(),
            retires_at: row.retires_at.map(|at| at.to_string()),
        }
    }
}

/// Runs one of the commands.
pub(super) async fn run(app: &App, command: &Command, out: Output) -> anyhow::Result<()> {
    match command {
        Command::List => {}
        Command::Rotate => app.rotate_keys().await?,
        Command::Retire { kid } => app.retire_key(kid).await?,
    }
    let now = app.clock.now();
    let rows = {
        let mut db = app.store.read().await?;
        signing_keys::list(&mut db).await?
    };
    let keys: Vec<_> = rows
        .into_iter()
        .filter(|row| row.removed_at.is_none())
        .map(|row| KeyView::of(row, now))
        .collect();
    out.list(&keys, |key| {
        format!("{}  {}  {}  since {}", key.kid, key.key_type, key.state, key.activates_at)
    })
}
