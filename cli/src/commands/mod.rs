//! What `cafewire` can do, a file per command. Each takes its arguments, prints, and returns how it
//! ended.

pub(crate) mod bench;
pub(crate) mod chat;
mod chat_lines;
pub(crate) mod completions;
pub(crate) mod decode;
pub(crate) mod echo;
pub(crate) mod encode;
pub(crate) mod listen;
pub(crate) mod man;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod top;
pub(crate) mod version;
