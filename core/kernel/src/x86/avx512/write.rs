//! A frame written in AVX-512.
//!
//! Its first two blocks are put together in registers, from which they are stored and summed: to
//! sum what small stores have just written the processor would have to wait until they are done.

#![allow(clippy::cast_possible_truncation)] // of numbers below 1024, and of registers taken apart

use core::arch::x86_64::*;

use super::checksum::{crc, reduce_blocks};
use super::{BLOCK_LEN, end_mask, load, start_mask, store, store_start};
use crate::head::Head;
use crate::portable;

/// Writes the frame, which is as long as `into`; gives the checksum.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn write(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> u32 {
    let len = into.len();
    let two_len = if len <= 2 * BLOCK_LEN { len } else { (len - 1) % BLOCK_LEN + 1 + BLOCK_LEN };
    let (two, rest) = into.split_at_mut(two_len);
    // What comes after the two blocks must be of the text, and the start value takes four bytes.
    let Some(text_left) = text.len().checked_sub(rest.len()).filter(|_| len >= 4) else {
        return write_by_pieces(into, head, names, text);
    };
    let ((places, _), (blocks, _)) = (rest.as_chunks_mut(), text[text_left..].as_chunks());

    let (first, second) = gather(head, names, text, two_len);
    store_start(two, first);
    store_start(&mut two[two_len.min(BLOCK_LEN)..], second);
    for (place, block) in places.iter_mut().zip(blocks) {
        store(place, load(block));
    }

    let started = _mm512_xor_si512(first, _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, 0xFFFF_FFFF));
    let (first, second) = move_to_end(started, second, two_len);
    !reduce_blocks(first, second, blocks, &mut _mm512_setzero_si512())
}

/// The same in two passes.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
fn write_by_pieces(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> u32 {
    portable::put(into, head, names, text);
    crc(into)
}

/// The frame's first `len` bytes, at most 128, in two blocks. The names end among them.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn gather(head: Head, names: &[&[u8]], text: &[u8], len: usize) -> (__m512i, __m512i) {
    let [a, b, c, d, e] = head.words().map(|word| word as i64);
    let mut blocks = (_mm512_set_epi64(0, 0, 0, e, d, c, b, a), _mm512_setzero_si512());
    let mut start = head.len();
    for name in names {
        let (before, up_to) = (two_start_masks(start), two_start_masks(start + 1));
        let length = _mm512_set1_epi8(name.len() as i8);
        blocks.0 = _mm512_mask_mov_epi8(blocks.0, up_to.0 & !before.0, length);
        blocks.1 = _mm512_mask_mov_epi8(blocks.1, up_to.1 & !before.1, length);
        blocks = gather_piece(blocks, name, start + 1);
        start += 1 + name.len();
    }
    gather_piece(blocks, text.get(..len.saturating_sub(start)).unwrap_or(text), start)
}

/// Puts a piece into two blocks, from their byte `start` on.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn gather_piece(blocks: (__m512i, __m512i), piece: &[u8], start: usize) -> (__m512i, __m512i) {
    let before = two_start_masks(start);
    let up_to = two_start_masks(start.saturating_add(piece.len()));
    let first = piece.as_ptr().wrapping_sub(start);
    let second = first.wrapping_add(BLOCK_LEN);
    // SAFETY: bit `i` of both masks together stands for the address `first + i`, that is `i -
    // start` behind the piece's first byte. It is 1 exactly from `start` to before `start +
    // piece.len()`, as far as there are bits: the loads touch only bytes that the reference covers,
    // and ask for no alignment.
    unsafe {
        (
            _mm512_mask_loadu_epi8(blocks.0, up_to.0 & !before.0, first.cast()),
            _mm512_mask_loadu_epi8(blocks.1, up_to.1 & !before.1, second.cast()),
        )
    }
}

/// The lowest `count` bits of two masks, the first of which is the lower one.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn two_start_masks(count: usize) -> (u64, u64) {
    (start_mask(count), start_mask(count.saturating_sub(BLOCK_LEN)))
}

/// Moves the first `len` bytes of two blocks, at most 128, to their end; zeros are behind them, and
/// then before them.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn move_to_end(first: __m512i, second: __m512i, len: usize) -> (__m512i, __m512i) {
    static COUNT: [u8; BLOCK_LEN] = {
        let mut count = [0; BLOCK_LEN];
        let mut index = 0;
        while index < BLOCK_LEN {
            count[index] = index as u8;
            index += 1;
        }
        count
    };
    // Seven bits of an index count: those below zero are of the second block's end, which is zero
    // then.
    let indices =
        _mm512_add_epi8(load(&COUNT), _mm512_set1_epi8(len.wrapping_sub(BLOCK_LEN) as i8));
    let mask = end_mask(len.saturating_sub(BLOCK_LEN));
    (_mm512_maskz_expand_epi8(mask, first), _mm512_permutex2var_epi8(first, indices, second))
}
