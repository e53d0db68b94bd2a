//! What faults of the machine may not do: clocks that are wrong, a database that fails in
//! the middle of anything, files that are damaged or gone.
//!
//! What needs a process to kill or a disk to fill is in `tests/reliability/`.

mod clock;
mod damage;
mod nth_call;
