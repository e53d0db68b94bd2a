//! What the RFCs promise a relying party, endpoint by endpoint.

mod authorization;
mod end_session;
mod free_core;
mod introspection;
mod lifetimes;
mod metadata;
mod own_name;
mod refresh_token;
mod revocation;
mod token;
mod userinfo;
