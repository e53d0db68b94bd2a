//! What each key means, in a sentence; `latchkey.example.toml` is made from this table.

use std::fmt::Write;

use super::Config;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its path, such as `server.listen`.
    pub path: &'static str,
    /// A value to show, in TOML, for keys that have no default.
    pub sample: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(path: &'static str, meaning: &'static str) -> Key {
    Key { path, sample: None, meaning }
}

const fn unset(path: &'static str, sample: &'static str, meaning: &'static str) -> Key {
    Key { path, sample: Some(sample), meaning }
}

/// Every key, section by section.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("issuer", "The issuer identifier, exactly as relying parties know it: no trailing slash; https unless its host is loopback."),
    key("server.listen", "Address and port of the public listener."),
    key("server.management_listen", "Address and port of /healthz, /readyz and /metrics; keep it away from the public."),
    key("server.trusted_proxies", "Networks (CIDR) whose Forwarded and X-Forwarded-For are believed; from anyone else they are ignored."),
    key("server.forwarded_header", "Which header of a trusted proxy names the client: \"any\" (where both stand, they must agree), \"forwarded\" or \"x-forwarded-for\". Name the one that your proxy writes: the other may be a stranger's."),
    key("server.max_connections", "Open connections at most; further ones wait in the operating system's queue."),
    key("server.max_requests", "Requests in progress at most, with up to 64 KiB of body each; further ones are told at once to come back."),
    key("server.drain_timeout", "How long requests in progress may take to finish at shutdown."),
    unset("server.tls.certificate", "\"/etc/latchkey/tls/fullchain.pem\"", "PEM file with the certificate chain; together with the key it turns on TLS. Read again on SIGHUP."),
    unset("server.tls.key", "\"/etc/latchkey/tls/privkey.pem\"", "PEM file with the private key of the certificate."),
    key("server.tls.ephemeral", "Make a self-signed certificate at every start; for tests only."),
    key("database.url", "sqlite://PATH for the embedded database, or postgres://USER:PASSWORD@HOST/NAME."),
    key("database.max_connections", "Connections to the database at most."),
    key("keys.directory", "Folder of the master key, which is made at first start; back it up apart from the database."),
    key("keys.rotate_after", "Age at which a signing key is succeeded by a new one."),
    key("keys.publish_before", "How long a new signing key is published before it signs, so that relying parties know it in time."),
    key("sessions.idle", "A browser is signed out after this time without activity."),
    key("sessions.absolute", "A browser is signed out after this time in any case."),
    key("sessions.remember_enabled", "Whether people are offered to stay signed in."),
    key("sessions.remember_idle", "Like sessions.idle, for those who chose to stay signed in."),
    key("sessions.remember_absolute", "Like sessions.absolute, for those who chose to stay signed in."),
    key("tokens.access_ttl", "Lifetime of access tokens, 60m at most."),
    key("tokens.id_ttl", "Lifetime of ID tokens, 60m at most."),
    key("tokens.code_ttl", "Lifetime of authorization codes, 10m at most."),
    key("tokens.refresh_grace", "For this long after its use a refresh token is answered with the same successor, as long as that one is unused; 0s turns it off, 60s at most."),
    key("tokens.refresh_idle", "A refresh token dies when it is not used for this long."),
    key("tokens.refresh_absolute_public", "Public clients must ask the person again after this time."),
    key("tokens.refresh_absolute_confidential", "Confidential clients must ask the person again after this time."),
    key("password.policy", "What a password must be: \"default\", or \"nist\" for NIST SP 800-63B-4 (15 characters)."),
    unset("password.blocklist", "\"/etc/latchkey/passwords.txt\"", "A file of passwords that are not allowed, one a line, beside the built-in list of common ones."),
    key("password.argon2_memory_kib", "Argon2id memory a hash in KiB; 19456 is the floor."),
    key("password.argon2_iterations", "Argon2id passes; 2 is the floor."),
    key("password.argon2_parallelism", "Argon2id lanes."),
    key("password.hash_queue", "How many sign-ins may wait for a hash before the next is told to come back; 0 chooses four a core."),
    key("login.max_failures", "Wrong passwords within the window before an account is closed to strangers for a while."),
    key("login.failure_window", "How long a wrong password counts."),
    key("login.lockout", "How long the account stays closed to strangers; browsers known to its owner are not shut out."),
    key("login.request_ttl", "How long a person may take to sign in and consent."),
    key("login.max_requests", "How many sign-ins for applications may be in progress; beyond that the oldest end, of those addresses that have most."),
    key("login.two_factor_required_for", "Who must have two-factor and is led through its set-up at the next sign-in: \"everyone\", \"administrators\", \"group:NAME\"."),
    key("login.trust_browser_for", "How long a browser that its owner trusts is asked for no code; 0s offers no such trust."),
    key("account.removal_grace", "How long an account that its owner wants removed can still be kept."),
    key("account.audit_retention", "How long the audit trail is kept, 90d at least; sign-ins stay for 90 days whatever this is."),
    key("rate_limits.enabled", "Whether requests are limited at all; turn it off only to measure."),
    key("rate_limits.login_per_minute", "Sign-in attempts an address (IPv6: a /64) and minute; beyond that only from browsers that somebody has signed in from, 60 a person and minute."),
    key("rate_limits.recovery_per_hour", "Requests for a new password an address (IPv6: a /64) and hour; beyond that as above."),
    key("rate_limits.authorize_per_minute", "Authorization requests an address (IPv6: a /64) and minute; beyond that as above."),
    key("rate_limits.forms_per_minute", "Other forms that people send (consent, sign-out, account) an address (IPv6: a /64) and minute; beyond that as above."),
    key("rate_limits.token_per_minute", "Token requests a client and minute, over all nodes; of a client that proves nothing (public) for each address (IPv6: a /64) and node apart."),
    key("rate_limits.unproven_per_minute", "Requests of public clients, and of programs whose proof is wrong, an address (IPv6: a /64) and minute."),
    key("registration.clients", "Who may register clients over HTTP: \"off\", \"token\" or \"open\"."),
    key("registration.users", "Whether people may register themselves."),
    key("oidc.legacy_flows", "Implicit and hybrid response types, for relying parties that still need them."),
    key("mail.transport", "smtps://USER:PASSWORD@HOST, smtp://USER:PASSWORD@HOST (STARTTLS, which must work unless HOST is this machine), or file://FOLDER to keep mails as .eml files. See docs/mail.md."),
    key("mail.from", "The sender of every mail, as in Name <id@example.com>."),
    unset("geoip.database", "\"/usr/share/GeoIP/GeoLite2-City.mmdb\"", "An MMDB file with countries or cities; without it the embedded country table is used. A new city, or a journey too fast to be made, is noticed only with cities and their positions."),
    key("branding.name", "What the provider calls itself to people."),
    unset("branding.logo", "\"/etc/latchkey/logo.svg\"", "An image for the pages."),
    key("branding.primary_color", "The accent color of the pages as #rrggbb."),
    unset("branding.support_url", "\"https://help.example.com/\"", "Where people find help."),
    unset("branding.support_email", "\"help@example.com\"", "Whom people write to for help."),
    unset("templates.directory", "\"/etc/latchkey/templates\"", "Files in this folder replace the built-in pages of the same name."),
    key("telemetry.log_level", "error, warn, info, debug or trace; or directives such as \"info,latchkey::grants=debug\"."),
    key("telemetry.log_format", "\"text\" for people or \"json\", one object a line."),
    key("outbound.allow_private_networks", "Networks (CIDR) that may be called although they are not public, such as that of an internal relying party."),
    unset("outbound.extra_ca", "\"/etc/latchkey/internal-ca.pem\"", "PEM file with certificate authorities to trust beside the public ones."),
    key("outbound.timeout", "How long a call to another server may take in all, 30s at most."),
];

/// The defaults as a tree of TOML; keys without a default are missing in it.
pub(super) fn default_values() -> toml::Value {
    toml::Value::try_from(Config::default()).unwrap_or_else(|_| toml::Table::new().into())
}

/// The value at a dotted path.
pub(super) fn lookup<'a>(tree: &'a toml::Value, path: &str) -> Option<&'a toml::Value> {
    path.split('.').try_fold(tree, |table, part| table.get(part))
}

/// The text of `latchkey.example.toml`: every key with its meaning and default.
#[must_use]
pub fn example() -> String {
    let defaults = default_values();
    let mut text = String::from(
        "# Every key with its default. A line that is commented out shows a value for a key that is\n\
         # unset by default. Each key can also be given in the environment: LATCHKEY_ and its path,\n\
         # sections joined by two underscores, as in LATCHKEY_DATABASE__URL.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (inside, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if inside != section {
            section = inside;
            let _ = writeln!(text, "\n[{section}]");
        } else if section.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "# {}", key.meaning);
        match (lookup(&defaults, key.path), key.sample) {
            (Some(value), _) => {
                let _ = writeln!(text, "{name} = {value}");
            }
            (None, sample) => {
                let _ = writeln!(text, "# {name} = {}", sample.unwrap_or("\"\""));
            }
        }
    }
    text
}
