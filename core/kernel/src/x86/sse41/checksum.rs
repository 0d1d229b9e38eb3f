//! The checksum in SSE4.1 and PCLMULQDQ, and whether a frame's text is ASCII.
//!
//! A frame stands at the right end of its blocks, so that its first block is the one with fewer
//! bytes: the checksum's constants then depend on a block's place alone.

#![allow(clippy::cast_possible_truncation)] // of numbers below 256, and of registers taken apart

use core::arch::x86_64::*;

use super::text::Text;
use super::{BLOCK_LEN, load, load_words};
use crate::polynomial::{MU, PLACES, PLACES_LEN, POLYNOMIAL_33, START, ZEROS, fold};
use crate::x86::text_of;

/// Blocks that are multiplied in place, without being folded first.
const PLACES_BLOCKS: usize = PLACES_LEN / BLOCK_LEN;
/// Blocks that are folded at a time: the products of one do not wait for the other's.
const FOLD_BLOCKS: usize = 4;

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn crc(bytes: &[u8]) -> u32 {
    walk::<false>(bytes, 0).0
}

/// The checksum of the frame, and whether it is ASCII from `text_start` on.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn check(frame: &[u8], text_start: usize) -> (u32, bool) {
    walk::<true>(frame, text_start)
}

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn walk<const TEXT: bool>(frame: &[u8], text_start: usize) -> (u32, bool) {
    let Some(first) = frame.first_chunk::<BLOCK_LEN>() else {
        let is_ascii = !TEXT || text_of(frame, text_start).is_ascii();
        return (tiny(frame), is_ascii);
    };
    let first_len = (frame.len() - 1) % BLOCK_LEN + 1;
    let (mut blocks, _) = frame[first_len..].as_chunks::<BLOCK_LEN>();
    let first = _mm_xor_si128(move_to_end(load(first), first_len), load(&STARTS[first_len]));
    let mut any = Text::<TEXT>::new(frame, text_start, first_len);

    let zero = _mm_setzero_si128();
    let mut sum = zero;
    if blocks.len() < PLACES_BLOCKS {
        sum = add_place(sum, first, blocks.len());
    } else if let Some((head, rest)) = blocks.split_first_chunk::<{ FOLD_BLOCKS - 1 }>() {
        let head = [load(&head[0]), load(&head[1]), load(&head[2])];
        for block in head {
            any.add(block);
        }
        let folded;
        (folded, blocks) = fold_down([first, head[0], head[1], head[2]], rest, &mut any);
        for (index, folded) in folded.into_iter().enumerate() {
            sum = add_place(sum, folded, blocks.len() + FOLD_BLOCKS - 1 - index);
        }
    }
    let mut behind = blocks.len();
    for block in blocks {
        behind -= 1;
        let block = load(block);
        sum = add_place(sum, block, behind);
        any.add(block);
    }
    (!reduce(sum), any.is_ascii())
}

/// The checksum's start value, for a first block with as many bytes as the index says: ones over
/// the first four of them or, where there are fewer, what has the same effect before them.
static STARTS: [[u8; BLOCK_LEN]; BLOCK_LEN + 1] = {
    let mut starts = [[0; BLOCK_LEN]; BLOCK_LEN + 1];
    let mut len = 0;
    while len <= BLOCK_LEN {
        let mut index = 0;
        while index < 4 {
            if len < 4 {
                starts[len][BLOCK_LEN - len - 4 + index] = START[index];
            } else {
                starts[len][BLOCK_LEN - len + index] = 0xFF;
            }
            index += 1;
        }
        len += 1;
    }
    starts
};

/// The first `len` bytes (1 to 16) moved to the end, zeros before them.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn move_to_end(block: __m128i, len: usize) -> __m128i {
    /// Indices with their highest bit set give zeros.
    static INDICES: [u8; 33] = {
        let mut indices = [0x80; 33];
        let mut index = 0;
        while index < 16 {
            indices[16 + index] = index as u8;
            index += 1;
        }
        indices
    };
    let indices = INDICES[len..].first_chunk().map_or(_mm_setzero_si128(), |chunk| load(chunk));
    _mm_shuffle_epi8(block, indices)
}

/// Folds four blocks into the next four until few enough are left for [`PLACES`].
#[target_feature(enable = "sse4.1,pclmulqdq")]
fn fold_down<'a, const TEXT: bool>(
    mut folded: [__m128i; FOLD_BLOCKS],
    mut blocks: &'a [[u8; BLOCK_LEN]],
    any: &mut Text<TEXT>,
) -> ([__m128i; FOLD_BLOCKS], &'a [[u8; BLOCK_LEN]]) {
    const FOLD: [u64; 2] = fold((FOLD_BLOCKS * BLOCK_LEN) as u32);
    let by = _mm_set_epi64x(FOLD[1] as i64, FOLD[0] as i64);
    while blocks.len() + FOLD_BLOCKS > PLACES_BLOCKS {
        let Some((next, rest)) = blocks.split_first_chunk::<FOLD_BLOCKS>() else { break };
        for (folded, next) in folded.iter_mut().zip(next) {
            let next = load(next);
            any.add(next);
            let low = _mm_clmulepi64_si128::<0x00>(*folded, by);
            let high = _mm_clmulepi64_si128::<0x11>(*folded, by);
            *folded = _mm_xor_si128(_mm_xor_si128(low, high), next);
        }
        blocks = rest;
    }
    (folded, blocks)
}

/// The checksum of fewer than 16 bytes.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn tiny(bytes: &[u8]) -> u32 {
    let len = bytes.len();
    let bits_missing = |of: usize| ((of - len) * 8) as u32;
    let (upper, lower) =
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            (u64::from_le_bytes(*first).unbounded_shl(bits_missing(16)), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            let first = u32::from_le_bytes(*first).unbounded_shl(bits_missing(8));
            (0, u64::from(u32::from_le_bytes(*last)) << 32 | u64::from(first))
        } else {
            (0, bytes.iter().fold(0, |word, &byte| word >> 8 | u64::from(byte) << 56))
        };
    let block = _mm_set_epi64x(lower as i64, upper as i64);
    reduce(add_place(_mm_setzero_si128(), block, 0)) ^ ZEROS[len]
}

/// Adds a block, times the constants of its place, to the sum. `behind` blocks come after it, fewer
/// than [`PLACES_BLOCKS`].
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn add_place(sum: __m128i, block: __m128i, behind: usize) -> __m128i {
    let (places, _) = PLACES.0.as_chunks::<{ BLOCK_LEN / 8 }>();
    let place = load_words(&places[PLACES_BLOCKS - 1 - behind]);
    let low = _mm_clmulepi64_si128::<0x00>(block, place);
    let high = _mm_clmulepi64_si128::<0x11>(block, place);
    _mm_xor_si128(_mm_xor_si128(sum, low), high)
}

/// The sum, 96 bits, modulo the polynomial: Barrett's reduction.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn reduce(sum: __m128i) -> u32 {
    let by = _mm_set_epi64x(POLYNOMIAL_33 as i64, MU as i64);
    let quotient = _mm_clmulepi64_si128::<0x00>(sum, by);
    let multiple = _mm_clmulepi64_si128::<0x10>(quotient, by);
    _mm_extract_epi32::<2>(_mm_xor_si128(sum, multiple)) as u32
}
