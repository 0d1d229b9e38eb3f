//! The checksum in SSE4.1 and PCLMULQDQ, and whether a frame's text is ASCII.
//!
//! A frame stands at the right end of its blocks, so that its first block is the one with fewer
//! bytes: the checksum's constants then depend on a block's place alone.

#![allow(clippy::cast_possible_truncation)] // of numbers below 256, and of registers taken apart

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load, load_words};
use crate::polynomial::{DISTANCES, MU, PLACES, PLACES_LEN, POLYNOMIAL_33, START, ZEROS, fold};
use crate::x86::text_of;

/// Blocks that are multiplied in place, without being folded first.
const PLACES_BLOCKS: usize = PLACES_LEN / BLOCK_LEN;
/// Blocks that are folded at a time: the products of one do not wait for the other's.
const FOLD_BLOCKS: usize = 4;

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn crc(bytes: &[u8]) -> u32 {
    match walk::<false>(bytes, 0) {
        Some((crc, _)) => crc,
        None => walk_far(bytes),
    }
}

/// The checksum of the frame, and whether it is ASCII from `text_start` on.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn check(frame: &[u8], text_start: usize) -> (u32, bool) {
    match walk::<true>(frame, text_start) {
        Some(found) => found,
        None => check_far(frame, text_start),
    }
}

/// In one pass, if the frame is not too long and its text does not start too late for that.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn walk<const TEXT: bool>(frame: &[u8], text_start: usize) -> Option<(u32, bool)> {
    let Some(first) = frame.first_chunk::<BLOCK_LEN>() else {
        let is_ascii = !TEXT || text_of(frame, text_start).is_ascii();
        return Some((tiny(frame), is_ascii));
    };
    if TEXT && text_start > BLOCK_LEN {
        return None;
    }
    let first_len = (frame.len() - 1) % BLOCK_LEN + 1;
    let (blocks, _) = frame.get(first_len..)?.as_chunks::<BLOCK_LEN>();
    let (place, places) = places(blocks.len())?;

    let first = load(first);
    let started = _mm_xor_si128(move_to_end(first, first_len), load(&STARTS[first_len]));
    let mut sum = add(_mm_setzero_si128(), started, place);
    // Text stands in the first 16 bytes, in the block that starts within them, and in all others.
    let mut any = _mm_and_si128(first, from_byte(text_start));
    let mut is_text = from_byte(text_start.saturating_sub(first_len));
    for (block, place) in blocks.iter().zip(places) {
        let block = load(block);
        sum = add(sum, block, load_words(place));
        if TEXT {
            any = _mm_or_si128(any, _mm_and_si128(block, is_text));
            is_text = _mm_set1_epi8(-1);
        }
    }
    Some((!reduce(sum), _mm_movemask_epi8(any) == 0))
}

/// A frame that [`walk`] does not take, in two passes.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[cold]
#[inline(never)]
fn check_far(frame: &[u8], text_start: usize) -> (u32, bool) {
    (crc(frame), text_of(frame, text_start).is_ascii())
}

/// The checksum of more than [`PLACES_LEN`] bytes: blocks are folded into each other until few
/// enough are left.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[cold]
#[inline(never)]
fn walk_far(bytes: &[u8]) -> u32 {
    let Some(first) = bytes.first_chunk::<BLOCK_LEN>() else { return tiny(bytes) };
    let first_len = (bytes.len() - 1) % BLOCK_LEN + 1;
    let first = _mm_xor_si128(move_to_end(load(first), first_len), load(&STARTS[first_len]));
    let (blocks, _) = bytes[first_len..].as_chunks::<BLOCK_LEN>();
    let Some((head, rest)) = blocks.split_first_chunk::<{ FOLD_BLOCKS - 1 }>() else {
        return tiny(bytes);
    };
    let head = [first, load(&head[0]), load(&head[1]), load(&head[2])];
    let (folded, blocks) = fold_down(head, rest);
    let mut sum = _mm_setzero_si128();
    let mut behind = (blocks.len() + FOLD_BLOCKS) * BLOCK_LEN;
    for block in folded.into_iter().chain(blocks.iter().map(|block| load(block))) {
        behind -= BLOCK_LEN;
        sum = add_block_at(sum, block, behind);
    }
    !reduce(sum)
}

/// Ones in the bytes from this one on, of 16 at most.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn from_byte(start: usize) -> __m128i {
    static ZEROS_AND_ONES: [u8; 2 * BLOCK_LEN] = {
        let mut bytes = [0; 2 * BLOCK_LEN];
        let mut index = BLOCK_LEN;
        while index < bytes.len() {
            bytes[index] = 0xFF;
            index += 1;
        }
        bytes
    };
    let bytes = BLOCK_LEN.checked_sub(start).and_then(|back| ZEROS_AND_ONES[back..].first_chunk());
    bytes.map_or(_mm_setzero_si128(), |bytes| load(bytes))
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
pub(super) fn move_to_end(block: __m128i, len: usize) -> __m128i {
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
#[inline]
fn fold_down(
    mut folded: [__m128i; FOLD_BLOCKS],
    mut blocks: &[[u8; BLOCK_LEN]],
) -> ([__m128i; FOLD_BLOCKS], &[[u8; BLOCK_LEN]]) {
    const FOLD: [u64; 2] = fold((FOLD_BLOCKS * BLOCK_LEN) as u32);
    let by = _mm_set_epi64x(FOLD[1] as i64, FOLD[0] as i64);
    while blocks.len() + FOLD_BLOCKS > PLACES_BLOCKS {
        let Some((next, rest)) = blocks.split_first_chunk::<FOLD_BLOCKS>() else { break };
        for (folded, next) in folded.iter_mut().zip(next) {
            *folded = add(load(next), *folded, by);
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
    reduce(add_block_at(_mm_setzero_si128(), block, 0)) ^ ZEROS[len]
}

/// The constants of a block that has so many whole ones behind it, and those of the blocks behind
/// it. `None` if there are more than [`PLACES`] has.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(super) fn places(behind: usize) -> Option<(__m128i, &'static [Pair])> {
    let (places, _) = PLACES.0.as_chunks();
    let index = PLACES_BLOCKS.checked_sub(behind + 1)?;
    let (place, places) = places.get(index..)?.split_first()?;
    Some((load_words(place), places))
}

/// The constants of one block.
pub(super) type Pair = [u64; BLOCK_LEN / 8];

/// Adds a block, times the constants of its place, to the sum.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(super) fn add(sum: __m128i, block: __m128i, place: __m128i) -> __m128i {
    let low = _mm_clmulepi64_si128::<0x00>(block, place);
    let high = _mm_clmulepi64_si128::<0x11>(block, place);
    _mm_xor_si128(_mm_xor_si128(sum, low), high)
}

/// Adds a block with so many bytes behind it, fewer than [`PLACES_LEN`].
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(super) fn add_block_at(sum: __m128i, block: __m128i, behind: usize) -> __m128i {
    let Some(&[upper, .., lower]) = DISTANCES.get(behind..).and_then(<[u32]>::first_chunk::<9>)
    else {
        return sum;
    };
    add(sum, block, _mm_set_epi64x(upper.into(), lower.into()))
}

/// Adds a word with so many bytes behind it, fewer than [`PLACES_LEN`].
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(super) fn add_word_at(sum: __m128i, word: u64, behind: usize) -> __m128i {
    let Some(&place) = DISTANCES.get(behind) else { return sum };
    let (word, place) = (_mm_cvtsi64_si128(word as i64), _mm_cvtsi32_si128(place as i32));
    _mm_xor_si128(sum, _mm_clmulepi64_si128::<0x00>(word, place))
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
