//! Every key of the configuration with its default, as plain data.
//!
//! `reference` says in a sentence what each key means; `load` reads the file and the environment;
//! `check` says what is wrong with values that are well-formed one by one.

mod check;
mod duration;
mod load;
mod mask;
mod reference;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use duration::ConfigDuration;
pub use load::ConfigError;
pub use reference::{KEYS, Key, example};

pub use check::is_group_name;
use mask::{mask_password, masked};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn seconds(seconds: u64) -> ConfigDuration {
    ConfigDuration::new(Duration::from_secs(seconds))
}

/// Declares one section: its keys with types, defaults and, for readers of the code, meanings.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$key_meta:meta])* $key:ident: $type:ty = $default:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$key_meta])* pub $key: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl fmt::Debug for $name {
            /// Prints what `effective` prints, so that no secret ever reaches a log.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = toml::to_string(self).map_err(|_| fmt::Error)?;
                f.write_str(concat!(stringify!($name), " { "))?;
                for line in text.lines().filter(|line| !line.is_empty()) {
                    write!(f, "{}; ", mask_password(line))?;
                }
                f.write_str("}")
            }
        }
    };
}

mod people;
mod transport;
mod warnings;

pub use people::{
    Account, ClientRegistration, Login, Password, PasswordPolicy, RateLimits, Registration,
    Sessions, Tokens,
};
pub use transport::{MailServer, MailTransport, Protection};

section! {
    /// The whole configuration.
    Config {
        /// The issuer identifier (OpenID Connect Discovery §3).
        issuer: String = "http://localhost:8080".into(),
        /// Listeners.
        server: Server = Server::default(),
        /// Where everything is kept.
        database: Database = Database::default(),
        /// The master key and the rotation of signing keys.
        keys: Keys = Keys::default(),
        /// How long a browser stays signed in.
        sessions: Sessions = Sessions::default(),
        /// How long tokens live.
        tokens: Tokens = Tokens::default(),
        /// What a password must be and how it is hashed.
        password: Password = Password::default(),
        /// When guessing ends.
        login: Login = Login::default(),
        /// What people may do with their own accounts.
        account: Account = Account::default(),
        /// How often one may ask.
        rate_limits: RateLimits = RateLimits::default(),
        /// Who may register.
        registration: Registration = Registration::default(),
        /// Protocol behaviour for old relying parties.
        oidc: Oidc = Oidc::default(),
        /// How mails leave.
        mail: Mail = Mail::default(),
        /// Where addresses are looked up.
        geoip: Geoip = Geoip::default(),
        /// What people see.
        branding: Branding = Branding::default(),
        /// Replacements of the built-in pages.
        templates: Templates = Templates::default(),
        /// Logs.
        telemetry: Telemetry = Telemetry::default(),
        /// Calls that the provider makes itself.
        outbound: Outbound = Outbound::default(),
    }
}

section! {
    /// Listeners and their limits.
    Server {
        /// The public listener.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
        /// The listener of health and metrics.
        management_listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9080)),
        /// Whose word about the client's address is believed.
        trusted_proxies: Vec<IpNet> = Vec::new(),
        /// Which of their headers is read.
        forwarded_header: ForwardedHeader = ForwardedHeader::Any,
        /// Open connections at most.
        max_connections: u32 = 4096,
        /// Requests in progress at most.
        max_requests: u32 = 4096,
        /// How long requests in progress may take at shutdown.
        drain_timeout: ConfigDuration = seconds(10),
        /// TLS on the public listener.
        tls: Tls = Tls::default(),
    }
}

/// Which header of a trusted proxy names the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// Either; where both stand, they must agree.
    #[default]
    Any,
    /// `Forwarded` (RFC 7239) alone.
    Forwarded,
    /// `X-Forwarded-For` alone.
    XForwardedFor,
}

section! {
    /// TLS on the public listener; off unless a certificate is named.
    Tls {
        /// PEM file with the certificate chain.
        certificate: Option<PathBuf> = None,
        /// PEM file with the private key.
        key: Option<PathBuf> = None,
        /// A self-signed certificate made at every start, for tests.
        ephemeral: bool = false,
    }
}

section! {
    /// Where everything is kept.
    Database {
        /// `sqlite://…` or `postgres://…`.
        #[serde(serialize_with = "masked")]
        url: String = "sqlite://data/latchkey.db".into(),
        /// Connections at most.
        max_connections: u32 = 10,
    }
}

section! {
    /// The master key and the rotation of signing keys.
    Keys {
        /// Where the master key lies.
        directory: PathBuf = "keys".into(),
        /// Age at which a signing key is succeeded.
        rotate_after: ConfigDuration = seconds(30 * DAY),
        /// How long a new key is published before it signs.
        publish_before: ConfigDuration = seconds(HOUR),
    }
}

section! {
    /// Protocol behaviour for old relying parties.
    Oidc {
        /// Implicit and hybrid response types.
        legacy_flows: bool = false,
    }
}

section! {
    /// How mails leave.
    Mail {
        /// `smtp://…`, `smtps://…` or `file://` and a folder.
        #[serde(serialize_with = "masked")]
        transport: String = "file://data/outbox".into(),
        /// The sender.
        from: String = "Latchkey <latchkey@localhost>".into(),
    }
}

section! {
    /// Where addresses are looked up.
    Geoip {
        /// An MMDB file; none means the embedded country table.
        database: Option<PathBuf> = None,
    }
}

section! {
    /// What people see.
    Branding {
        /// The provider's name.
        name: String = "Latchkey".into(),
        /// An image file.
        logo: Option<PathBuf> = None,
        /// The accent color as `#rrggbb`.
        primary_color: String = "#1f5fbf".into(),
        /// Where people find help.
        support_url: Option<String> = None,
        /// Whom people write to.
        support_email: Option<String> = None,
    }
}

section! {
    /// Replacements of the built-in pages.
    Templates {
        /// A folder; files in it replace those of the same name.
        directory: Option<PathBuf> = None,
    }
}

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

section! {
    /// Logs.
    Telemetry {
        /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `latchkey=debug`.
        log_level: String = "info".into(),
        /// What log lines look like.
        log_format: LogFormat = LogFormat::Text,
    }
}

section! {
    /// Calls that the provider makes itself.
    Outbound {
        /// Networks that are called although they are not public.
        allow_private_networks: Vec<IpNet> = Vec::new(),
        /// PEM file with certificate authorities to trust beside the public ones.
        extra_ca: Option<PathBuf> = None,
        /// How long a call may take in all.
        timeout: ConfigDuration = seconds(5),
    }
}
