//! A second implementation of the protocol, as plain as possible: a table of bodies, a loop over
//! it, vectors and strings. Written from the specification, shares nothing with cafewire-core, and
//! may use nothing of it.

pub mod encoder;
pub mod line;
pub(crate) mod lz4;
pub mod proxy;
pub mod v2;

/// The direction of a stream's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Types of both directions.
    Either,
    /// Only types that clients send.
    ToServer,
    /// Only types that servers send.
    ToClient,
}

/// Content of some bytes at their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A frame whose envelope is right.
    Frame {
        /// The frame.
        frame: Frame,
        /// Bytes that it takes.
        consumed: usize,
    },
    /// No error so far, and at least so many bytes are missing.
    Incomplete(usize),
    /// No frame.
    Corrupt(Fault),
}

/// A frame, and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The family it belongs to.
    pub family: Family,
    /// Its type byte.
    pub type_code: u8,
    /// Its body as received.
    pub body: Vec<u8>,
    /// The fields of the body, in their order, or the first error in them.
    pub fields: Result<Vec<Value>, Fault>,
}

impl Frame {
    /// Bytes that the whole frame takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self.family {
            Family::Echo => 5 + self.body.len(),
            Family::Chat => 4 + self.body.len() + 4,
        }
    }
}

/// A protocol family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `CA FE …`
    Echo,
    /// `01 …`
    Chat,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer of any width.
    Number(u64),
    /// A name or a text.
    Text(String),
    /// An echo payload.
    Bytes(Vec<u8>),
}

/// The broken rule, and at which byte of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted from the frame's first byte.
    pub offset: usize,
    /// The rule that is broken.
    pub rule: Rule,
}

/// The rules that bytes can break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `CA` is followed by `FE`, in an echo connection every frame starts so.
    Magic,
    /// The first byte is one of a family.
    Version,
    /// A connection keeps its family.
    OneFamily,
    /// The type is known.
    KnownType,
    /// The type is sent in this direction.
    Direction,
    /// The type allows the length.
    Length {
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// The checksum is right.
    Checksum {
        /// The value that it should have.
        right: u32,
        /// The value that it has.
        found: u32,
    },
    /// A field ends within the body.
    FieldFits {
        /// The field.
        field: &'static str,
        /// Bytes it takes.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// A name or a text is UTF-8.
    Utf8 {
        /// The field.
        field: &'static str,
    },
    /// A name or a text has an allowed length.
    FieldLength {
        /// The field.
        field: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// The least allowed.
        min: usize,
        /// The most allowed.
        max: usize,
    },
    /// A name holds no control characters.
    NoControlCharacter {
        /// The field.
        field: &'static str,
        /// Its position, in bytes from the start of the name.
        position: usize,
    },
    /// Nothing follows the last field.
    NothingLeft {
        /// Number of bytes that follow.
        extra: usize,
    },
}

/// A part of a body.
enum Part {
    /// Integers of these widths in bytes, which stand together before everything else.
    Numbers(&'static [usize]),
    /// A length byte, then 1 to so many bytes of UTF-8 without control characters.
    Name(&'static str, usize),
    /// UTF-8 to the end of the body, of a length between the two.
    Text(&'static str, usize, usize),
}

const USERNAME: Part = Part::Name("username", 32);
const ROOM: Part = Part::Name("room", 64);
const CONTENT: Part = Part::Text("content", 1, 512);

/// The bodies of chat version 1.
fn chat_body(type_code: u8) -> Option<&'static [Part]> {
    Some(match type_code {
        0x01 => &[USERNAME],
        0x02 => &[],
        0x03 => &[ROOM, CONTENT],
        0x04 | 0x05 => &[ROOM],
        0x81 => &[Part::Numbers(&[4]), Part::Text("server_info", 0, 512)],
        0x82 => &[Part::Numbers(&[4, 8]), USERNAME, ROOM, CONTENT],
        0x83 | 0x84 => &[Part::Numbers(&[4]), USERNAME, ROOM],
        0xFF => &[Part::Numbers(&[2]), Part::Text("message", 0, 512)],
        _ => return None,
    })
}

/// The frame at the start of `bytes`, on a new connection.
#[must_use]
pub fn first_frame(bytes: &[u8], direction: Direction) -> Outcome {
    match bytes.first() {
        None => Outcome::Incomplete(1),
        Some(0xCA) => echo_frame(bytes),
        Some(_) => chat_frame(bytes, direction),
    }
}

/// The frame at the start of `bytes` in a connection whose first frame was of this family.
#[must_use]
pub fn frame_of_connection(
    bytes: &[u8],
    direction: Direction,
    connection: Option<Family>,
) -> Outcome {
    let here = match bytes.first() {
        None => return Outcome::Incomplete(1),
        Some(0xCA) => Some(Family::Echo),
        Some(0x01) => Some(Family::Chat),
        Some(_) => None,
    };
    match (connection, here) {
        (Some(family), Some(other)) if family != other => corrupt(0, Rule::OneFamily),
        (Some(Family::Echo), None) => corrupt(0, Rule::Magic),
        _ => first_frame(bytes, direction),
    }
}

fn echo_frame(bytes: &[u8]) -> Outcome {
    if bytes.len() >= 2 && bytes[1] != 0xFE {
        return corrupt(1, Rule::Magic);
    }
    if bytes.len() >= 3 && ![0x01, 0x02, 0x03, 0x04, 0xFF].contains(&bytes[2]) {
        return corrupt(2, Rule::KnownType);
    }
    if bytes.len() < 5 {
        return Outcome::Incomplete(5 - bytes.len());
    }
    let consumed = 5 + number(&bytes[3..5]) as usize;
    if bytes.len() < consumed {
        return Outcome::Incomplete(consumed - bytes.len());
    }
    let body = bytes[5..consumed].to_vec();
    let fields = Ok(vec![Value::Bytes(body.clone())]);
    Outcome::Frame {
        frame: Frame { family: Family::Echo, type_code: bytes[2], body, fields },
        consumed,
    }
}

fn chat_frame(bytes: &[u8], direction: Direction) -> Outcome {
    if bytes[0] != 0x01 {
        return corrupt(0, Rule::Version);
    }
    if bytes.len() < 2 {
        return Outcome::Incomplete(3);
    }
    let Some(parts) = chat_body(bytes[1]) else {
        return corrupt(1, Rule::KnownType);
    };
    let from_server = bytes[1] >= 0x80;
    if direction == Direction::ToServer && from_server
        || direction == Direction::ToClient && !from_server
    {
        return corrupt(1, Rule::Direction);
    }
    if bytes.len() < 4 {
        return Outcome::Incomplete(4 - bytes.len());
    }
    let length = number(&bytes[2..4]) as usize;
    let (min, max) = (parts.iter().map(smallest).sum(), parts.iter().map(largest).sum());
    if length < min || length > max {
        return corrupt(2, Rule::Length { min, max });
    }
    let consumed = 4 + length + 4;
    if bytes.len() < consumed {
        return Outcome::Incomplete(consumed - bytes.len());
    }
    let right = crc32(&bytes[..4 + length]);
    let found = number(&bytes[4 + length..consumed]) as u32;
    if right != found {
        return corrupt(4 + length, Rule::Checksum { right, found });
    }
    let body = bytes[4..4 + length].to_vec();
    let fields = chat_fields(parts, &body);
    Outcome::Frame {
        frame: Frame { family: Family::Chat, type_code: bytes[1], body, fields },
        consumed,
    }
}

/// Smallest size of a part within a header's length. An empty name is refused by its own rule, not
/// by the length.
fn smallest(part: &Part) -> usize {
    match part {
        Part::Numbers(widths) => widths.iter().sum(),
        Part::Name(..) => 1,
        Part::Text(..) => 0,
    }
}

fn largest(part: &Part) -> usize {
    match part {
        Part::Numbers(widths) => widths.iter().sum(),
        Part::Name(_, max) => 1 + max,
        Part::Text(_, _, max) => *max,
    }
}

fn chat_fields(parts: &[Part], body: &[u8]) -> Result<Vec<Value>, Fault> {
    let mut values = Vec::new();
    let mut at = 0;
    let fault = |at: usize, rule| Fault { offset: 4 + at, rule };
    let fits = |at: usize, field, needed| {
        let available = body.len() - at;
        if needed > available {
            Err(fault(at, Rule::FieldFits { field, needed, available }))
        } else {
            Ok(())
        }
    };
    for part in parts {
        match *part {
            Part::Numbers(widths) => {
                fits(at, "numbers", widths.iter().sum())?;
                for width in widths {
                    values.push(Value::Number(number(&body[at..at + width])));
                    at += width;
                }
            }
            Part::Name(field, max) => {
                fits(at, field, 1)?;
                let end = at + 1 + usize::from(body[at]);
                fits(at, field, end - at)?;
                let name = utf8(&body[at + 1..end], field, at + 1)?;
                if name.is_empty() || name.len() > max {
                    return Err(fault(
                        at,
                        Rule::FieldLength { field, actual: name.len(), min: 1, max },
                    ));
                }
                if let Some((position, _)) =
                    name.char_indices().find(|&(_, character)| is_control(character))
                {
                    return Err(fault(at, Rule::NoControlCharacter { field, position }));
                }
                values.push(Value::Text(name));
                at = end;
            }
            Part::Text(field, min, max) => {
                let text = utf8(&body[at..], field, at)?;
                if text.len() < min || text.len() > max {
                    return Err(fault(
                        at,
                        Rule::FieldLength { field, actual: text.len(), min, max },
                    ));
                }
                values.push(Value::Text(text));
                at = body.len();
            }
        }
    }
    if at < body.len() {
        return Err(fault(at, Rule::NothingLeft { extra: body.len() - at }));
    }
    Ok(values)
}

fn utf8(bytes: &[u8], field: &'static str, at: usize) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|error| Fault {
        offset: 4 + at + error.utf8_error().valid_up_to(),
        rule: Rule::Utf8 { field },
    })
}

/// U+0000..=U+001F and U+007F..=U+009F. The canary forgets the upper ones, as a parser written for
/// ASCII would.
fn is_control(character: char) -> bool {
    let code = character as u32;
    code < 0x20
        || code == 0x7F
        || (!cfg!(feature = "canary-parse") && (0x80..=0x9F).contains(&code))
}

fn corrupt(offset: usize, rule: Rule) -> Outcome {
    Outcome::Corrupt(Fault { offset, rule })
}

fn number(big_endian: &[u8]) -> u64 {
    big_endian.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// CRC-32/ISO-HDLC, bit by bit as defined: polynomial 04C11DB7 reflected, initial value all ones,
/// complemented at the end.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    for &byte in bytes {
        register ^= u32::from(byte);
        for _ in 0..8 {
            register = if register & 1 == 1 { register >> 1 ^ 0xEDB8_8320 } else { register >> 1 };
        }
    }
    !register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_the_check_value_of_its_definition() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn the_bounds_that_the_specification_names() {
        let bounds = |type_code| {
            let parts = chat_body(type_code).unwrap();
            (parts.iter().map(smallest).sum::<usize>(), parts.iter().map(largest).sum::<usize>())
        };
        assert_eq!(bounds(0x02), (0, 0));
        assert_eq!(bounds(0x03), (1, 585 - 8));
        assert_eq!(bounds(0x82), (14, 630 - 8));
    }
}
