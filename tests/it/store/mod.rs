//! The store, on both engines.

mod fixtures;
mod limits;
mod opening;
mod plans;
mod races;
mod records;
mod silence;
mod standings;
mod throttle;
mod transactions;
