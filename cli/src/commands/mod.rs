//! The commands of `cafewire`, a file each. Each takes its arguments, prints, and returns its exit
//! status.

#[cfg(feature = "bench")]
pub(crate) mod bench;
pub(crate) mod chat;
mod chat_lines;
pub(crate) mod completions;
#[cfg(feature = "top")]
pub(crate) mod connections;
pub(crate) mod decode;
pub(crate) mod echo;
pub(crate) mod encode;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
#[cfg(feature = "top")]
pub(crate) mod top;
pub(crate) mod version;
