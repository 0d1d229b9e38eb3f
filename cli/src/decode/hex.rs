//! Hexadecimal digits as people paste them, to bytes, and bytes to digits. Pure; a line at a time.
//!
//! | line | read as |
//! |---|---|
//! | `CAFE 01 0000`, `0xCA, 0xFE`, `\xCA\xFE`, `ca:fe`, `CA-FE` | the digits |
//! | `00000010: cafe 0100   …` (xxd) | an offset, which must fit, and digits up to two spaces |
//! | `00000010  ca fe …  \|…\|` (hexdump -C) | an offset, which must fit, and digits up to a bar |
//! | `*` (hexdump, xxd -a) | the line before, again and again up to the next offset |
//! | `CA FE ; magic`, `CA FE # magic` | a comment from there on |

use std::fmt;

/// What a `*` may stand for at most: a dump that asks for more is damaged.
const MAX_REPEATED_BYTES: u64 = 64 * 1024 * 1024;

/// Reads lines of digits, one after the other.
#[derive(Debug, Default)]
pub(crate) struct HexReader {
    /// The offset that the first dump line had.
    first_offset: Option<u64>,
    /// Bytes read so far, from dump lines and others.
    bytes_read: u64,
    last_line: Vec<u8>,
    is_repeating: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HexError {
    /// At this byte of the line, from 0.
    NotADigit {
        position: usize,
        found: char,
    },
    HalfAByte {
        position: usize,
    },
    WrongOffset {
        said: u64,
        expected: u64,
    },
    NothingToRepeat,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotADigit { position, found } => {
                let found = found.escape_debug();
                write!(f, "column {}: '{found}' is no hexadecimal digit", position + 1)
            }
            Self::HalfAByte { position } => {
                write!(f, "column {}: an odd number of digits; a byte has two", position + 1)
            }
            Self::WrongOffset { said, expected } => {
                write!(
                    f,
                    "the line's offset is {said:#x}, but {expected:#x} follows from the lines \
                     before"
                )
            }
            Self::NothingToRepeat => {
                write!(f, "'*' repeats the line before, and what it repeats does not fit")
            }
        }
    }
}

impl HexReader {
    /// The bytes of one line, appended to `bytes`.
    pub(crate) fn line(&mut self, line: &str, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        let line = line.trim_end();
        if line.trim() == "*" {
            self.is_repeating = !self.last_line.is_empty();
            return if self.is_repeating { Ok(()) } else { Err(HexError::NothingToRepeat) };
        }
        let start = bytes.len();
        if let Some(first) = self.first_offset
            && let Some(said) = lone_offset(line)
            && (self.is_repeating || said == first.wrapping_add(self.bytes_read))
        {
            self.settle_offset(said, bytes)?;
            self.bytes_read += (bytes.len() - start) as u64;
            return Ok(());
        }
        match dump_line(line) {
            Some((offset, digits)) => {
                self.settle_offset(offset, bytes)?;
                let digits_start = bytes.len();
                plain(digits, line.len() - line.trim_start().len(), bytes)?;
                self.last_line = bytes.get(digits_start..).unwrap_or_default().to_vec();
            }
            None => plain(without_comment(line), 0, bytes)?,
        }
        self.bytes_read += (bytes.len() - start) as u64;
        Ok(())
    }

    /// A dump line says where it stands: after what was read, or after what a `*` stood for.
    fn settle_offset(&mut self, said: u64, bytes: &mut Vec<u8>) -> Result<(), HexError> {
        let first = *self.first_offset.get_or_insert(said.wrapping_sub(self.bytes_read));
        let expected = first.wrapping_add(self.bytes_read);
        if !self.is_repeating {
            return if said == expected {
                Ok(())
            } else {
                Err(HexError::WrongOffset { said, expected })
            };
        }
        self.is_repeating = false;
        let missing = said.wrapping_sub(expected);
        let line_len_bytes = self.last_line.len() as u64;
        if missing > MAX_REPEATED_BYTES || !missing.is_multiple_of(line_len_bytes) {
            return Err(HexError::NothingToRepeat);
        }
        for _ in 0..missing / line_len_bytes {
            bytes.extend_from_slice(&self.last_line);
        }
        // The caller counts what came with this line, which includes these.
        Ok(())
    }
}

/// An offset of eight or more digits, and the rest without the column of characters; `None` if it
/// is no line of a dump.
fn dump_line(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_start();
    let digits = line.find(|scalar: char| !scalar.is_ascii_hexdigit()).unwrap_or(line.len());
    if !(8..=16).contains(&digits) {
        return None;
    }
    let offset = u64::from_str_radix(line.get(..digits)?, 16).ok()?;
    let rest = line.get(digits..)?;
    if let Some(xxd) = rest.strip_prefix(": ") {
        return Some((offset, xxd.split("  ").next().unwrap_or_default()));
    }
    if let Some(hexdump) = rest.strip_prefix("  ") {
        return hexdump.split_once("  |").map(|(digits, _)| (offset, digits));
    }
    None
}

/// The last line of hexdump: an offset alone. A line of four bytes looks the same; where a dump is
/// under way and the offset fits, it is one.
fn lone_offset(line: &str) -> Option<u64> {
    let digits = line.trim();
    let is_offset =
        (8..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_offset.then(|| u64::from_str_radix(digits, 16).ok())?
}

fn without_comment(line: &str) -> &str {
    line.split([';', '#']).next().unwrap_or_default()
}

/// Digits in groups, each a whole number of bytes, perhaps after `0x` or `\x`.
fn plain(text: &str, column: usize, bytes: &mut Vec<u8>) -> Result<(), HexError> {
    for group in text.split(is_separator) {
        let start = column + (group.as_ptr() as usize - text.as_ptr() as usize);
        let mut at = start;
        for part in group.split("\\x") {
            let prefixed = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
            let digits = prefixed.unwrap_or(part);
            let first = at + (part.len() - digits.len());
            // `0xA`, as programs print a byte. Without the prefix half a byte is more likely a
            // slip.
            match (prefixed, digits.as_bytes()) {
                (Some(_), [digit]) => bytes.push(value_of(*digit, first, digits)?),
                (_, digits_bytes) => pairs(digits_bytes, digits, first, bytes)?,
            }
            at += part.len() + 2;
        }
    }
    Ok(())
}

fn is_separator(scalar: char) -> bool {
    scalar.is_ascii_whitespace() || matches!(scalar, ',' | ':' | '-' | '{' | '}' | '[' | ']' | '"')
}

fn pairs(digits: &[u8], text: &str, first: usize, bytes: &mut Vec<u8>) -> Result<(), HexError> {
    for (index, pair) in digits.chunks(2).enumerate() {
        let position = first + 2 * index;
        let high = value_of(pair[0], position, text.get(2 * index..).unwrap_or_default())?;
        let Some(&low) = pair.get(1) else { return Err(HexError::HalfAByte { position }) };
        let low = value_of(low, position + 1, text.get(2 * index + 1..).unwrap_or_default())?;
        bytes.push(high << 4 | low);
    }
    Ok(())
}

fn value_of(digit: u8, position: usize, text: &str) -> Result<u8, HexError> {
    let found = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
    let value = char::from(digit).to_digit(16).ok_or(HexError::NotADigit { position, found })?;
    u8::try_from(value).map_err(|_| HexError::NotADigit { position, found })
}

/// Whether bytes at the start of an input look like hexadecimal digits: text, and its first line
/// that says anything reads as such, or is digits of which one is missing. `None` where nothing but
/// empty lines and comments came so far.
pub(crate) fn looks_like_hex(start: &[u8]) -> Option<bool> {
    let is_text =
        |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80;
    if !start.iter().all(is_text) {
        return Some(false);
    }
    let text = String::from_utf8_lossy(start);
    let (mut reader, mut bytes) = (HexReader::default(), Vec::new());
    for line in text.lines() {
        match reader.line(line, &mut bytes) {
            Ok(()) if bytes.is_empty() => {}
            Ok(()) => return Some(true),
            // A slip that should be told of; or the start was cut in the middle of its only line.
            Err(HexError::HalfAByte { .. }) => {
                return Some(is_digits_alone(line) || (!bytes.is_empty() && !text.contains('\n')));
            }
            Err(_) => return Some(false),
        }
    }
    None
}

fn is_digits_alone(line: &str) -> bool {
    let is_part = |scalar: char| {
        scalar.is_ascii_hexdigit() || is_separator(scalar) || matches!(scalar, 'x' | 'X' | '\\')
    };
    dump_line(line).is_some() || without_comment(line).chars().all(is_part)
}

/// `CAFE0100`, without spaces.
pub(crate) fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Digits and nothing else, to bytes: what a JSON member or an argument holds.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    plain(text, 0, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, HexError> {
        let (mut reader, mut bytes) = (HexReader::default(), Vec::new());
        for line in text.lines() {
            reader.line(line, &mut bytes)?;
        }
        Ok(bytes)
    }

    #[test]
    fn every_way_to_write_the_same_bytes() {
        let bytes = [0xCA, 0xFE, 0x01, 0x00, 0x00];
        for text in [
            "CAFE010000",
            "ca fe 01 00 00",
            "  CAFE 01\n0000\n",
            "0xCA, 0xFE, 0x1, 0x0, 0x0",
            "{0xca,0xfe,0x01,0x00,0x00}",
            "\\xCA\\xFE\\x01\\x00\\x00",
            "ca:fe:01:00:00",
            "CA-FE-01-00-00",
            "CA FE ; magic\r\n01 # type\r\n; length\n00 00",
            "00000000: cafe 0100 00                             .....",
            "00000000  ca fe 01 00 00                                    |.....|\n",
            "00000000  ca fe 01 00 00                                    |.....|\n00000005\n",
            "00000000: cafe 01                                  ...\n\
             00000003: 0000                                     ..",
        ] {
            assert_eq!(read(text).as_deref(), Ok(&bytes[..]), "{text}");
            assert_eq!(looks_like_hex(text.as_bytes()), Some(true), "{text}");
        }
    }

    #[test]
    fn a_dump_may_start_anywhere_but_must_go_on_where_it_was() {
        assert_eq!(read("00000020: cafe  ..\n00000022: 01  .").unwrap(), [0xCA, 0xFE, 0x01]);
        let error = HexError::WrongOffset { said: 0x30, expected: 0x22 };
        assert_eq!(read("00000020: cafe  ..\n00000030: 01  ."), Err(error));
    }

    #[test]
    fn a_star_repeats_the_line_before() {
        let dump = "\
            00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n\
            *\n\
            00000030  ff                                                |.|";
        let line: Vec<u8> = (0..16).collect();
        assert_eq!(read(dump).unwrap(), [line.repeat(3), vec![0xFF]].concat());
        let open_end = dump.replace("  ff                                                |.|", "");
        assert_eq!(read(&open_end).unwrap(), line.repeat(3));
        assert_eq!(read("*"), Err(HexError::NothingToRepeat));
        assert_eq!(read(&dump.replace("00000030", "00000031")), Err(HexError::NothingToRepeat));
        assert_eq!(read(&dump.replace("00000030", "f0000000")), Err(HexError::NothingToRepeat));
    }

    #[test]
    fn what_is_no_digit_is_told_with_its_place() {
        assert_eq!(read("CA FG"), Err(HexError::NotADigit { position: 4, found: 'G' }));
        assert_eq!(read("CA F"), Err(HexError::HalfAByte { position: 3 }));
        assert_eq!(
            read("0xCA 0x\u{e9}"),
            Err(HexError::NotADigit { position: 7, found: '\u{e9}' })
        );
        assert_eq!(
            HexError::NotADigit { position: 4, found: 'G' }.to_string(),
            "column 5: 'G' is no hexadecimal digit"
        );
    }

    #[test]
    fn other_text_and_bytes_do_not_look_like_digits() {
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\xCA\xFE\x01\x00\x00",
            b"hello",
            b"ab cde fgh\n",
            b"\x01\x02\x00\x00",
        ] {
            assert_eq!(looks_like_hex(other), Some(false), "{other:?}");
        }
        for nothing_yet in [&b""[..], b"\n", b"; a comment", b"# one\n\n  \r\n# and another\n"] {
            assert_eq!(looks_like_hex(nothing_yet), None, "{nothing_yet:?}");
        }
        assert_eq!(looks_like_hex(b"CAFE0"), Some(true), "the rest of the line may still come");
        assert_eq!(looks_like_hex(b"CAFE 01 000\n"), Some(true), "a slip, and no other text");
    }

    #[test]
    fn digits_and_bytes_are_each_others_inverse() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(parse(&digits(&bytes)).unwrap(), bytes);
    }
}
