//! The loops without instructions of a particular processor: what the others are held against, and
//! what runs where there are no others. The checksum is crc32fast's, which is fast on its own
//! terms.

use core::str::Utf8Error;

use crate::head::Head;
use crate::kernel::{Check, Kernel, Routine, sealed, text_of, written_len};

/// The loops in portable code. It is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable;

impl Portable {
    /// Does the work. Not inlined, as the other levels' work is not: what chooses a level stays
    /// small, and can be inlined itself.
    #[inline(never)]
    pub(crate) fn run<R: Routine>(self, routine: R) -> R::Output {
        routine.run(self)
    }
}

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
        utf8(bytes)
    }

    #[inline(always)]
    fn first_control_within(self, text: &str, len: usize) -> Option<usize> {
        first_control(text.get(..len).unwrap_or(text).as_bytes())
    }

    #[inline(always)]
    fn write(self, into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> Option<u32> {
        let whole = into.get_mut(..written_len(head, names, text)?)?;
        put(whole, head, names, text);
        Some(checksum(whole))
    }
}

/// Writes the frame, which is as long as `into`.
#[inline(always)]
pub(crate) fn put(into: &mut [u8], head: Head, names: &[&[u8]], text: &[u8]) -> Option<()> {
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

/// Copies a piece of the same length: a short one by two words that overlap, instead of by a call.
#[inline(always)]
fn copy(into: &mut [u8], from: &[u8]) {
    fn ends<const N: usize>(into: &mut [u8], from: &[u8]) -> Option<()> {
        let (first, last) = (*from.first_chunk::<N>()?, *from.last_chunk::<N>()?);
        *into.first_chunk_mut()? = first;
        *into.last_chunk_mut()? = last;
        Some(())
    }
    if cfg!(not(feature = "std"))
        || from.len() > 16
        || ends::<8>(into, from).or_else(|| ends::<4>(into, from)).is_none()
    {
        into.copy_from_slice(from);
    }
}

#[inline(always)]
fn ascii(bytes: &[u8]) -> Option<&str> {
    // SAFETY: all of the bytes are ASCII, and ASCII is UTF-8.
    bytes.is_ascii().then(|| unsafe { core::str::from_utf8_unchecked(bytes) })
}

#[cfg(not(feature = "std"))]
#[inline(always)]
fn utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    core::str::from_utf8(bytes)
}

/// By an automaton without branches. Which bytes of other texts are ASCII can't be predicted, and
/// the standard library asks. Its table has 2 KiB: without `std` it would be in a device's flash.
#[cfg(feature = "std")]
#[inline(always)]
fn utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    if bytes.is_ascii() || crate::automaton::is_utf8(bytes) {
        // SAFETY: the bytes were just found to be ASCII, which is UTF-8, or to be UTF-8.
        return Ok(unsafe { core::str::from_utf8_unchecked(bytes) });
    }
    core::str::from_utf8(bytes)
}

/// Where the first control character is. Without `std` one copy serves all callers: a device has
/// more time than flash.
#[cfg_attr(feature = "std", inline(always))]
#[cfg_attr(not(feature = "std"), inline(never))]
pub(crate) fn first_control(name: &[u8]) -> Option<usize> {
    if is_plain(name) { None } else { find_control(name) }
}

/// Whether all is printable ASCII, by words; the last two may overlap.
#[inline(always)]
fn is_plain(name: &[u8]) -> bool {
    let others = if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let others = |word: &[u8; 8]| others(u64::from_le_bytes(*word));
        if name.len() > 16 {
            let (words, _) = name.as_chunks();
            words.iter().fold(others(last), |found, word| found | others(word))
        } else {
            others(first) | others(last)
        }
    } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
        others(first | last << 32)
    } else {
        let spaces = u64::from_le_bytes([b' '; 8]);
        others(name.iter().take(3).fold(spaces, |word, &byte| word << 8 | u64::from(byte)))
    };
    others & HIGHEST_BITS == 0
}

/// Where the first control character is, byte by byte. In UTF-8 the controls U+0080 to U+009F are
/// `C2 80` to `C2 9F`.
#[cold]
#[inline(never)]
fn find_control(name: &[u8]) -> Option<usize> {
    let mut previous = 0;
    for (position, &byte) in name.iter().enumerate() {
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

const ONES: u64 = u64::MAX / 0xFF;
const HIGHEST_BITS: u64 = ONES * 0x80;

/// The highest bits are all zero if all eight bytes are from 0x20 to 0x7E. A byte that is not makes
/// its own 1 in one of the three terms, and only a byte that is not can carry into its neighbour's.
#[inline(always)]
const fn others(word: u64) -> u64 {
    let below_0x20 = word.wrapping_sub(ONES * 0x20);
    let above_0x7e = word.wrapping_add(ONES);
    word | below_0x20 | above_0x7e
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
