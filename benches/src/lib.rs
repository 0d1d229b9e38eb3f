//! Shared by the benches: the messages that they work on, the implementations that cafewire-core is
//! compared with, and their counters.
//!
//! | module | is |
//! |---|---|
//! | [`workload`] | messages and streams of them, the same on every run |
//! | [`contenders`] | one walk over a stream for each parser and encoder compared |
//! | [`owned`] | an ordinary parser and encoder of chat frames that owns what it reads |
//! | [`allocations`] | an allocator that counts |
//! | [`heap`] | an allocator that weighs |
//! | [`versus`] | servers beside their peers, under one load generator (Linux) |

/// Compiles the example at the top of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub mod allocations;
pub mod contenders;
pub mod heap;
pub mod owned;
#[cfg(target_os = "linux")]
pub mod versus;
pub mod workload;
