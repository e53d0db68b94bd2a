//! What is wrong with values that are well-formed one by one, and the configuration as printed.

use std::time::Duration;

use url::{Host, Url};

use super::mask::{mask_password, mask_url};
use super::{Config, ConfigDuration, MailTransport};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Config {
    /// What is wrong, a sentence a problem; empty when all is well.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.check_issuer(&mut problems);
        self.check_durations(&mut problems);
        self.check_orders(&mut problems);
        self.check_numbers(&mut problems);
        self.check_texts(&mut problems);
        self.check_rules(&mut problems);
        problems
    }

    fn check_issuer(&self, problems: &mut Vec<String>) {
        if let Some(why) = self.wrong_with_issuer() {
            problems.push(format!("issuer is `{}`, which {why}", mask_password(&self.issuer)));
        }
    }

    fn wrong_with_issuer(&self) -> Option<String> {
        let Ok(url) = Url::parse(&self.issuer) else {
            return Some("is not a URL; expected one such as `https://id.example.com`".into());
        };
        let normal = url.as_str().trim_end_matches('/');
        let why = match (url.scheme(), is_loopback(&url)) {
            _ if url.query().is_some() || url.fragment().is_some() => {
                "has a query or fragment; expected neither"
            }
            _ if !url.username().is_empty() || url.password().is_some() => {
                "holds a user name or password; expected neither"
            }
            _ if self.issuer.ends_with('/') => "ends with a slash; expected none",
            ("http", false) => "is http; expected https, because its host is not loopback",
            ("https" | "http", _) if self.issuer == normal => return None,
            ("https" | "http", _) => {
                return Some(format!("is not in its normal form; expected `{normal}`"));
            }
            _ => "is not an https URL; expected one such as `https://id.example.com`",
        };
        Some(why.into())
    }

    fn check_durations(&self, problems: &mut Vec<String>) {
        let (t, s, l) = (&self.tokens, &self.sessions, &self.login);
        for (key, value, least, most) in [
            ("tokens.access_ttl", t.access_ttl, 30 * SECOND, HOUR),
            ("tokens.id_ttl", t.id_ttl, 30 * SECOND, HOUR),
            ("tokens.code_ttl", t.code_ttl, SECOND, 10 * MINUTE),
            ("tokens.refresh_grace", t.refresh_grace, Duration::ZERO, MINUTE),
            ("tokens.refresh_idle", t.refresh_idle, MINUTE, 365 * DAY),
            ("tokens.refresh_absolute_public", t.refresh_absolute_public, MINUTE, 365 * DAY),
            (
                "tokens.refresh_absolute_confidential",
                t.refresh_absolute_confidential,
                MINUTE,
                3650 * DAY,
            ),
            ("sessions.idle", s.idle, MINUTE, 30 * DAY),
            ("sessions.absolute", s.absolute, MINUTE, 90 * DAY),
            ("sessions.remember_idle", s.remember_idle, MINUTE, 90 * DAY),
            ("sessions.remember_absolute", s.remember_absolute, MINUTE, 365 * DAY),
            ("login.failure_window", l.failure_window, SECOND, 30 * DAY),
            ("login.lockout", l.lockout, SECOND, 30 * DAY),
            ("login.request_ttl", l.request_ttl, MINUTE, DAY),
            ("account.audit_retention", self.account.audit_retention, 90 * DAY, 3650 * DAY),
            ("login.trust_browser_for", l.trust_browser_for, Duration::ZERO, 365 * DAY),
            ("keys.rotate_after", self.keys.rotate_after, SECOND, 3650 * DAY),
            ("keys.publish_before", self.keys.publish_before, Duration::ZERO, 30 * DAY),
            ("server.drain_timeout", self.server.drain_timeout, Duration::ZERO, 10 * MINUTE),
            ("outbound.timeout", self.outbound.timeout, Duration::from_millis(1), 30 * SECOND),
        ] {
            if *value < least || *value > most {
                let (least, most) = (ConfigDuration::new(least), ConfigDuration::new(most));
                problems.push(format!("{key} is {value}; expected {least} to {most}"));
            }
        }
    }

    fn check_orders(&self, problems: &mut Vec<String>) {
        let (s, k) = (&self.sessions, &self.keys);
        for (less, smaller, more, greater) in [
            ("sessions.idle", s.idle, "sessions.absolute", s.absolute),
            (
                "sessions.remember_idle",
                s.remember_idle,
                "sessions.remember_absolute",
                s.remember_absolute,
            ),
            ("keys.publish_before", k.publish_before, "keys.rotate_after", k.rotate_after),
        ] {
            if smaller > greater {
                problems.push(format!(
                    "{less} is {smaller}; expected no more than {more}, which is {greater}"
                ));
            }
        }
        if self.server.listen == self.server.management_listen && self.server.listen.port() != 0 {
            problems.push(format!(
                "server.management_listen is {}; expected another address than server.listen",
                self.server.listen
            ));
        }
        let tls = &self.server.tls;
        match (&tls.certificate, &tls.key) {
            (Some(_), None) => problems.push("server.tls.key is missing; expected the file of the certificate's private key".into()),
            (None, Some(_)) => problems.push("server.tls.certificate is missing; expected the file of the key's certificate chain".into()),
            (Some(_), Some(_)) if tls.ephemeral => problems.push("server.tls.ephemeral is true; expected false where a certificate is given".into()),
            _ => {}
        }
    }

    fn check_numbers(&self, problems: &mut Vec<String>) {
        let p = &self.password;
        for (key, value, least, most) in [
            ("server.max_connections", self.server.max_connections, 1, 1_000_000),
            ("server.max_requests", self.server.max_requests, 16, 1_000_000),
            ("database.max_connections", self.database.max_connections, 1, 1000),
            ("password.argon2_memory_kib", p.argon2_memory_kib, 19_456, 4_194_304),
            ("password.argon2_iterations", p.argon2_iterations, 2, 100),
            ("password.argon2_parallelism", p.argon2_parallelism, 1, 64),
            ("password.hash_queue", p.hash_queue, 0, 100_000),
            ("login.max_failures", self.login.max_failures, 1, 100),
            ("login.max_requests", self.login.max_requests, 1000, 100_000_000),
            ("rate_limits.login_per_minute", self.rate_limits.login_per_minute, 1, 1_000_000),
            ("rate_limits.recovery_per_hour", self.rate_limits.recovery_per_hour, 1, 1_000_000),
            (
                "rate_limits.authorize_per_minute",
                self.rate_limits.authorize_per_minute,
                1,
                1_000_000,
            ),
            ("rate_limits.forms_per_minute", self.rate_limits.forms_per_minute, 1, 1_000_000),
            ("rate_limits.token_per_minute", self.rate_limits.token_per_minute, 1, 100_000_000),
            (
                "rate_limits.unproven_per_minute",
                self.rate_limits.unproven_per_minute,
                1,
                100_000_000,
            ),
        ] {
            if value < least || value > most {
                problems.push(format!("{key} is {value}; expected {least} to {most}"));
            }
        }
    }

    fn check_texts(&self, problems: &mut Vec<String>) {
        let mut wrong = |key: &str, value: &str, expected: &str| {
            problems.push(format!("{key} is `{}`; expected {expected}", mask_password(value)));
        };
        let b = &self.branding;
        let digits = b.primary_color.strip_prefix('#').unwrap_or_default();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            wrong("branding.primary_color", &b.primary_color, "#rrggbb, such as #1f5fbf");
        }
        let printable = |text: &str| !text.trim().is_empty() && !text.contains(char::is_control);
        if !printable(&b.name) || b.name.chars().count() > 64 {
            wrong("branding.name", &b.name, "1 to 64 printable characters");
        }
        if let Some(url) = b.support_url.as_deref().filter(|url| !is_web_address(url)) {
            wrong("branding.support_url", url, "an https or http URL");
        }
        if let Some(mail) = b.support_email.as_deref().filter(|mail| !is_mail_address(mail)) {
            wrong("branding.support_email", mail, "a mail address");
        }
        let schemes = ["sqlite://", "postgres://", "postgresql://"];
        if !schemes.iter().any(|scheme| self.database.url.starts_with(scheme)) {
            wrong("database.url", &mask_url(&self.database.url), "sqlite://… or postgres://…");
        }
        if let Err(expected) = MailTransport::parse(&self.mail.transport) {
            wrong("mail.transport", &mask_url(&self.mail.transport), expected);
        }
        let sender = self.mail.from.rsplit_once('<').map(|(_, rest)| rest.trim_end_matches('>'));
        if !is_mail_address(sender.unwrap_or(&self.mail.from)) || !printable(&self.mail.from) {
            wrong("mail.from", &self.mail.from, "an address such as `Name <name@example.com>`");
        }
        let level = &self.telemetry.log_level;
        if level.trim().is_empty() || !level.split(',').all(is_log_directive) {
            wrong("telemetry.log_level", level, "error, warn, info, debug or trace");
        }
    }

    fn check_rules(&self, problems: &mut Vec<String>) {
        for rule in &self.login.two_factor_required_for {
            let group = rule.strip_prefix("group:").is_some_and(is_group_name);
            if !group && !matches!(rule.as_str(), "everyone" | "administrators") {
                problems.push(format!(
                    "login.two_factor_required_for holds `{rule}`; expected everyone, \
                     administrators or group:NAME"
                ));
            }
        }
    }

    /// The configuration as TOML, with passwords masked.
    #[must_use]
    pub fn effective(&self) -> String {
        let Ok(mut printed) = toml::Table::try_from(self) else { return String::new() };
        for (_, value) in &mut printed {
            mask_value(value);
        }
        toml::to_string(&printed).unwrap_or_default()
    }
}

/// Hides passwords in every text of a value. Each is masked before it is quoted: no quote is taken for
/// a part of a password, and none in a password for its end.
fn mask_value(value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = mask_password(text),
        toml::Value::Array(values) => values.iter_mut().for_each(mask_value),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| mask_value(value)),
        _ => {}
    }
}

/// Whether a group can be called that.
#[must_use]
pub fn is_group_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

fn is_mail_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !text.contains(|c: char| c.is_whitespace())
    })
}

fn is_log_directive(directive: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
    LEVELS.contains(&level.trim().to_ascii_lowercase().as_str())
}
