//! What the tests of the plans do, by theme.

pub mod claims;
pub mod requests;
pub mod sign_in;
pub mod tokens;
