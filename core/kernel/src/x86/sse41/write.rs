//! A frame written by copies of 16 bytes.

use super::checksum::crc;
use super::{load, store};
use crate::head::Head;
use crate::portable;

/// Writes the frame, which is as long as `into`; gives the checksum.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
pub(in crate::x86) fn write<const N: usize>(
    into: &mut [u8],
    head: &Head,
    names: &[&[u8]; N],
    text: &[u8],
) -> u32 {
    portable::put(into, head, names, text, |place, piece| copy(place, piece));
    crc(into)
}

/// Copies by blocks that overlap, instead of by a call of `memcpy`. Both are of one length.
#[target_feature(enable = "sse4.1,pclmulqdq")]
#[inline]
fn copy(into: &mut [u8], from: &[u8]) {
    let len = from.len();
    if len < super::BLOCK_LEN {
        return copy_tiny(into, from);
    }
    let (Some(last), Some(last_place)) = (from.last_chunk(), into.last_chunk_mut()) else { return };
    store(last_place, load(last));
    let (blocks, _) = from.as_chunks();
    let (places, _) = into.as_chunks_mut();
    for (place, block) in places.iter_mut().zip(blocks) {
        store(place, load(block));
    }
}

/// Copies fewer than 16 bytes.
#[inline]
fn copy_tiny(into: &mut [u8], from: &[u8]) {
    fn ends<const N: usize>(into: &mut [u8], from: &[u8]) -> Option<()> {
        let (first, last) = (*from.first_chunk::<N>()?, *from.last_chunk::<N>()?);
        *into.first_chunk_mut()? = first;
        *into.last_chunk_mut()? = last;
        Some(())
    }
    if ends::<8>(into, from).or_else(|| ends::<4>(into, from)).is_none() {
        for (place, &byte) in into.iter_mut().zip(from) {
            *place = byte;
        }
    }
}
