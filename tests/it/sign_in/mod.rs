//! The steps of signing in and out.

mod login;
mod logout;
mod two_factor;
