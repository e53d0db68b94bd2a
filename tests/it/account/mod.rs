//! A person's own pages.

mod about_oneself;
mod appearance;
mod applications;
mod applications_walk;
mod changes;
mod confirm;
mod data;
mod doubts;
mod email;
mod history;
mod password;
mod profile;
mod protect;
mod removal;
mod revocation_table;
pub mod scene;
mod security;
mod self_registered;
mod sessions;
mod two_factor;
mod unusual;
mod weight;
