//! Control characters in SSE4.1.

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load};
use crate::portable;

/// Where the first control character is. Printable ASCII is passed over by blocks.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn first_control(name: &[u8]) -> Option<usize> {
    let is_printable = |block| {
        // 0x20 to 0x7E become 0 to 0x5E; what is below 0x20 becomes large, as what is above 0x7E
        // is.
        let from_space = _mm_sub_epi8(block, _mm_set1_epi8(0x20));
        let capped = _mm_min_epu8(from_space, _mm_set1_epi8(0x5E));
        _mm_movemask_epi8(_mm_cmpeq_epi8(capped, from_space)) == 0xFFFF
    };
    let (blocks, rest) = name.as_chunks::<BLOCK_LEN>();
    let Some(last) = name.last_chunk::<BLOCK_LEN>() else {
        return portable::first_control(rest);
    };
    for block in blocks {
        if !is_printable(load(block)) {
            return portable::first_control(name);
        }
    }
    if is_printable(load(last)) { None } else { portable::first_control(name) }
}
