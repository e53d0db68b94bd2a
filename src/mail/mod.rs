//! How mails leave: to a server by SMTP, or into a folder. The only place that knows how.

mod compose;
mod folder;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::{Config, MailServer, MailTransport, Protection};

/// How long a server may take for one mail in all, before it is tried again later.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take for each answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Connections to the server at once.
const CONNECTIONS: u32 = 4;

/// One mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its name, the same at each try: a server that got it twice can tell.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// The address it goes to.
    pub to: String,
    /// What it is about, in one line.
    pub subject: String,
    /// The words alone.
    pub text: String,
    /// The words with some form.
    pub html: String,
}

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It never will: no mail can be made of it.
    #[error("{0:#}")]
    Hopeless(anyhow::Error),
    /// It may the next time.
    #[error("{0:#}")]
    NotNow(anyhow::Error),
}

/// Where mails go, and from whom.
pub struct Mail {
    from: Mailbox,
    way: Way,
    patience: Duration,
}

enum Way {
    Folder(PathBuf),
    Server(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl Mail {
    /// The way out that `mail.*` names; nothing is connected or made yet. Servers are checked
    /// against the public certificate authorities and those of `outbound.extra_ca`.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let from = config.mail.from.parse().map_err(|error| {
            anyhow!("mail.from is `{}`, which is no mail address: {error}", config.mail.from)
        })?;
        let way = match MailTransport::parse(&config.mail.transport) {
            Ok(MailTransport::Folder(folder)) => Way::Folder(folder),
            Ok(MailTransport::Server(server)) => {
                let transport = connector(config, &server).context("mail.transport")?;
                Way::Server(Box::new(transport))
            }
            Err(expected) => return Err(anyhow!("mail.transport: expected {expected}")),
        };
        Ok(Self { from, way, patience: PATIENCE })
    }

    /// The same with more or less patience for a server.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The letter as it leaves.
    pub fn written(&self, letter: &Letter) -> Result<Vec<u8>, MailError> {
        let message = compose::message(&self.from, letter).map_err(MailError::Hopeless)?;
        Ok(message.formatted())
    }

    /// Sends one mail; when this returns `Ok`, somebody else has it, or it lies in the folder.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = compose::message(&self.from, letter).map_err(MailError::Hopeless)?;
        let (envelope, bytes) = (message.envelope().clone(), message.formatted());
        match &self.way {
            Way::Folder(folder) => folder::put(folder, letter, &bytes).await,
            Way::Server(transport) => self.hand_over(transport, &envelope, &bytes).await,
        }
        .map_err(MailError::NotNow)
    }

    async fn hand_over(
        &self,
        transport: &AsyncSmtpTransport<Tokio1Executor>,
        envelope: &Envelope,
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let sending = transport.send_raw(envelope, bytes);
        match tokio::time::timeout(self.patience, sending).await {
            // Servers repeat what they refuse, and with it links that open accounts.
            Ok(sent) => match sent {
                Ok(_) => Ok(()),
                Err(error) => {
                    let cause = without_tokens(&format!("{:#}", anyhow!(error)));
                    Err(anyhow!("the mail server did not take it: {cause}"))
                }
            },
            Err(_) => Err(anyhow!("the mail server did not answer within {:?}", self.patience)),
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Folder(_) => "folder",
            Way::Server(_) => "server",
        };
        f.debug_struct("Mail").field("way", &way).finish_non_exhaustive()
    }
}

fn connector(
    config: &Config,
    server: &MailServer,
) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    let tls = || parameters(&server.host, config.outbound.extra_ca.as_deref());
    let tls = match server.protection {
        Protection::Tls => Tls::Wrapper(tls()?),
        Protection::StartTls => Tls::Required(tls()?),
        Protection::Off => Tls::None,
    };
    let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(ANSWER);
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(ANSWER))
        .pool_config(pool)
        .hello_name(own_name(&config.issuer));
    if let Some((user, password)) = &server.account {
        let password = password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

fn parameters(host: &str, extra_ca: Option<&Path>) -> anyhow::Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(file) = extra_ca {
        let name = || format!("outbound.extra_ca {}", file.display());
        let pem = std::fs::read(file).with_context(name)?;
        parameters =
            parameters.add_root_certificate(Certificate::from_pem(&pem).with_context(name)?);
    }
    Ok(parameters.build()?)
}

/// Letters of base64url in a row from which on they may be a token's.
const LONGEST_WORD: usize = 20;

/// `text` without anything that is long enough to be a part of a token.
fn without_tokens(text: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut found = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        found.push_str(if word.len() > LONGEST_WORD { "…" } else { word });
        let next = after.find(is_letter).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        found.push_str(between);
        rest = after;
    }
    found
}

/// What we call ourselves to the server: the issuer's host, never this machine's own name.
fn own_name(issuer: &str) -> ClientId {
    let url = url::Url::parse(issuer).ok();
    let host = url.as_ref().and_then(url::Url::host_str).unwrap_or("localhost");
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::without_tokens;

    #[test]
    fn what_a_server_repeats_holds_no_token() {
        let told = "permanent error (554): 5.7.1 <https://id.example/recover/\
                    c2l4dGVlbi1ieXRlcy1hbmQtYS1iaXQtbW9yZS4uLi4>, see mail.example.com";
        let wanted =
            "permanent error (554): 5.7.1 <https://id.example/recover/…>, see mail.example.com";
        assert_eq!(without_tokens(told), wanted);
        for same in ["", "…", "451 4.7.1 Greylisted, try again later", "größer als 5"] {
            assert_eq!(without_tokens(same), same);
        }
    }
}
