//! Control characters in SSE4.1.

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load};

/// Whether the first `len` bytes are printable ASCII, told by blocks; `false` too where there are
/// not enough bytes for a block.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn is_printable(bytes: &[u8], len: usize) -> bool {
    let Some(first) = bytes.first_chunk::<BLOCK_LEN>() else { return false };
    if len <= BLOCK_LEN {
        return (printable(first) | u32::MAX << len) & 0xFFFF == 0xFFFF;
    }
    let Some(name) = bytes.get(..len) else { return false };
    let (blocks, _) = name.as_chunks::<BLOCK_LEN>();
    blocks.iter().chain(name.last_chunk()).all(|block| printable(block) == 0xFFFF)
}

/// A bit for each byte: whether it is from 0x20 to 0x7E.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn printable(block: &[u8; BLOCK_LEN]) -> u32 {
    // 0x20 to 0x7E become 0 to 0x5E; what is below 0x20 becomes large, as what is above 0x7E is.
    let from_space = _mm_sub_epi8(load(block), _mm_set1_epi8(0x20));
    let capped = _mm_min_epu8(from_space, _mm_set1_epi8(0x5E));
    _mm_movemask_epi8(_mm_cmpeq_epi8(capped, from_space)).cast_unsigned()
}
