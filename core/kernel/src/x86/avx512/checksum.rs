//! The checksum in AVX-512, and whether a frame's text is ASCII.
//!
//! A frame stands at the right end of its blocks, so that each byte's distance to the end, and with
//! it the constant of its place, does not depend on the frame's length. Two blocks hold three of
//! four frames; up to there no branch depends on the length.

#![allow(clippy::cast_possible_truncation)] // of numbers below 1024, and of registers taken apart

use core::arch::x86_64::*;

use super::{BLOCK_LEN, end_mask, load, load_end, load_start, load_words, xor3};
use crate::polynomial::{PLACES, PLACES_LEN, ZEROS, ZEROS_MAX, fold};
use crate::x86::{sse41, text_of};

/// Blocks that are multiplied in place, without being folded first.
const PLACES_BLOCKS: usize = PLACES_LEN / BLOCK_LEN;
/// Blocks that are folded at a time: the products of one do not wait for the other's.
const FOLD_BLOCKS: usize = 4;

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn crc(bytes: &[u8]) -> u32 {
    if bytes.len() <= ZEROS_MAX { short::<false>(bytes, 0).0 } else { long::<false>(bytes, 0).0 }
}

/// The checksum of the frame, and whether it is ASCII from `text_start` on.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn check(frame: &[u8], text_start: usize) -> (u32, bool) {
    if frame.len() <= ZEROS_MAX {
        short::<true>(frame, text_start)
    } else {
        long::<true>(frame, text_start)
    }
}

/// Up to two blocks, and nothing that depends on how much of them there is.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn short<const TEXT: bool>(frame: &[u8], text_start: usize) -> (u32, bool) {
    let len = frame.len();
    let (first, last) = two_blocks(frame);
    let crc = reduce(add_two(first, last, 0)) ^ ZEROS[len];
    if !TEXT {
        return (crc, true);
    }
    let text_len = len.saturating_sub(text_start);
    let high_first = _mm512_movepi8_mask(first) & end_mask(text_len.saturating_sub(BLOCK_LEN));
    let high_last = _mm512_movepi8_mask(last) & end_mask(text_len);
    (crc, high_first | high_last == 0)
}

/// Three blocks and more, the first of them with 1 to 64 bytes.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
fn long<const TEXT: bool>(frame: &[u8], text_start: usize) -> (u32, bool) {
    let first_len = (frame.len() - 1) % BLOCK_LEN + 1;
    let (head, rest) = frame.split_at(first_len + BLOCK_LEN);
    let (first, second) = two_blocks(head);
    let (blocks, _) = rest.as_chunks();

    let mut any = _mm512_setzero_si512();
    let started = start(first, second, first_len);
    let crc = !reduce_blocks(started.0, started.1, blocks, &mut any);
    if !TEXT {
        return (crc, true);
    }
    if text_start > BLOCK_LEN {
        // It may start later than in the first two blocks: it is looked at again, as a whole.
        return (crc, text_of(frame, text_start).is_ascii());
    }
    let high_first = _mm512_movepi8_mask(first) & end_mask(first_len.saturating_sub(text_start));
    let second_text_len = BLOCK_LEN - text_start.saturating_sub(first_len);
    let high_second = _mm512_movepi8_mask(second) & end_mask(second_text_len);
    (crc, high_first | high_second | _mm512_movepi8_mask(any) == 0)
}

/// The bytes, at most 128, at the right end of two blocks.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn two_blocks(bytes: &[u8]) -> (__m512i, __m512i) {
    let before_last = &bytes[..bytes.len().saturating_sub(BLOCK_LEN)];
    if reaches_back_a_page(bytes) {
        return (load_end_within(before_last), load_end_within(bytes));
    }
    (load_end(before_last), load_end(bytes))
}

/// Whether two blocks that end where these bytes end would start in the page before them. A masked
/// access to a page that is not there is no fault, but then takes the processor some 140 ns, and
/// buffers like to start with a page.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn reaches_back_a_page(bytes: &[u8]) -> bool {
    const PAGE_LEN: usize = 4096;
    bytes.as_ptr().addr() % PAGE_LEN + bytes.len() < 2 * BLOCK_LEN
}

/// The same without a look at what is before the bytes.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_end_within(bytes: &[u8]) -> __m512i {
    let block = load_start(&bytes[bytes.len().saturating_sub(BLOCK_LEN)..]);
    _mm512_maskz_expand_epi8(end_mask(bytes.len()), block)
}

/// Inverts the first four bytes of a frame that stands at the right end of two blocks and more: the
/// checksum's start value.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn start(first: __m512i, second: __m512i, first_len: usize) -> (__m512i, __m512i) {
    let ones = _mm512_set1_epi8(-1);
    let bytes = u128::from(end_mask(first_len)) | u128::from(u64::MAX) << 64;
    let four = bytes & !(bytes << 4);
    let (in_first, in_second) = (four as u64, (four >> 64) as u64);
    let first = _mm512_mask_sub_epi8(first, in_first, ones, first);
    (first, _mm512_mask_sub_epi8(second, in_second, ones, second))
}

/// Two blocks and those after them, modulo the polynomial. The bits of the latter are gathered in
/// `any`.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn reduce_blocks(
    first: __m512i,
    second: __m512i,
    blocks: &[[u8; BLOCK_LEN]],
    any: &mut __m512i,
) -> u32 {
    reduce(if blocks.len() + 2 <= PLACES_BLOCKS {
        add_places(add_two(first, second, blocks.len()), blocks, any)
    } else {
        folded([first, second], blocks, any)
    })
}

/// The sum of two blocks with `behind` more after them.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn add_two(first: __m512i, second: __m512i, behind: usize) -> __m512i {
    add_place(add_place(_mm512_setzero_si512(), first, behind + 1), second, behind)
}

/// Adds the blocks, each in its place, to the sum, and gathers their bits in `any`.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn add_places(mut sum: __m512i, blocks: &[[u8; BLOCK_LEN]], any: &mut __m512i) -> __m512i {
    let mut behind = blocks.len();
    for block in blocks {
        behind -= 1;
        let block = load(block);
        sum = add_place(sum, block, behind);
        *any = _mm512_or_si512(*any, block);
    }
    sum
}

/// Folds four blocks into the next four until few enough are left for [`PLACES`].
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
fn folded(first: [__m512i; 2], blocks: &[[u8; BLOCK_LEN]], any: &mut __m512i) -> __m512i {
    const FOLD: [u64; 2] = fold((FOLD_BLOCKS * BLOCK_LEN) as u32);
    let by = _mm512_set4_epi64(FOLD[1] as i64, FOLD[0] as i64, FOLD[1] as i64, FOLD[0] as i64);
    let zero = _mm512_setzero_si512();
    let Some((head, mut blocks)) = blocks.split_first_chunk::<{ FOLD_BLOCKS - 2 }>() else {
        return zero;
    };
    let [third, fourth] = [load(&head[0]), load(&head[1])];
    *any = _mm512_or_si512(third, fourth);
    let mut folded = [first[0], first[1], third, fourth];
    while blocks.len() + FOLD_BLOCKS > PLACES_BLOCKS {
        let Some((next, rest)) = blocks.split_first_chunk::<FOLD_BLOCKS>() else { break };
        for (folded, next) in folded.iter_mut().zip(next) {
            let next = load(next);
            *any = _mm512_or_si512(*any, next);
            let high = _mm512_clmulepi64_epi128::<0x00>(*folded, by);
            *folded = xor3(high, _mm512_clmulepi64_epi128::<0x11>(*folded, by), next);
        }
        blocks = rest;
    }
    let mut sum = zero;
    for (index, folded) in folded.into_iter().enumerate() {
        sum = add_place(sum, folded, blocks.len() + FOLD_BLOCKS - 1 - index);
    }
    add_places(sum, blocks, any)
}

/// Adds a block, times the constants of its place, to the sum. `behind` blocks come after it, fewer
/// than [`PLACES_BLOCKS`]. Each 128 bits of the sum hold 96 of one summand of the whole.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn add_place(sum: __m512i, block: __m512i, behind: usize) -> __m512i {
    let (places, _) = PLACES.0.as_chunks::<{ BLOCK_LEN / 8 }>();
    let place = load_words(&places[PLACES_BLOCKS - 1 - behind]);
    let low = _mm512_clmulepi64_epi128::<0x00>(block, place);
    xor3(sum, low, _mm512_clmulepi64_epi128::<0x11>(block, place))
}

/// The sum modulo the polynomial.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn reduce(sum: __m512i) -> u32 {
    let upper = _mm512_extracti64x4_epi64::<1>(sum);
    let sum = _mm256_xor_si256(_mm512_castsi512_si256(sum), upper);
    let upper = _mm256_extracti128_si256::<1>(sum);
    sse41::reduce(_mm_xor_si128(_mm256_castsi256_si128(sum), upper))
}
