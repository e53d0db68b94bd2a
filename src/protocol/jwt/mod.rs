//! JOSE: signs and verifies JSON Web Tokens with given keys (RFC 7515, RFC 7519, RFC 8725).

mod algorithm;
mod key;
mod parse;
mod public_key;
#[cfg(test)]
mod tests;
mod verify;

pub use algorithm::{KeyType, SigningAlg};
pub use key::SigningKey;
pub use public_key::PublicKey;
pub use verify::{Claims, Expect, JwtError, key_id, numeric_date, peek, string, verify};
