//! The loops in AVX-512, 64 bytes at a time. Masks take the place of tails: a load takes as many bytes as
//! there are, and the rest of its register is zero.
//!
//! For the checksum a frame stands at the right end of its blocks, so that each byte's distance to the
//! end, and with it the constant of its place, does not depend on the frame's length. Two blocks hold
//! three of four frames; up to there the code has no branch that depends on the length.

#![allow(clippy::cast_possible_truncation)] // of numbers below 1024, and of registers taken apart

use core::arch::x86_64::*;

use crate::polynomial::{PLACES, PLACES_LEN, ZEROS, ZEROS_MAX, fold};

const BLOCK_LEN: usize = 64;
/// Blocks that are multiplied in place, without being folded first.
const PLACES_BLOCKS: usize = PLACES_LEN / BLOCK_LEN;
/// Blocks that are folded at a time: the products of one do not wait for the other's.
const FOLD_BLOCKS: usize = 4;

#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn crc(bytes: &[u8]) -> u32 {
    if bytes.len() <= ZEROS_MAX { short::<false>(bytes, 0).0 } else { long::<false>(bytes, 0).0 }
}

/// The checksum of the frame, and whether it is ASCII from `text_start` on.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn check(frame: &[u8], text_start: usize) -> (u32, bool) {
    if frame.len() <= ZEROS_MAX {
        short::<true>(frame, text_start)
    } else {
        long::<true>(frame, text_start)
    }
}

/// Up to two blocks, and nothing that depends on how much of them there is.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn short<const TEXT: bool>(frame: &[u8], text_start: usize) -> (u32, bool) {
    let len = frame.len();
    let first = load_end(&frame[..len.saturating_sub(BLOCK_LEN)]);
    let last = load_end(frame);
    let sum = add_place(add_place(_mm512_setzero_si512(), first, 1), last, 0);
    let crc = reduce(sum) ^ ZEROS[len];
    if !TEXT {
        return (crc, true);
    }
    let text_len = len.saturating_sub(text_start);
    let high_first = _mm512_movepi8_mask(first) & end_mask(text_len.saturating_sub(BLOCK_LEN));
    let high_last = _mm512_movepi8_mask(last) & end_mask(text_len);
    (crc, high_first | high_last == 0)
}

/// Three blocks and more, the first of them with 1 to 64 bytes.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
fn long<const TEXT: bool>(frame: &[u8], text_start: usize) -> (u32, bool) {
    let first_len = (frame.len() - 1) % BLOCK_LEN + 1;
    let (first, blocks) = frame.split_at(first_len);
    let (blocks, _) = blocks.as_chunks::<BLOCK_LEN>();
    let [second, blocks @ ..] = blocks else { return short::<TEXT>(frame, text_start) };
    let (first, second) = (load_end(first), load(second));

    // Where the text starts later than in the first two blocks it is looked at again, as a whole.
    let starts_early = text_start <= BLOCK_LEN;
    let high_first = _mm512_movepi8_mask(first) & end_mask(first_len.saturating_sub(text_start));
    let second_text = BLOCK_LEN - text_start.saturating_sub(first_len).min(BLOCK_LEN);
    let high_second = _mm512_movepi8_mask(second) & end_mask(second_text);

    let (first, second) = start(first, second, first_len);
    let mut any = _mm512_setzero_si512();
    let sum = if blocks.len() + 2 <= PLACES_BLOCKS {
        let mut sum = add_place(_mm512_setzero_si512(), first, blocks.len() + 1);
        sum = add_place(sum, second, blocks.len());
        add_places(sum, blocks, &mut any)
    } else {
        folded([first, second], blocks, &mut any)
    };
    let crc = !reduce(sum);
    if !TEXT {
        return (crc, true);
    }
    let is_ascii = high_first | high_second | _mm512_movepi8_mask(any) == 0;
    (crc, if starts_early { is_ascii } else { super::text_of(frame, text_start).is_ascii() })
}

/// Inverts the first four bytes of a frame that stands at the right end of two blocks and more: the
/// checksum's start value.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn start(first: __m512i, second: __m512i, first_len: usize) -> (__m512i, __m512i) {
    let ones = _mm512_set1_epi8(-1);
    let bytes = u128::from(end_mask(first_len)) | u128::from(u64::MAX) << 64;
    let four = bytes & !(bytes << 4);
    let (in_first, in_second) = (four as u64, (four >> 64) as u64);
    let first = _mm512_mask_sub_epi8(first, in_first, ones, first);
    (first, _mm512_mask_sub_epi8(second, in_second, ones, second))
}

/// Adds the blocks, each in its place, to the sum, and gathers their bits in `any`.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
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
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
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

/// Adds a block, times the constants of its place, to the sum. `behind` blocks come after it, fewer than
/// [`PLACES_BLOCKS`]. Each 128 bits of the sum hold 96 of one summand of the whole.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn add_place(sum: __m512i, block: __m512i, behind: usize) -> __m512i {
    let (places, _) = PLACES.0.as_chunks::<{ BLOCK_LEN / 8 }>();
    let place = load_words(&places[PLACES_BLOCKS - 1 - behind]);
    let low = _mm512_clmulepi64_epi128::<0x00>(block, place);
    xor3(sum, low, _mm512_clmulepi64_epi128::<0x11>(block, place))
}

/// The sum modulo the polynomial.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn reduce(sum: __m512i) -> u32 {
    let upper = _mm512_extracti64x4_epi64::<1>(sum);
    let sum = _mm256_xor_si256(_mm512_castsi512_si256(sum), upper);
    let upper = _mm256_extracti128_si256::<1>(sum);
    super::sse41::reduce(_mm_xor_si128(_mm256_castsi256_si128(sum), upper))
}

#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// Where the first control character is: 64 bytes at a time, without a branch on what is in them.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn first_control(name: &[u8]) -> Option<usize> {
    let mut c2_before = 0;
    let mut position = 0;
    loop {
        let rest = &name[position..];
        let block = load_start(rest);
        // 0x20 to 0x7E become 0 to 0x5E; what is below 0x20 becomes large, as what is above 0x7E is.
        let from_space = _mm512_sub_epi8(block, _mm512_set1_epi8(0x20));
        let unprintable = _mm512_cmpge_epu8_mask(from_space, _mm512_set1_epi8(0x5F));
        let high = _mm512_movepi8_mask(block);
        let c2 = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(0xC2_u8 as i8));
        let below_a0 = _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8(0xA0_u8 as i8));
        let c1 = high & below_a0 & (c2 << 1 | c2_before);
        let found = start_mask(rest.len()) & (unprintable & !high | c1);
        if found != 0 {
            let first = found.trailing_zeros() as usize;
            return Some(position + first - usize::from(c1 >> first & 1 == 1));
        }
        if rest.len() <= BLOCK_LEN {
            return None;
        }
        c2_before = c2 >> 63;
        position += BLOCK_LEN;
    }
}

/// Copies the pieces behind each other, which together are as long as `into`, by masked stores; then
/// the checksum.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn concat<const N: usize>(into: &mut [u8], pieces: [&[u8]; N]) -> u32 {
    let mut rest = &mut *into;
    for piece in pieces {
        let Some((mut place, behind)) = rest.split_at_mut_checked(piece.len()) else { break };
        let mut piece = piece;
        while piece.len() > BLOCK_LEN {
            store_start(place, load_start(piece));
            piece = &piece[BLOCK_LEN..];
            place = &mut place[BLOCK_LEN..];
        }
        store_start(place, load_start(piece));
        rest = behind;
    }
    crc(into)
}

/// The lowest `count` bits, at most all.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn start_mask(count: usize) -> u64 {
    _bzhi_u64(u64::MAX, count.min(BLOCK_LEN) as u32)
}

/// The highest `count` bits, at most all.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn end_mask(count: usize) -> u64 {
    !_bzhi_u64(u64::MAX, BLOCK_LEN.saturating_sub(count) as u32)
}

#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load(block: &[u8; BLOCK_LEN]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes that are read; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_words(words: &[u64; BLOCK_LEN / 8]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes that are read; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The first bytes, at most 64, at the register's start; the rest of it is zero.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(super) fn load_start(bytes: &[u8]) -> __m512i {
    let mask = start_mask(bytes.len());
    // SAFETY: the mask has ones for at most `bytes.len()` bytes from the pointer on, which the reference
    // covers; the load touches no others, and asks for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// The last bytes, at most 64, at the register's end; the rest of it is zero.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_end(bytes: &[u8]) -> __m512i {
    let start = bytes.as_ptr().wrapping_add(bytes.len()).wrapping_sub(BLOCK_LEN);
    // SAFETY: the mask has ones for the last of 64 bytes that end where the reference ends, and for at
    // most `bytes.len()` of them; the load touches no others, and asks for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(end_mask(bytes.len()), start.cast()) }
}

/// Overwrites the first bytes, at most 64, from the register's start.
#[target_feature(enable = "avx512bw,avx512vl,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn store_start(bytes: &mut [u8], block: __m512i) {
    let mask = start_mask(bytes.len());
    // SAFETY: the mask has ones for at most `bytes.len()` bytes from the pointer on, which the exclusive
    // reference covers; the store touches no others, and asks for no alignment.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), mask, block) }
}
