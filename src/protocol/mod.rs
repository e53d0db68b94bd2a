//! The rules of the RFCs as plain types and functions; no I/O, no clock of its own.

pub mod authorization_request;
pub mod authorization_response;
pub mod claims;
pub mod client;
pub mod client_assertion;
pub mod code_grant;
pub mod error;
pub mod json_depth;
pub mod jwt;
pub mod next_step;
pub mod parameters;
pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod scope;
pub mod token_claims;
