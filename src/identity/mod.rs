//! The rules about people, without HTTP.

pub mod acts;
pub mod advice;
pub mod applications;
pub mod attempts;
pub mod clients;
pub mod confirm;
pub mod email;
pub mod export;
pub mod familiarity;
pub mod groups;
pub mod lockout;
pub mod logout_notices;
pub mod not_me;
pub mod password;
pub mod password_change;
pub mod people;
pub mod profile;
pub mod protect;
pub mod recovery;
pub mod removal;
pub mod sessions;
pub mod sign_in;
pub mod strength;
pub mod two_factor;
