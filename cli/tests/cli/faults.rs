//! Faults of the whole process, with the real binary: a signal under load, a log that cannot be
//! written, no descriptors left, a process that was stopped for a while. Where somebody else is
//! served meanwhile, the healthy neighbour must notice nothing; it is the same one as in the
//! library's tests, where it is said what "nothing" means.

#![allow(clippy::unwrap_used)] // helpers of tests may unwrap as tests do

mod descriptors;
mod drain;
mod frozen;
mod log;
#[path = "../../../net/tests/faults/neighbour.rs"]
mod neighbour;
#[path = "../../../net/tests/support/standstill.rs"]
mod standstill;
