//! Latchkey: an OAuth 2.0 and OpenID Connect identity provider.
//!
//! The modules stand in the order of the floors: each may import only what stands below it
//! (`ARCHITECTURE.md` says why; `tests/it/architecture.rs` checks it).
#![forbid(unsafe_code)]

// The operator's door: commands.
pub mod cli;
// The building: listeners, router, clockwork.
pub mod server;
// The doors: relying parties, a browser signing in, a person's own pages.
pub mod account;
pub mod oauth;
pub mod sign_in;
// What the doors share: extractors, pages, error responses.
pub mod web;
// The rules that need the database: what a token request redeems; rules about people.
pub mod grants;
pub mod identity;
// What people are told by mail.
pub mod notices;
// The handles that every request needs.
pub mod app;
// Services.
pub mod blocklist;
pub mod geoip;
pub mod hashing;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod outbound;
pub mod store;
pub mod telemetry;
pub mod templates;
pub mod user_agent;
// The ground: rules of the RFCs, configuration, paths, secrets, time.
pub mod protocol;

pub mod config;
pub mod paths;
pub mod secret;
pub mod waiting;

pub mod clock;
