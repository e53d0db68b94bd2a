//! What all doors share: extractors, pages, error responses.

pub mod client_address;
pub mod cookies;
pub mod cors;
pub mod error;
pub mod form;
pub mod headers;
pub mod logo;
pub mod page;
pub mod parameters;
pub mod refusal;
pub mod session;
pub mod shell;
pub mod sign_out;
pub mod steps;
pub mod sudo;
pub mod views;
