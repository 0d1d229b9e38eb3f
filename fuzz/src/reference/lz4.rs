//! Compressed payloads of version 2, the slow way: a byte at a time into a vector, from the
//! description of the LZ4 block format.

/// What the payload stands for, if it is one.
pub(crate) fn inflate(payload: &[u8], (min, max): (u16, u16)) -> Option<Vec<u8>> {
    let (length, block) = payload.split_first_chunk()?;
    let original = u16::from_be_bytes(*length);
    let is_shorter = payload.len() < usize::from(original) || cfg!(feature = "canary-inflate");
    if original < min || original > max || !is_shorter {
        return None;
    }
    let inflated = block_of(block, original.into())?;
    (inflated.len() == usize::from(original)).then_some(inflated)
}

fn block_of(block: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bytes = block.iter().copied();
    let mut inflated = Vec::new();
    loop {
        let token = bytes.next()?;
        let literals = count(token >> 4, &mut bytes)?;
        for _ in 0..literals {
            inflated.push(bytes.next()?);
        }
        if bytes.len() == 0 {
            return Some(inflated);
        }
        let offset = usize::from(u16::from_le_bytes([bytes.next()?, bytes.next()?]));
        let copied = count(token & 0x0F, &mut bytes)? + 4;
        // A count may be far larger than any frame.
        if offset == 0 || offset > inflated.len() || inflated.len() + copied > size {
            return None;
        }
        for _ in 0..copied {
            inflated.push(inflated[inflated.len() - offset]);
        }
    }
}

/// A count that starts in a nibble, and goes on in bytes for as long as they are full.
fn count(nibble: u8, bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut total = usize::from(nibble);
    if nibble == 15 {
        loop {
            let byte = bytes.next()?;
            total += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    Some(total)
}
