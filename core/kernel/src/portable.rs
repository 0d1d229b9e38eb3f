//! The loops without instructions of a particular processor: what the others are held against, and
//! what runs where there are no others. The checksum is crc32fast's, which is fast on its own
//! terms.

use core::str::Utf8Error;

use crate::head::Head;
use crate::kernel::{Check, Kernel, sealed, text_of, written_len};

/// The loops in portable code. It is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

impl sealed::Sealed for Portable {}

impl Kernel for Portable {
    #[inline(always)]
    fn crc(self, bytes: &[u8]) -> u32 {
        checksum(bytes)
    }

    #[inline(always)]
    fn check(self, frame: &[u8], text_start: usize) -> Check<'_> {
        Check { crc: checksum(frame), ascii: ascii(text_of(frame, text_start)) }
    }

    #[inline(always)]
    fn utf8(self, bytes: &[u8]) -> Result<&str, Utf8Error> {
        core::str::from_utf8(bytes)
    }

    #[inline(always)]
    fn first_control(self, name: &str) -> Option<usize> {
        first_control(name.as_bytes())
    }

    #[inline(always)]
    fn write<const N: usize>(
        self,
        into: &mut [u8],
        head: Head,
        names: [&[u8]; N],
        text: &[u8],
    ) -> Option<u32> {
        let whole = into.get_mut(..written_len(&head, &names, text)?)?;
        put(whole, &head, &names, text, |place, piece| place.copy_from_slice(piece));
        Some(checksum(whole))
    }
}

/// Writes the frame, which is as long as `into`, by copies of this kind.
#[inline(always)]
pub(crate) fn put<const N: usize>(
    into: &mut [u8],
    head: &Head,
    names: &[&[u8]; N],
    text: &[u8],
    copy: impl Fn(&mut [u8], &[u8]),
) -> Option<()> {
    let mut rest = head.put(into)?;
    for name in names {
        let (length, behind) = rest.split_first_mut()?;
        *length = u8::try_from(name.len()).ok()?;
        let (place, behind) = behind.split_at_mut_checked(name.len())?;
        copy(place, name);
        rest = behind;
    }
    copy(rest, text);
    Some(())
}

#[inline(always)]
fn ascii(bytes: &[u8]) -> Option<&str> {
    // SAFETY: all of the bytes are ASCII, and ASCII is UTF-8.
    bytes.is_ascii().then(|| unsafe { core::str::from_utf8_unchecked(bytes) })
}

/// Where the first control character is: by words as long as all is printable ASCII, then by bytes.
/// In UTF-8 the controls U+0080 to U+009F are `C2 80` to `C2 9F`.
#[inline]
pub(crate) fn first_control(name: &[u8]) -> Option<usize> {
    let (words, _) = name.as_chunks::<8>();
    let printable =
        words.iter().take_while(|word| is_printable(u64::from_le_bytes(**word))).count() * 8;
    let mut previous = 0;
    for (position, &byte) in name.iter().enumerate().skip(printable) {
        match byte {
            b' '..=b'~' => {}
            0x80..=0x9F if previous == 0xC2 => return Some(position - 1),
            0x80.. => {}
            _ => return Some(position),
        }
        previous = byte;
    }
    None
}

/// Whether all eight bytes are from 0x20 to 0x7E. A byte that is not makes its highest bit 1 in one
/// of the three terms, and only a byte that is not can carry into its neighbour's.
#[inline]
const fn is_printable(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    let below_0x20 = word.wrapping_sub(ONES * 0x20);
    let above_0x7e = word.wrapping_add(ONES);
    (word | below_0x20 | above_0x7e) & (ONES * 0x80) == 0
}

#[cfg(any(feature = "std", not(feature = "crc-small")))]
#[inline(always)]
fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Bit by bit, so that none of crc32fast's 16 KiB of tables are linked. With `std` there is no
/// small flash to fill: crc32fast stays even when another crate of the build has asked for
/// `crc-small`.
///
/// Not inlined: parsing and encoding share the one copy.
#[cfg(all(feature = "crc-small", not(feature = "std")))]
#[inline(never)]
fn checksum(bytes: &[u8]) -> u32 {
    let mut remainder = !0;
    for &byte in bytes {
        remainder ^= u32::from(byte);
        for _ in 0..8 {
            remainder = crate::polynomial::shift(remainder);
        }
    }
    !remainder
}
