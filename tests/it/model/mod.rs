//! the server against a model of it, in histories drawn at random and in races.
//!
//! `docs/testing.md` says how to read a failure and how to run many more than here.

mod budget;
mod command;
mod drawing;
mod histories;
mod races;
mod runner;
mod shrink;
mod world;
