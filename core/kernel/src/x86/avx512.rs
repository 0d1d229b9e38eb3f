//! The loops in AVX-512, 64 bytes at a time. Masks take the place of tails: a load takes as many
//! bytes as there are, and the rest of its register is zero. Here is what moves bytes between
//! memory and registers.

#![allow(clippy::cast_possible_truncation)] // of numbers below 65

mod checksum;
mod control;
mod utf8;
mod write;

use core::arch::x86_64::*;

pub(super) use checksum::{check, crc};
pub(super) use control::first_control;
pub(super) use utf8::is_valid;
pub(super) use write::write;

const BLOCK_LEN: usize = 64;

/// The lowest `count` bits, at most all.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn start_mask(count: usize) -> u64 {
    _bzhi_u64(u64::MAX, count.min(BLOCK_LEN) as u32)
}

/// The highest `count` bits, at most all.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn end_mask(count: usize) -> u64 {
    !_bzhi_u64(u64::MAX, BLOCK_LEN.saturating_sub(count) as u32)
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load(block: &[u8; BLOCK_LEN]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes that are read; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_words(words: &[u64; BLOCK_LEN / 8]) -> __m512i {
    // SAFETY: the reference covers the 64 bytes that are read; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The first bytes, at most 64, at the register's start; the rest of it is zero.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_start(bytes: &[u8]) -> __m512i {
    let mask = start_mask(bytes.len());
    // SAFETY: the mask has ones for at most `bytes.len()` bytes from the pointer on, which the
    // reference covers; the load touches no others, and asks for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// The last bytes, at most 64, at the register's end; the rest of it is zero.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn load_end(bytes: &[u8]) -> __m512i {
    let start = bytes.as_ptr().wrapping_add(bytes.len()).wrapping_sub(BLOCK_LEN);
    // SAFETY: the mask has ones for the last of 64 bytes that end where the reference ends, and for
    // at most `bytes.len()` of them; the load touches no others, and asks for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(end_mask(bytes.len()), start.cast()) }
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn store(place: &mut [u8; BLOCK_LEN], block: __m512i) {
    // SAFETY: the exclusive reference covers the 64 bytes that are written; the store asks for no
    // alignment.
    unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), block) }
}

/// Overwrites the first bytes, at most 64, from the register's start.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn store_start(bytes: &mut [u8], block: __m512i) {
    let mask = start_mask(bytes.len());
    // SAFETY: the mask has ones for at most `bytes.len()` bytes from the pointer on, which the
    // exclusive reference covers; the store touches no others, and asks for no alignment.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), mask, block) }
}

#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}
