//! Whole stories through many rooms, told once.

mod cast;
mod code_flow;
