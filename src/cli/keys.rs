//! `latchkey key …`: signing keys, and the master key.

use clap::Subcommand;
use serde::Serialize;

use crate::app::App;
use crate::cli::Output;
use crate::clock::{Clock, Timestamp};
use crate::keys::replacing;
use crate::secret::Random;
use crate::store::signing_keys::{self, SigningKeyRow};

/// What can be done with keys.
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
    /// Replace the master key; what is sealed in the database is sealed anew, and nothing is lost
    ReplaceMaster {
        /// Only make `next.key`, to be copied to every node before it is used
        #[arg(long)]
        prepare: bool,
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
        Command::ReplaceMaster { prepare } => return replace_master(app, *prepare, out).await,
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

/// What became of the master key.
#[derive(Serialize)]
struct Replaced {
    former: String,
    master_key: String,
    sealed_anew: u64,
}

async fn replace_master(app: &App, prepare: bool, out: Output) -> anyhow::Result<()> {
    let folder = &app.config.keys.directory;
    if prepare {
        let file = replacing::prepare(folder, &Random::System)?;
        println!(
            "{} is made. Copy it into the keys folder of every node, then run this command \
             without --prepare on each.",
            file.display()
        );
        return Ok(());
    }
    let (former, master_key) = replacing::promote(folder, &app.master.id(), &Random::System)?;
    app.store.close().await;
    // Started anew, it takes the key over as the provider would.
    let app = App::start(app.config.clone(), Clock::System, Random::System).await?;
    let mut sealed_anew = 0;
    // A node that has not followed yet may seal with the former key meanwhile.
    loop {
        match app.tend_sealed().await? {
            0 => break,
            more => sealed_anew += more,
        }
    }
    out.one(&Replaced { former, master_key, sealed_anew }, |done| {
        format!(
            "the master key is {}, and {} records are sealed anew. {} holds the former one: \
             remove it when `latchkey check` says that it is needed no more.",
            done.master_key,
            done.sealed_anew,
            folder.join(format!("former-{}.key", done.former)).display()
        )
    })
}
