//! The sections about people and clients: how long they stay, what they must know, how often they
//! may ask.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigDuration, DAY, HOUR, MINUTE, mask_password, seconds};

section! {
    /// How long a browser stays signed in (NIST SP 800-63B-4 §2.2.3).
    Sessions {
        /// Without activity.
        idle: ConfigDuration = seconds(HOUR),
        /// In all.
        absolute: ConfigDuration = seconds(DAY),
        /// Whether people are offered to stay signed in.
        remember_enabled: bool = true,
        /// Without activity, when they chose to.
        remember_idle: ConfigDuration = seconds(14 * DAY),
        /// In all, when they chose to.
        remember_absolute: ConfigDuration = seconds(30 * DAY),
    }
}

section! {
    /// How long tokens live.
    Tokens {
        /// Access tokens.
        access_ttl: ConfigDuration = seconds(10 * MINUTE),
        /// ID tokens.
        id_ttl: ConfigDuration = seconds(10 * MINUTE),
        /// Authorization codes.
        code_ttl: ConfigDuration = seconds(MINUTE),
        /// How long a refresh token's predecessor is answered with the same successor.
        refresh_grace: ConfigDuration = seconds(10),
        /// Refresh tokens that are not used.
        refresh_idle: ConfigDuration = seconds(14 * DAY),
        /// Refresh tokens of public clients, in all.
        refresh_absolute_public: ConfigDuration = seconds(30 * DAY),
        /// Refresh tokens of confidential clients, in all.
        refresh_absolute_confidential: ConfigDuration = seconds(90 * DAY),
    }
}

/// What a password must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPolicy {
    /// At least 8 characters with letters, digits and special characters, and not a known one.
    #[default]
    Default,
    /// NIST SP 800-63B-4 §3.1.1.2: at least 15 where the password stands alone.
    Nist,
}

section! {
    /// What a password must be and how it is hashed.
    Password {
        /// What a password must be.
        policy: PasswordPolicy = PasswordPolicy::Default,
        /// A file of passwords that nobody may have, beside the built-in list.
        blocklist: Option<PathBuf> = None,
        /// Argon2id memory in KiB.
        argon2_memory_kib: u32 = 19_456,
        /// Argon2id passes.
        argon2_iterations: u32 = 2,
        /// Argon2id lanes.
        argon2_parallelism: u32 = 1,
        /// How many may wait for a hash; 0 chooses four a core.
        hash_queue: u32 = 0,
    }
}

section! {
    /// When guessing ends.
    Login {
        /// Failures within the window before an account is closed for a while.
        max_failures: u32 = 10,
        /// How long a failure counts.
        failure_window: ConfigDuration = seconds(15 * MINUTE),
        /// How long it stays closed.
        lockout: ConfigDuration = seconds(15 * MINUTE),
        /// How long a person may take to sign in and consent.
        request_ttl: ConfigDuration = seconds(60 * MINUTE),
        /// How many sign-ins may be in progress before the oldest of them end.
        max_requests: u32 = 50_000,
        /// Who must have two-factor: `everyone`, `administrators`, `group:NAME`.
        two_factor_required_for: Vec<String> = Vec::new(),
        /// How long a browser that its owner trusts is asked for no code; zero: never offered.
        trust_browser_for: ConfigDuration = seconds(30 * DAY),
    }
}

section! {
    /// What people may do with their own accounts.
    Account {
        /// How long an account that its owner wants removed can still be kept.
        removal_grace: ConfigDuration = seconds(14 * DAY),
        /// How long events other than sign-ins are kept.
        audit_retention: ConfigDuration = seconds(400 * DAY),
    }
}

section! {
    /// How often one may ask.
    RateLimits {
        /// Whether there are limits at all.
        enabled: bool = true,
        /// Sign-in attempts an address and minute.
        login_per_minute: u32 = 20,
        /// Requests for a new password an address and hour.
        recovery_per_hour: u32 = 10,
        /// Authorization requests an address and minute.
        authorize_per_minute: u32 = 600,
        /// Other forms an address and minute.
        forms_per_minute: u32 = 600,
        /// Token requests a client and minute.
        token_per_minute: u32 = 600,
        /// Requests of programs that prove nothing, an address and minute.
        unproven_per_minute: u32 = 1200,
    }
}

/// Who may register clients over HTTP (RFC 7591 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientRegistration {
    /// Nobody.
    #[default]
    Off,
    /// Who holds an initial access token.
    Token,
    /// Anybody.
    Open,
}

section! {
    /// Who may register.
    Registration {
        /// Clients.
        clients: ClientRegistration = ClientRegistration::Off,
        /// People.
        users: bool = false,
    }
}
