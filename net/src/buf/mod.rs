//! Byte buffers that belong to work, not to connections: a pool of storage, and the ring that holds
//! what one connection cannot get rid of yet. Bytes, and nothing else.

mod pool;
mod ring;

pub(crate) use pool::{BufferPool, storage_size};
pub(crate) use ring::RingBuffer;
