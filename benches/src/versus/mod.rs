//! Servers beside their peers: each under the same load, from the same generator, by turns.
//!
//! | module | is |
//! |---|---|
//! | [`plan`] | one workload: rooms, members, which member is in which rooms |
//! | [`window`] | what is in flight; whether each message reached each member once and in order |
//! | [`dialects`] | what a protocol's bytes mean to the generator; no I/O |
//! | [`generator`] | the sockets: one thread that publishes, reads and counts |
//! | [`peers`] | the servers: how each is started and which dialect it speaks |
//! | [`process`] | a server's process: pinned to a core, killed at the end |
//! | [`measure`] | rounds of samples, the contenders by turns |
//! | [`figures`] | what samples come to: quartiles and ratios |
//! | [`machine`] | what it all ran on, and what else ran there |
//! | [`table`] | the result as Markdown and as JSON |
//!
//! Dependencies point downwards from `table` to `plan`. A further protocol is a file in `dialects`,
//! a further server one in `peers`; neither may need a change of the generator.

pub mod dialects;
pub mod fault;
pub mod figures;
pub mod generator;
pub mod machine;
pub mod measure;
pub mod peers;
pub mod plan;
pub mod process;
pub mod table;
pub mod window;

pub use fault::Fault;
pub use plan::{Plan, Spread};
