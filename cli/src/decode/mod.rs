//! What `decode` and `encode` are made of: bytes come in (as hexadecimal digits, as they are, or
//! inside a capture), are explained by the core, and go out as text for people or JSON for
//! programs. What a frame looks like is the core's business alone.

pub(crate) mod args;
mod brief;
#[cfg(feature = "capture")]
pub(crate) mod capture;
pub(crate) mod filter;
pub(crate) mod hex;
pub(crate) mod input;
pub(crate) mod json;
mod proxy;
pub(crate) mod report;
pub(crate) mod stream_decoder;
pub(crate) mod text;
