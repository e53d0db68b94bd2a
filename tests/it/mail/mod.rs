//! What people are told by mail, and how it leaves.

mod notices;
mod outbox;
mod server;
mod transport;
