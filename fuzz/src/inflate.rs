//! Target `inflate`: any payload of a compressed frame, compared with the reference, and any frame
//! compressed and inflated again.

use arbitrary::Unstructured;
use cafewire_core::chat::v2::{Flags, Header, compress, compress_buffer_size, inflate};

use crate::reference::lz4;

/// What lies behind the inflated bytes, and must stay.
const UNTOUCHED: u8 = 0xA5;
const MAX_PAYLOAD_SIZE: u16 = 4225;

/// The input is two bytes, the smallest and the largest length that the type allows, in units of 32
/// bytes, and the payload.
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let (min, max): (u8, u8) = data.arbitrary()?;
    let range = (u16::from(min & 3), u16::from(max) * 32);
    let payload = data.take_rest();
    inflates_as_the_reference(payload, range);
    comes_back(payload);
    Ok(())
}

fn inflates_as_the_reference(payload: &[u8], range: (u16, u16)) {
    let mut scratch = vec![UNTOUCHED; usize::from(range.1) + 64];
    let wanted = lz4::inflate(payload, range);
    let inflated = inflate(payload, range, &mut scratch).map(<[u8]>::to_vec);
    assert_eq!(inflated.ok(), wanted, "another payload was inflated");
    let size = payload.first_chunk().map_or(0, |bytes| usize::from(u16::from_be_bytes(*bytes)));
    let size = size.min(usize::from(range.1));
    assert!(scratch[size..].iter().all(|&byte| byte == UNTOUCHED), "written past the length");
}

/// As the payload of a SendMessage, whatever is in it.
fn comes_back(payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_PAYLOAD_SIZE.into())];
    let length = 4 + payload.len() as u16;
    let header = Header { type_code: 0x03, length, flags: Flags::NONE, request: 3 };
    let mut frame = [&header.to_bytes()[..], payload].concat();
    frame.extend(crate::reference::crc32(&frame).to_be_bytes());
    let mut buffer = vec![UNTOUCHED; compress_buffer_size(frame.len())];
    let compressed = compress(&frame, &mut buffer).expect("a frame, and a large buffer");
    let Some(compressed) = compressed else { return };
    assert!(compressed.len() < frame.len(), "no shorter");
    let block = &compressed[8..compressed.len() - 4];
    let range = (1, MAX_PAYLOAD_SIZE);
    assert_eq!(lz4::inflate(block, range).as_deref(), Some(payload), "the reference disagrees");
    let mut scratch = vec![0; payload.len()];
    assert_eq!(inflate(block, range, &mut scratch), Ok(payload), "it does not come back");
}
