//! What the benches share: the messages they work on, what they compare cafewire-core with, and how
//! they count.
//!
//! | module | is |
//! |---|---|
//! | [`workload`] | messages and streams of them, the same on every run |
//! | [`contenders`] | one walk over a stream for each parser and encoder compared |
//! | [`owned`] | an ordinary parser and encoder of chat frames that owns what it reads |
//! | [`allocations`] | an allocator that counts |
//! | [`heap`] | an allocator that weighs |
//! | [`versus`] | servers beside their peers, under one load generator (Linux) |

/// Has the example of the README at the top compiled.
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
