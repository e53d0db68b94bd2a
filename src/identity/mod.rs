//! The rules about people, without HTTP.

pub mod clients;
pub mod password;
pub mod people;
pub mod sessions;
pub mod sign_in;
pub mod two_factor;
