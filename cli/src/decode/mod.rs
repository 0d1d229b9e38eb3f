//! What `decode` and `encode` are made of: bytes come in (as hexadecimal digits, as they are, or
//! inside a capture), are explained by the core, and go out as text for people or JSON for
//! programs. What a frame looks like is the core's business alone.

pub(crate) mod args;
mod blocks;
mod brief;
pub(crate) mod capture;
mod capture_clock;
mod conversation;
pub(crate) mod conversations;
mod evidence;
pub(crate) mod filter;
mod fragments;
pub(crate) mod hex;
pub(crate) mod input;
pub(crate) mod json;
mod link;
mod network;
mod opening;
mod passed_over;
mod piece;
mod proxy;
mod reassembly;
pub(crate) mod report;
pub(crate) mod stream_decoder;
pub(crate) mod summary;
pub(crate) mod text;
mod unread;
