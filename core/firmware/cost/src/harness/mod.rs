//! The program's own part in using a feature: not the core's, and not counted. cost.py knows it by
//! the name of this module, so nothing in here is inlined.

#[cfg(feature = "alloc")]
pub mod bump;
#[cfg(feature = "embedded-io")]
pub mod ram_port;
