//! `latchkey client …`: applications, as RFC 7591 metadata.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::cli::{Output, every, json_from_stdin, say, secret_from_stdin};
use crate::identity::clients::{self, ClientSecret};
use crate::store::clients::{self as records, ClientRecord};

/// What can be done with applications.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register an application; prints its metadata, and its secret for the only time
    Add(Add),
    /// List all applications
    List,
    /// Show one
    Show {
        /// The client id
        id: String,
    },
    /// Change one: members given replace the present ones
    Update(Change),
    /// Give it a new secret; the old one is worth nothing from then on
    RotateSecret {
        /// The client id
        id: String,
        /// Read the secret from standard input instead of making one
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Remove one with all its tokens
    Remove {
        /// The client id
        id: String,
    },
}

/// An application to register.
#[derive(Args, Debug)]
pub struct Add {
    /// What people read
    #[arg(long)]
    name: String,
    /// The client id; without it one is made
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    members: Members,
    /// Read the secret from standard input instead of making one
    #[arg(long, conflicts_with = "metadata_stdin")]
    secret_stdin: bool,
}

/// An application to change.
#[derive(Args, Debug)]
pub struct Change {
    /// The client id
    id: String,
    /// What people read
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    members: Members,
}

/// The members that have an option of their own; all others go through `--metadata-stdin`.
#[derive(Args, Debug)]
struct Members {
    /// Where answers may go; once for each
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where the browser may go after signing out; once for each
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// It runs where it can keep no secret
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    /// `authorization_code`, `refresh_token`, `client_credentials`; once for each
    #[arg(long = "grant-type", value_name = "GRANT")]
    grant_types: Vec<String>,
    /// What it may ask for, separated by spaces
    #[arg(long)]
    scope: Option<String>,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt` or `none`
    #[arg(long, value_name = "METHOD")]
    auth_method: Option<String>,
    /// It is ours: people are not asked for consent
    #[arg(long)]
    first_party: bool,
    /// Read more members as JSON from standard input (RFC 7591 §2)
    #[arg(long)]
    metadata_stdin: bool,
}

impl Members {
    fn read(&self) -> anyhow::Result<Map<String, Value>> {
        let mut members = if self.metadata_stdin {
            match json_from_stdin()? {
                Value::Object(members) => members,
                _ => anyhow::bail!("the metadata are not a JSON object"),
            }
        } else {
            Map::new()
        };
        let lists = [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
            ("grant_types", &self.grant_types),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                members.insert(name.into(), json!(list));
            }
        }
        let method = if self.public { Some("none") } else { self.auth_method.as_deref() };
        for (name, value) in
            [("scope", self.scope.as_deref()), ("token_endpoint_auth_method", method)]
        {
            if let Some(value) = value {
                members.insert(name.into(), json!(value));
            }
        }
        if self.first_party {
            members.insert("first_party".into(), json!(true));
        }
        Ok(members)
    }
}

fn secret(from_stdin: bool) -> anyhow::Result<ClientSecret> {
    Ok(if from_stdin { ClientSecret::Given(secret_from_stdin()?) } else { ClientSecret::Generated })
}

/// Runs one of the commands. Metadata are JSON in any case.
pub(super) async fn run(app: &App, command: &Command, out: Output) -> anyhow::Result<()> {
    match command {
        Command::Add(add) => self::add(app, add).await,
        Command::List => list(app, out).await,
        Command::Show { id } => print(&clients::find(app, id).await?, None),
        Command::Update(change) => update(app, change).await,
        Command::RotateSecret { id, secret_stdin } => {
            let secret = secret(*secret_stdin)?;
            let (client, shown) = clients::rotate_secret(app, id, secret).await?;
            print(&client, shown)
        }
        Command::Remove { id } => {
            let client = clients::remove(app, id).await?;
            out.one(&client.metadata, |metadata| {
                format!("{} is removed, and all its tokens are dead", metadata.client_name)
            })
        }
    }
}

/// Prints RFC 7591 §3.2.1.
fn print(client: &ClientRecord, secret: Option<String>) -> anyhow::Result<()> {
    let mut metadata = serde_json::to_value(&client.metadata)?;
    if let Some(members) = metadata.as_object_mut() {
        members.insert("registered_by".into(), json!(client.registered_by));
        members.insert("client_id_issued_at".into(), json!(client.created_at.seconds()));
        if let Some(secret) = secret {
            members.insert("client_secret".into(), json!(secret));
            members.insert("client_secret_expires_at".into(), json!(0));
        }
    }
    say(&serde_json::to_string_pretty(&metadata)?)
}

async fn add(app: &App, add: &Add) -> anyhow::Result<()> {
    let mut metadata = add.members.read()?;
    metadata.insert("client_name".into(), json!(add.name));
    if metadata.contains_key("redirect_uris") {
        // Most applications that sign people in also want to keep them signed in.
        let usual = json!(["authorization_code", "refresh_token"]);
        metadata.entry("grant_types").or_insert(usual);
    }
    if let Some(id) = &add.id {
        metadata.insert("client_id".into(), json!(id));
    }
    let secret = secret(add.secret_stdin)?;
    let (client, shown) = clients::register(app, Value::Object(metadata), secret).await?;
    print(&client, shown)
}

async fn update(app: &App, change: &Change) -> anyhow::Result<()> {
    let present = clients::find(app, &change.id).await?;
    let mut metadata = serde_json::to_value(&present.metadata)?;
    let mut members = change.members.read()?;
    if let Some(name) = &change.name {
        members.insert("client_name".into(), json!(name));
    }
    if let Some(present) = metadata.as_object_mut() {
        present.extend(members);
    }
    print(&clients::update(app, &change.id, metadata).await?, None)
}

async fn list(app: &App, out: Output) -> anyhow::Result<()> {
    let page = async |after: Option<String>, limit| {
        let mut db = app.store.read().await?;
        Ok(records::list(&mut db, after.as_deref(), limit).await?)
    };
    let all = every(page, |client: &ClientRecord| &client.id).await?;
    let all: Vec<_> = all.into_iter().map(|client| client.metadata).collect();
    out.list(&all, |client| {
        let method = client.token_endpoint_auth_method.name();
        format!("{}  {}  {method}", client.client_id, client.client_name)
    })
}
