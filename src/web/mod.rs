//! What all doors share: extractors, pages, error responses.

pub mod appearance;
pub mod client_address;
pub mod cookies;
pub mod cors;
pub mod cursor;
pub mod error;
pub mod form;
pub mod headers;
pub mod here;
pub mod logo;
mod oauth_error;
pub mod page;
pub mod parameters;
pub mod password_rules;
pub mod rate_limit;
pub mod refusal;
pub mod request_id;
pub mod session;
pub mod shell;
pub mod sign_out;
pub mod steps;
pub mod sudo;
pub mod two_factor;
pub mod views;
pub mod whole;
