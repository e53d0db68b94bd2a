//! The master key that seals what lies in the database, and the ring of signing keys.

mod files;
mod master;
mod ring;
mod rotation;
#[cfg(test)]
mod tests;
mod token_sealer;

pub use files::MasterKeyError;
pub use master::{MasterKey, place};
pub use ring::KeyRing;
pub use rotation::{KeyChange, RotationPolicy, plan, plan_rotation};
pub use token_sealer::TokenSealer;
