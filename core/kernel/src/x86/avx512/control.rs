//! Control characters in AVX-512. A name of the protocol fits into one register.

use core::arch::x86_64::*;

use super::{BLOCK_LEN, load_start, start_mask};

/// Where the first control character is: 64 bytes at a time, without a branch on what is in them.
#[target_feature(enable = "avx512bw,avx512vl,avx512vbmi,avx512vbmi2,vpclmulqdq,bmi1,bmi2")]
#[inline]
pub(in crate::x86) fn first_control(name: &[u8]) -> Option<usize> {
    let mut c2_before = 0;
    let mut position = 0;
    loop {
        let rest = &name[position..];
        let block = load_start(rest);
        // 0x20 to 0x7E become 0 to 0x5E; what is below 0x20 becomes large, as what is above 0x7E
        // is.
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
