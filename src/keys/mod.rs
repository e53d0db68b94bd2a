//! The master key that seals what lies in the database, the lasting secrets under it, and the ring
//! of signing keys.

mod files;
mod lasting;
mod master;
pub mod replacing;
mod ring;
mod rotation;
#[cfg(test)]
mod tests;
mod token_sealer;

pub use files::MasterKeyError;
pub use lasting::{LastingSecrets, Mac, names as lasting_names};
pub use master::{MasterKey, head, key_of, place};
pub use ring::KeyRing;
pub use rotation::{KeyChange, RotationPolicy, plan, plan_rotation};
pub use token_sealer::TokenSealer;

/// What is sealed, by its purpose: no record opens for another one.
pub mod purpose {
    /// The private half of a signing key.
    pub const SIGNING_KEYS: &str = "signing-keys";
    /// The seed of an authenticator app.
    pub const TOTP_SEEDS: &str = "totp-seeds";
    /// A form that waits until its sender has confirmed.
    pub const KEPT_FORMS: &str = "kept-forms";
    /// A mail that waits, or the wish for one.
    pub const QUEUE: &str = "queue";
    /// The notice to an application that a session has ended.
    pub const LOGOUT_NOTICES: &str = "logout-notices";
    /// One of the instance's lasting secrets.
    pub const LASTING_SECRETS: &str = "lasting-secrets";
}
