//! Whether a frame's text is ASCII, told block by block while the checksum is computed.

#![allow(clippy::cast_possible_truncation)] // of numbers below 256, and of registers taken apart

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load};
use crate::x86::text_of;

/// The bits of the text part of a frame, gathered from its blocks.
pub(super) struct Text<const TEXT: bool> {
    any: __m128i,
    /// How far each byte of the next block is from the frame's start; 255 is that far or farther.
    distances: __m128i,
    /// Where the text starts, in each byte.
    start: __m128i,
    /// Whether the text starts so late that distances don't tell, and is ASCII if looked at for
    /// itself.
    late: Option<bool>,
}

impl<const TEXT: bool> Text<TEXT> {
    #[target_feature(enable = "sse4.1,pclmulqdq")]
    #[inline]
    pub(super) fn new(frame: &[u8], text_start: usize, first_len: usize) -> Self {
        let zero = _mm_setzero_si128();
        let mut text = Self { any: zero, distances: zero, start: zero, late: None };
        if !TEXT {
            return text;
        }
        match u8::try_from(text_start) {
            Ok(start) => text.start = _mm_set1_epi8(start as i8),
            Err(_) => text.late = Some(text_of(frame, text_start).is_ascii()),
        }
        text.distances = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        if let Some(first) = frame.first_chunk() {
            text.add(load(first));
        }
        // The second block starts within the first 16 bytes, or right after them.
        let back = _mm_set1_epi8((BLOCK_LEN - first_len) as i8);
        text.distances = _mm_sub_epi8(text.distances, back);
        text
    }

    /// The frame's next block.
    #[target_feature(enable = "sse4.1,pclmulqdq")]
    #[inline]
    pub(super) fn add(&mut self, block: __m128i) {
        if !TEXT {
            return;
        }
        let is_text = _mm_cmpeq_epi8(_mm_max_epu8(self.distances, self.start), self.distances);
        self.any = _mm_or_si128(self.any, _mm_and_si128(block, is_text));
        self.distances = _mm_adds_epu8(self.distances, _mm_set1_epi8(BLOCK_LEN as i8));
    }

    #[target_feature(enable = "sse4.1,pclmulqdq")]
    #[inline]
    pub(super) fn is_ascii(&self) -> bool {
        self.late.unwrap_or_else(|| _mm_movemask_epi8(self.any) == 0)
    }
}
