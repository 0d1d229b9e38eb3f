//! A frame written in SSE4.1, and its checksum.
//!
//! The checksum is of what is written, and not of what was: to sum what small stores have just
//! written the processor would have to wait until they are done. Each piece is multiplied by the
//! constant of its own distance to the frame's end, whatever that is.

#![allow(clippy::cast_possible_truncation)] // of numbers that are held to bounds before

use core::arch::x86_64::*;

use super::checksum::{add, add_block_at, add_word_at, crc, move_to_end, places, reduce};
use super::{BLOCK_LEN, load, load_words, store};
use crate::head::Head;
use crate::polynomial::PLACES_LEN;
use crate::portable;

/// Writes the frame, which is as long as `into`; gives the checksum.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn write(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> u32 {
    // The head in one block, its first four bytes take the start value.
    if into.len() <= PLACES_LEN
        && (4..=BLOCK_LEN).contains(&head.len())
        && let Some(sum) = write_and_sum(into, head, names, text)
    {
        return !reduce(sum);
    }
    write_then_sum(into, head, names, text)
}

#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn write_and_sum(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> Option<__m128i> {
    let behind = into.len().checked_sub(BLOCK_LEN)?;
    let block = _mm_set_epi64x((head.first() >> 64) as i64, head.first() as i64);
    // What is behind the head is written over.
    store(into.first_chunk_mut()?, block);
    let start = _mm_set_epi64x(0, 0xFFFF_FFFF);
    let mut sum = add_block_at(_mm_setzero_si128(), _mm_xor_si128(block, start), behind);

    let mut rest = into.get_mut(head.len()..)?;
    for name in names {
        let (length, behind) = rest.split_first_mut()?;
        *length = name.len() as u8;
        sum = add_word_at(sum, (name.len() as u64) << 56, behind.len());
        let (place, behind) = behind.split_at_mut_checked(name.len())?;
        if name.len() < BLOCK_LEN {
            let (lower, upper) = copy_tiny(place, name);
            sum = add_word_at(sum, upper, behind.len());
            if name.len() > 8 {
                sum = add_word_at(sum, lower, behind.len() + 8);
            }
        } else {
            sum = copy_name(place, name, sum, behind.len());
        }
        rest = behind;
    }
    copy_text(rest, text, sum)
}

/// The same in two passes: for frames that are very short, very long, or have another head.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[cold]
#[inline(never)]
fn write_then_sum(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> u32 {
    portable::put(into, head, names, text);
    crc(into)
}

/// Copies a name of 16 bytes or more, and adds it to the sum.
#[target_feature(enable = "sse4.1,pclmulqdq")]
fn copy_name(into: &mut [u8], from: &[u8], mut sum: __m128i, mut behind: usize) -> __m128i {
    let (start, blocks) = from.as_rchunks::<BLOCK_LEN>();
    let (start_place, places) = into.as_rchunks_mut::<BLOCK_LEN>();
    for (place, block) in places.iter_mut().zip(blocks).rev() {
        let block = load(block);
        store(place, block);
        sum = add_block_at(sum, block, behind);
        behind += BLOCK_LEN;
    }
    let (lower, upper) = copy_tiny(start_place, start);
    add_block_at(sum, _mm_set_epi64x(upper as i64, lower as i64), behind)
}

/// Copies the text, the last of the frame, and adds it to the sum.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn copy_text(into: &mut [u8], from: &[u8], sum: __m128i) -> Option<__m128i> {
    let (Some(first), Some(first_place)) = (from.first_chunk(), into.first_chunk_mut()) else {
        let (lower, upper) = copy_tiny(into, from);
        let text = _mm_set_epi64x(upper as i64, lower as i64);
        return Some(add(sum, text, places(0)?.0));
    };
    // Blocks are counted from the frame's end. Before them stand 1 to 16 bytes, which are summed as
    // a block with zeros before it, and stored as one with more text behind it.
    let start_len = (from.len() - 1) % BLOCK_LEN + 1;
    let start = load(first);
    store(first_place, start);
    let (blocks, _) = from.get(start_len..)?.as_chunks();
    let (block_places, _) = into.get_mut(start_len..)?.as_chunks_mut();
    let (place, places) = places(blocks.len())?;
    let mut sum = add(sum, move_to_end(start, start_len), place);
    for ((block_place, block), place) in block_places.iter_mut().zip(blocks).zip(places) {
        let block = load(block);
        store_in_halves(block_place, block);
        sum = add(sum, block, load_words(place));
    }
    Some(sum)
}

/// Stores a block in a loop: of one store for each load the compiler makes a call of `memcpy`
/// before the loop. That the halves can be one store it sees later.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn store_in_halves(place: &mut [u8; BLOCK_LEN], block: __m128i) {
    let (halves, _) = place.as_chunks_mut::<8>();
    if let [first, second] = halves {
        *first = _mm_extract_epi64::<0>(block).to_le_bytes();
        *second = _mm_extract_epi64::<1>(block).to_le_bytes();
    }
}

/// Copies fewer than 16 bytes. Gives them as two words, as if the last of them were the last of the
/// second word, and zeros before them.
#[inline(always)]
fn copy_tiny(into: &mut [u8], from: &[u8]) -> (u64, u64) {
    let len = from.len();
    let bits_missing = |of: usize| ((of - len) * 8) as u32;
    if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        if let Some(place) = into.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = into.last_chunk_mut() {
            *place = *last;
        }
        let lower = u64::from_le_bytes(*first).unbounded_shl(bits_missing(2 * 8));
        return (lower, u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        if let Some(place) = into.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = into.last_chunk_mut() {
            *place = *last;
        }
        let first = u32::from_le_bytes(*first).unbounded_shl(bits_missing(8));
        return (0, u64::from(u32::from_le_bytes(*last)) << 32 | u64::from(first));
    }
    let mut word = 0;
    for (place, &byte) in into.iter_mut().zip(from).take(3) {
        *place = byte;
        word = word >> 8 | u64::from(byte) << 56;
    }
    (0, word)
}
