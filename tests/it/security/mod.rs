//! The cases of the security list, by their ids.

mod authorization_request;
mod browsers;
mod client_assertions;
mod client_authentication;
mod code;
mod consent;
mod forms;
mod http;
mod introspection;
mod jwt;
mod logs;
mod pages;
mod pkce;
mod races;
mod redirect_uri;
mod refresh;
