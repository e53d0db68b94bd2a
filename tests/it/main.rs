//! The integration tests: one program, because linking many costs more than running them.
//!
//! `docs/testing.md` says how to run them and what each folder is for.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "in a test a panic is the message, and a table may be long"
)]

mod access;
mod account;
mod architecture;
mod browser;
mod cli;
mod config;
mod conformance;
#[allow(dead_code, clippy::allow_attributes, reason = "the fuzzing targets use all")]
mod corpora;
mod mail;
mod model;
mod oauth;
mod outbound;
mod reliability;
mod security;
mod server;
mod sign_in;
mod store;
#[allow(dead_code, clippy::allow_attributes, reason = "tools are kept whole")]
mod support;
mod walks;
