//! UTF-8 judged in SSE4.1, 16 bytes at a time: whether, not where it goes wrong.

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load};
use crate::x86::utf8::{FIRST_HIGH, FIRST_LOW, SECOND_HIGH, is_cut_short};

/// Whether the bytes are UTF-8.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn is_valid(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_LEN>();
    let mut faults = _mm_setzero_si128();
    let mut before = _mm_setzero_si128();
    for block in blocks {
        let block = load(block);
        faults = _mm_or_si128(faults, faults_in(before, block));
        before = block;
    }
    if !rest.is_empty() {
        let mut last = [0; BLOCK_LEN];
        for (place, &byte) in last.iter_mut().zip(rest) {
            *place = byte;
        }
        faults = _mm_or_si128(faults, faults_in(before, load(&last)));
    }
    let none = _mm_cmpeq_epi8(faults, _mm_setzero_si128());
    _mm_movemask_epi8(none) == 0xFFFF && !is_cut_short(bytes)
}

/// Anything but zero where a byte of the block can't follow those before it.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn faults_in(before: __m128i, second: __m128i) -> __m128i {
    let first = _mm_alignr_epi8::<15>(second, before);
    let nibble = _mm_set1_epi8(0x0F);
    let high = |bytes| _mm_and_si128(_mm_srli_epi16::<4>(bytes), nibble);
    let by_first_high = _mm_shuffle_epi8(load(&FIRST_HIGH), high(first));
    let by_first_low = _mm_shuffle_epi8(load(&FIRST_LOW), _mm_and_si128(first, nibble));
    let by_second_high = _mm_shuffle_epi8(load(&SECOND_HIGH), high(second));
    let pair = _mm_and_si128(_mm_and_si128(by_first_high, by_first_low), by_second_high);

    // 0xE0 and 0xF0 become 0x80: the highest bit is 1 where a third or a fourth byte must be; there
    // a pair of continuations is right.
    let third = _mm_subs_epu8(_mm_alignr_epi8::<14>(second, before), _mm_set1_epi8(0x60));
    let fourth = _mm_subs_epu8(_mm_alignr_epi8::<13>(second, before), _mm_set1_epi8(0x70));
    let must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8(0x80_u8 as i8));
    _mm_xor_si128(pair, must)
}
