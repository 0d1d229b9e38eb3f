//! UTF-8 judged in AVX-512, 64 bytes at a time: whether, not where it goes wrong.
//!
//! What a byte may be is told by the three before it. They are loaded again, from one, two and
//! three bytes earlier, instead of being shifted in from the block before: a load is cheaper than a
//! permutation.

use core::arch::x86_64::*;

use super::{load_start, start_mask};
use crate::x86::utf8::{FIRST_HIGH, FIRST_LOW, SECOND_HIGH, is_cut_short};

/// Whether the bytes are UTF-8.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn is_valid(bytes: &[u8]) -> bool {
    let mut faults = _mm512_setzero_si512();
    let mut position = 0;
    while position < bytes.len() {
        faults = _mm512_or_si512(faults, faults_at(bytes, position));
        position += 64;
    }
    _mm512_test_epi8_mask(faults, faults) == 0 && !is_cut_short(bytes)
}

/// Anything but zero where one of 64 bytes from this position on can't follow those before it.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn faults_at(bytes: &[u8], position: usize) -> __m512i {
    let second = load_start(&bytes[position..]);
    let first = load_before::<1>(bytes, position);
    let nibble = _mm512_set1_epi8(0x0F);
    let high = |bytes| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), nibble);
    let by_first_high = _mm512_shuffle_epi8(table(&FIRST_HIGH), high(first));
    let by_first_low = _mm512_shuffle_epi8(table(&FIRST_LOW), _mm512_and_si512(first, nibble));
    let by_second_high = _mm512_shuffle_epi8(table(&SECOND_HIGH), high(second));
    let pair = _mm512_ternarylogic_epi64::<0x80>(by_first_high, by_first_low, by_second_high);

    // 0xE0 and 0xF0 become 0x80: the highest bit is 1 where a third or a fourth byte must be; there
    // a pair of continuations is right.
    let third = _mm512_subs_epu8(load_before::<2>(bytes, position), _mm512_set1_epi8(0x60));
    let fourth = _mm512_subs_epu8(load_before::<3>(bytes, position), _mm512_set1_epi8(0x70));
    let must = _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8(0x80_u8 as i8));
    _mm512_xor_si512(pair, must)
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn table(table: &[u8; 16]) -> __m512i {
    // SAFETY: the reference covers the 16 bytes that are read; the load asks for no alignment.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

/// The 64 bytes from `BACK` (1 to 3) before the position on; zero where there are none.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_before<const BACK: usize>(bytes: &[u8], position: usize) -> __m512i {
    if let Some(start) = position.checked_sub(BACK) {
        return load_start(&bytes[start..]);
    }
    // The position is 0, as all positions are multiples of 64.
    let mask = start_mask(bytes.len() + BACK) & u64::MAX << BACK;
    let start = bytes.as_ptr().wrapping_sub(BACK);
    // SAFETY: the mask has ones from `BACK` bytes behind the pointer on, which is where the
    // reference starts, up to `bytes.len()` bytes behind that; the load touches no others, and asks
    // for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(mask, start.cast()) }
}
