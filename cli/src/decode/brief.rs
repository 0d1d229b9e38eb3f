//! What is found, a line per item: where it is, what it is, and what its fields say. Pure. Nothing
//! from the wire reaches the terminal unescaped.

use std::fmt::Write as _;

use cafewire_core::ParseError;
use cafewire_core::dissect::{FieldValue, fields};

use super::report::{Content, Item, Side};
use super::text::{Palette, count_bytes, of_what_lacks, preview, where_from};
use super::{proxy, text};
use crate::escape;

/// Fields that say how a frame is built, and not what it says.
const FRAMING: [&str; 14] = [
    "magic",
    "version",
    "type",
    "length",
    "flags",
    "check",
    "username_length",
    "room_length",
    "to_length",
    "from_length",
    "after_length",
    "counter",
    "tag",
    "checksum",
];

/// One line, without its ending.
pub(crate) fn of(item: &Item<'_>, palette: Palette) -> String {
    let place = match item.place {
        Some(place) => where_from(place, item.from),
        None => match item.from {
            Some(Side::Client) => format!("> byte {}", item.offset),
            Some(Side::Server) => format!("< byte {}", item.offset),
            None => format!("byte {}", item.offset),
        },
    };
    format!("{}: {}", text::dimmed(&place, palette), what(&item.content, palette))
}

fn what(content: &Content<'_>, palette: Palette) -> String {
    match *content {
        Content::Frame { frame, bytes, error } => {
            text::marked(frame.type_name(), error.is_none(), palette)
                + &said(bytes)
                + &complaint(error)
        }
        Content::Bad { bytes, error } => {
            let size = count_bytes(bytes.len() as u64);
            text::marked(&format!("BAD {size}"), false, palette) + &complaint(Some(error))
        }
        Content::Gap { size_bytes } => {
            text::marked(&format!("GAP {} missing", count_bytes(size_bytes)), false, palette)
        }
        Content::Part { bytes, lacks } => count_bytes(bytes.len() as u64) + of_what_lacks(lacks),
        Content::Proxy { bytes } => escape::text(&proxy::text(bytes)).into_owned(),
    }
}

fn complaint(error: Option<ParseError>) -> String {
    error.map_or_else(String::new, |error| format!(": {error}; {}", error.code()))
}

/// ` room="tea" content="hello"`.
fn said(bytes: &[u8]) -> String {
    fields(bytes).filter(|field| !FRAMING.contains(&field.name)).fold(
        String::new(),
        |mut line, field| {
            let value = match field.value {
                FieldValue::Number(number) => number.to_string(),
                FieldValue::Named { number, name } => format!("{name} ({number})"),
                FieldValue::Text(text) => preview(text.as_bytes()),
                _ => preview(field.bytes),
            };
            // Writing to a String cannot fail.
            let _ = write!(line, " {}={value}", field.name);
            line
        },
    )
}

#[cfg(test)]
mod tests {
    use cafewire_core::Direction;
    use cafewire_core::dissect::{Dissected, Dissector};

    use super::*;

    fn line(bytes: &[u8]) -> String {
        let content = match Dissector::new(Direction::Either).next(bytes, true) {
            Dissected::Frame { frame, error, .. } => Content::Frame { frame, bytes, error },
            Dissected::Noise { error, .. } => Content::Bad { bytes, error },
            Dissected::Incomplete { .. } => panic!("nothing to explain"),
        };
        of(&Item { place: None, from: Some(Side::Client), offset: 7, content }, Palette::PLAIN)
    }

    #[test]
    fn a_frame_is_a_line_with_what_its_fields_say() {
        assert_eq!(
            line(b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17"),
            "> byte 7: Connect username=\"ada\""
        );
        let echo = [&b"\xCA\xFE\x03\x01\x00"[..], &[b'\x1B'; 256]].concat();
        assert_eq!(
            line(b"\x02\x06\x00\x05\x00\xF1\x00\x04?\xB2\x8D\x3D\xE7"),
            "> byte 7: Ping request=4 data=\"?\""
        );
        let escapes = "\\u{1b}".repeat(48);
        assert_eq!(line(&echo), format!("> byte 7: Echo payload=\"{escapes}\"… (256 bytes)"));
        assert_eq!(
            line(b"\xCA\xFE\x09"),
            "> byte 7: BAD 3 bytes: unknown message type 0x09 at byte 2; UnknownType (3)"
        );
    }
}
