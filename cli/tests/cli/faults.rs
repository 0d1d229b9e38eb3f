//! Faults of the whole process, with the real binary: a signal under load, a log that cannot be
//! written, no descriptors left, a process that was stopped for a while. The healthy neighbour,
//! where one is served meanwhile, must not be disturbed; it is the one of the library's tests,
//! which define that.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod descriptors;
mod drain;
mod frozen;
mod log;
#[path = "../../../net/tests/faults/neighbour.rs"]
mod neighbour;
#[path = "../../../net/tests/support/standstill.rs"]
mod standstill;
