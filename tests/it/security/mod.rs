//! The cases of the security list, by their ids.

mod applications;
mod authorization_request;
mod browsers;
mod client_assertions;
mod client_authentication;
mod code;
mod consent;
mod forms;
mod history;
mod http;
mod index;
mod introspection;
mod jwt;
mod limits;
mod lockout;
mod logs;
mod pages;
mod passwords;
mod pkce;
mod races;
mod recovery;
mod redirect_uri;
mod refresh;
mod sessions;
mod two_factor;
