//! `latchkey demo`: the provider, a sample relying party and a printed walk-through.

pub mod relying_party;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;

use crate::app::App;
use crate::cli::{refuse_problems, say};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::clients::{self, ClientError, ClientSecret};
use crate::identity::people::{self, NewUser, PeopleError};
use crate::protocol::claims::StandardClaims;
use crate::secret::Random;
use crate::server::{Provider, Shutdown};
use crate::telemetry;
use relying_party::{CALLBACK, SCOPES, SampleRelyingParty};

const HOME: &str = "data/demo";
const APPLICATION: &str = "http://localhost:8081";
const APPLICATION_LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8081);
const CLIENT_ID: &str = "photo-printer";
const USER: &str = "demo";
const PASSWORD: &str = "open-Sesame-42";

/// Runs the demo until it is told to stop. Its state survives a restart.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let home = Path::new(HOME);
    config.issuer = "http://localhost:8080".into();
    config.database.url = format!("sqlite://{}", home.join("latchkey.db").display());
    config.keys.directory = home.join("keys");
    config.mail.transport = format!("file://{}", home.join("outbox").display());
    config.telemetry.log_level = "warn".into();
    refuse_problems(&config)?;
    telemetry::start(&config.telemetry)?;
    let issuer = config.issuer.clone();
    let management = config.server.management_listen;
    let provider = Provider::start(config, Clock::System, Random::System).await?;
    let secret = furnish(provider.app()).await.context("furnishing the demo")?;
    let address = SocketAddr::from(APPLICATION_LISTEN);
    let application = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("the sample application cannot listen on {address}"))?;
    let router = relying_party::router(SampleRelyingParty {
        issuer: issuer.clone(),
        client_id: CLIENT_ID.into(),
        client_secret: Some(secret),
        redirect_uri: format!("{APPLICATION}{CALLBACK}"),
        listen: address,
    })?;
    let shutdown = Shutdown::on_signals()?;
    let stop = shutdown.gracefully.clone();
    let serving = tokio::spawn(async move {
        axum::serve(application, router).with_graceful_shutdown(stop.cancelled_owned()).await
    });
    walk_through(&issuer, management)?;
    provider.serve(shutdown).await?;
    serving.abort();
    Ok(())
}

fn walk_through(issuer: &str, management: SocketAddr) -> anyhow::Result<()> {
    say(&format!(
        "\n  Latchkey is running.\n\
         \n  Provider            {issuer}\
         \n  Sample application  {APPLICATION}\
         \n  Demo account        {USER}  /  {PASSWORD}\n\
         \n  1. Open {APPLICATION} and sign in: password, consent, the verified ID token.\
         \n  2. There, refresh the tokens, revoke them, and watch userinfo refuse the dead one.\
         \n  3. See at {issuer}/account where you are signed in and what you allowed; turn on two-factor,\
         \n     look at the history, revoke the application, and go back to it.\
         \n  4. Metadata: {issuer}/.well-known/openid-configuration   Health: http://{management}/readyz\n\
         \n  State is kept in {HOME}, and mails lie in {HOME}/outbox. Ctrl+C stops.\n"
    ))
}

/// Adds the demo user and the sample application unless they are there; gives the application's
/// secret, which is new at each start.
async fn furnish(app: &Arc<App>) -> anyhow::Result<String> {
    let claims = StandardClaims::check(json!({
        "name": "Demo Person",
        "given_name": "Demo",
        "family_name": "Person",
        "nickname": "Demi",
        "locale": "en-GB",
        "zoneinfo": "Europe/London",
    }))
    .map_err(anyhow::Error::msg)?;
    let new = NewUser {
        username: USER.into(),
        email: Some("demo@example.org".into()),
        email_verified: true,
        claims,
        password: Some(PASSWORD.into()),
        admin: false,
    };
    match people::add_user(app, new).await {
        Ok(_) | Err(PeopleError::Taken) => {}
        Err(error) => return Err(error.into()),
    }
    let metadata = json!({
        "client_id": CLIENT_ID,
        "client_name": "Photo Printer",
        "client_uri": APPLICATION,
        "redirect_uris": [format!("{APPLICATION}{CALLBACK}")],
        "post_logout_redirect_uris": [format!("{APPLICATION}{}", relying_party::SIGNED_OUT)],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": SCOPES.join(" "),
        "application_type": "native",
    });
    let made = match clients::register(app, metadata, ClientSecret::Generated).await {
        Err(ClientError::Taken) => {
            clients::rotate_secret(app, CLIENT_ID, ClientSecret::Generated).await
        }
        other => other,
    };
    let (_, secret) = made?;
    secret.context("the sample application has no secret")
}
