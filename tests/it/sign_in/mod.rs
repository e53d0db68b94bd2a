//! The steps of signing in and out.

mod login;
mod logout;
mod not_me;
mod recover;
mod two_factor;
mod two_factor_set_up;
