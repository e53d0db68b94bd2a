//! The store, on both engines.

mod fixtures;
mod limits;
mod log;
mod opening;
mod plans;
mod races;
mod records;
mod silence;
mod standings;
mod statements;
mod throttle;
mod transactions;
