//! The loops in SSE4.1 and PCLMULQDQ, 16 bytes at a time. Here is what moves bytes between memory
//! and registers.

mod checksum;
mod control;
mod utf8;
mod write;

use core::arch::x86_64::*;

pub(super) use checksum::{check, crc, reduce};
pub(super) use control::is_printable;
pub(super) use utf8::is_valid;
pub(super) use write::write;

const BLOCK_LEN: usize = 16;

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn load(block: &[u8; BLOCK_LEN]) -> __m128i {
    // SAFETY: the reference covers the 16 bytes that are read; the load asks for no alignment.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn load_words(words: &[u64; BLOCK_LEN / 8]) -> __m128i {
    // SAFETY: the reference covers the 16 bytes that are read; the load asks for no alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn store(place: &mut [u8; BLOCK_LEN], block: __m128i) {
    // SAFETY: the exclusive reference covers the 16 bytes that are written; the store asks for no
    // alignment.
    unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), block) }
}
