//! What is found, as text for people: a heading, then a line per field with its offset, its bytes,
//! its name and what it says, and a caret under the byte that is wrong. Pure. Nothing from the wire
//! reaches the terminal unescaped.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use cafewire_core::ParseError;
use cafewire_core::dissect::{AnyFrame, FieldValue, fields};

use super::proxy;
use super::report::{Content, Item, Lacks, Place, Side};
use crate::{escape, format};

const BYTES_PER_ROW: usize = 8;
/// Of a long field so many rows are shown, and the one with the error.
const ROWS_PER_FIELD: usize = 6;
/// Of a long payload so many bytes are shown as text.
const PREVIEW_BYTES: usize = 48;
const OFFSET_WIDTH: usize = 7;
const BYTES_WIDTH: usize = 3 * BYTES_PER_ROW - 1;
const NAME_WIDTH: usize = 15;

/// Colours, or none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Palette {
    good: Style,
    bad: Style,
    name: Style,
    dim: Style,
}

impl Palette {
    pub(crate) const PLAIN: Self =
        Self { good: Style::new(), bad: Style::new(), name: Style::new(), dim: Style::new() };

    pub(crate) const COLOURED: Self = Self {
        good: AnsiColor::Green.on_default().bold(),
        bad: AnsiColor::Red.on_default().bold(),
        name: AnsiColor::Cyan.on_default(),
        dim: AnsiColor::BrightBlack.on_default(),
    };
}

/// In the colour of what is beside the point.
pub(super) fn dimmed(text: &str, Palette { dim, .. }: Palette) -> String {
    format!("{dim}{text}{dim:#}")
}

/// In the colour of what is good, or of what is bad.
pub(super) fn marked(text: &str, is_good: bool, Palette { good, bad, .. }: Palette) -> String {
    let style = if is_good { good } else { bad };
    format!("{style}{text}{style:#}")
}

/// All that is to be said of one item, as whole lines.
pub(crate) fn of(item: &Item<'_>, palette: Palette) -> String {
    let mut text = String::new();
    let _ = write!(text, "{}", heading(item, palette));
    match item.content {
        Content::Frame { bytes, error, .. } => rows(&mut text, bytes, error, palette),
        Content::Bad { bytes, error } => rows(&mut text, bytes, Some(error), palette),
        Content::Part { bytes, .. } | Content::Proxy { bytes } => {
            Row { offset: 0, bytes, label: preview(bytes) }.write(&mut text, None, palette);
        }
        Content::Gap { .. } => {}
    }
    text.push('\n');
    text
}

fn heading(item: &Item<'_>, palette: Palette) -> String {
    let Palette { good, bad, dim, .. } = palette;
    let what = match item.content {
        Content::Frame { frame, bytes, error } => {
            let style = if error.is_some() { bad } else { good };
            let family = match frame {
                AnyFrame::Echo(_) => "echo",
                AnyFrame::ChatV2(_) => "chat v2",
                _ => "chat",
            };
            let name = frame.type_name();
            let verdict = if error.is_some() { ", bad" } else { "" };
            format!("{style}{family} {name}{style:#}, {}{verdict}", count_bytes(bytes.len() as u64))
        }
        Content::Bad { bytes, .. } => {
            format!("{bad}no good frame{bad:#}, {}", count_bytes(bytes.len() as u64))
        }
        Content::Gap { size_bytes } => {
            format!("{bad}{} missing{bad:#} from the capture", count_bytes(size_bytes))
        }
        Content::Part { bytes, lacks } => {
            format!("{}{}", count_bytes(bytes.len() as u64), of_what_lacks(lacks))
        }
        Content::Proxy { bytes } => {
            format!("{}, put in front by a proxy", escape::text(&proxy::text(bytes)))
        }
    };
    let from = item.from.map_or("", |side| match side {
        Side::Client => ", from the client",
        Side::Server => ", from the server",
    });
    let place = item
        .place
        .map_or_else(String::new, |place| format!("{dim}{}{dim:#} ", where_from(place, item.from)));
    format!("{place}byte {}: {what}{from}\n", item.offset)
}

/// Of which frame bytes are a part.
pub(super) const fn of_what_lacks(lacks: Lacks) -> &'static str {
    match lacks {
        Lacks::Before => " of what began before the capture",
        Lacks::Gap => " of a frame that lacks bytes in the capture",
        Lacks::End => " of a frame whose rest is not in the capture",
    }
}

pub(super) fn where_from(place: &Place, from: Option<Side>) -> String {
    let time = place
        .moment
        .time_ns
        .map_or_else(String::new, |time_ns| format::local_time(time_ns / 1_000_000) + " ");
    let arrow = if from == Some(Side::Server) { "<" } else { ">" };
    let Place { conversation, client, server, moment } = place;
    format!("{time}#{conversation} {client} {arrow} {server} packet {}", moment.packet)
}

pub(super) fn count_bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The fields that can be made out, then what is left.
fn rows(text: &mut String, bytes: &[u8], error: Option<ParseError>, palette: Palette) {
    let mut end = 0;
    for field in fields(bytes) {
        let name = format!("{}{:NAME_WIDTH$}{:#}", palette.name, field.name, palette.name);
        let row = Row {
            offset: field.offset,
            bytes: field.bytes,
            label: format!("{name}  {}", value(field.value, field.bytes.len(), palette)),
        };
        row.write(text, error, palette);
        end = field.offset + field.bytes.len();
    }
    let rest = bytes.get(end..).unwrap_or_default();
    if !rest.is_empty() {
        Row { offset: end, bytes: rest, label: preview(rest) }.write(text, error, palette);
    }
    // Where the input ends too early there is no byte to point at, only a place.
    if let Some(error) = error
        && error.offset() >= bytes.len()
    {
        let _ = writeln!(text, "{:OFFSET_WIDTH$}  {}", bytes.len(), complaint(error, palette));
    }
}

/// A stretch of bytes and what is said beside it.
struct Row<'a> {
    offset: usize,
    bytes: &'a [u8],
    label: String,
}

impl Row<'_> {
    fn write(&self, text: &mut String, error: Option<ParseError>, palette: Palette) {
        let Palette { dim, .. } = palette;
        let wrong = error.map(|error| error.offset());
        let is_wrong_in = |start: usize, len: usize| {
            wrong.is_some_and(|wrong| (start..start + len).contains(&wrong))
        };
        let (mut left_out, mut is_first) = (0, true);
        let empty: &[u8] = &[];
        let chunks = self.bytes.chunks(BYTES_PER_ROW).chain(self.bytes.is_empty().then_some(empty));
        for (index, chunk) in chunks.enumerate() {
            let start = self.offset + index * BYTES_PER_ROW;
            if index >= ROWS_PER_FIELD && !is_wrong_in(start, chunk.len()) {
                left_out += chunk.len();
                continue;
            }
            left_out_row(text, &mut left_out, palette);
            let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
            let digits = digits.join(" ");
            let label = if is_first { self.label.as_str() } else { "" };
            let line = format!("{dim}{start:OFFSET_WIDTH$}{dim:#}  {digits:BYTES_WIDTH$}  {label}");
            let _ = writeln!(text, "{}", line.trim_end());
            is_first = false;
            if let Some(error) = error.filter(|_| is_wrong_in(start, chunk.len())) {
                let column = OFFSET_WIDTH + 2 + 3 * (error.offset() - start);
                let _ = writeln!(text, "{:column$}{}", "", complaint(error, palette));
            }
        }
        left_out_row(text, &mut left_out, palette);
    }
}

fn left_out_row(text: &mut String, left_out: &mut usize, palette: Palette) {
    if *left_out > 0 {
        let Palette { dim, .. } = palette;
        let _ = writeln!(
            text,
            "{:OFFSET_WIDTH$}  {dim}… {} more{dim:#}",
            "",
            count_bytes(*left_out as u64)
        );
        *left_out = 0;
    }
}

fn complaint(error: ParseError, palette: Palette) -> String {
    let Palette { bad, .. } = palette;
    format!("{bad}^^ {error}; {}{bad:#}", error.code())
}

fn value(value: FieldValue<'_>, size: usize, palette: Palette) -> String {
    let Palette { good, bad, .. } = palette;
    match value {
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Named { number, name } => format!("{name} ({number:#04x})"),
        FieldValue::Text(text) => preview(text.as_bytes()),
        FieldValue::Bytes(bytes) => preview(bytes),
        // A header's check has one byte.
        FieldValue::Checksum { carried, computed } => {
            let digits = if size == 1 { 4 } else { 10 };
            if carried == computed {
                return format!("{carried:#0digits$x}, {good}right{good:#}");
            }
            format!("{carried:#0digits$x}, {bad}wrong: {computed:#0digits$x} is right{bad:#}")
        }
        _ => String::new(),
    }
}

/// The start of some bytes as text in quotation marks; how many they are if that is not all.
pub(super) fn preview(bytes: &[u8]) -> String {
    let mut end = bytes.len().min(PREVIEW_BYTES);
    // Not in the middle of a character: its bytes would be shown as if they were wrong.
    while end < bytes.len() && end > PREVIEW_BYTES - 3 && (0x80..0xC0).contains(&bytes[end]) {
        end -= 1;
    }
    let shown = escape::bytes(&bytes[..end]).replace('"', "\\\"");
    let more = if end < bytes.len() {
        format!("… ({})", count_bytes(bytes.len() as u64))
    } else {
        String::new()
    };
    format!("\"{shown}\"{more}")
}

#[cfg(test)]
mod tests {
    use cafewire_core::Direction;
    use cafewire_core::dissect::{Dissected, Dissector};

    use super::*;

    fn explained(bytes: &[u8]) -> String {
        let content = match Dissector::new(Direction::Either).next(bytes, true) {
            Dissected::Frame { frame, error, .. } => Content::Frame { frame, bytes, error },
            Dissected::Noise { error, .. } => Content::Bad { bytes, error },
            Dissected::Incomplete { .. } => panic!("nothing to explain"),
        };
        of(&Item { place: None, from: None, offset: 40, content }, Palette::PLAIN)
    }

    #[test]
    fn a_good_frame_is_shown_field_by_field() {
        let expected = "\
byte 40: chat Connect, 12 bytes
      0  01                       version          1
      1  01                       type             Connect (0x01)
      2  00 04                    length           4
      4  03                       username_length  3
      5  61 64 61                 username         \"ada\"
      8  9a fb 83 17              checksum         0x9afb8317, right

";
        assert_eq!(explained(b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17"), expected);
    }

    #[test]
    fn a_frame_of_version_2_is_shown_field_by_field() {
        let expected = "\
byte 40: chat v2 Ping, 13 bytes
      0  02                       version          2
      1  06                       type             Ping (0x06)
      2  00 05                    length           5
      4  00                       flags            none (0x00)
      5  f1                       check            0xf1, right
      6  00 04                    request          4
      8  3f                       data             \"?\"
      9  b2 8d 3d e7              checksum         0xb28d3de7, right

";
        assert_eq!(explained(b"\x02\x06\x00\x05\x00\xF1\x00\x04?\xB2\x8D\x3D\xE7"), expected);
        let damaged = explained(b"\x02\x06\x00\x15\x00\xF1\x00\x04");
        assert!(damaged.contains("0xf1, wrong: 0x"), "{damaged}");
    }

    #[test]
    fn the_caret_stands_under_the_byte_that_is_wrong() {
        let text = explained(b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x16");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "byte 40: no good frame, 12 bytes");
        assert_eq!(
            lines[6],
            "      8  9a fb 83 16              checksum         \
             0x9afb8316, wrong: 0x9afb8317 is right"
        );
        assert_eq!(
            lines[7],
            "         ^^ checksum at byte 8 is 0x9afb8316, the frame's own is 0x9afb8317; \
             ChecksumMismatch (4)"
        );

        // The second byte of a content that is not UTF-8.
        let text = explained(b"\x01\x03\x00\x04\x01ra\xFF\xD3\xCD\x0D\x9A");
        let at = text.lines().position(|line| line.contains("61 ff")).expect(&text);
        assert!(
            text.lines().nth(at + 1).is_some_and(|line| line.starts_with("            ^^ ")),
            "{text}"
        );
    }

    #[test]
    fn a_cut_frame_is_pointed_at_behind_its_last_byte() {
        let text = explained(b"\x01\x01\x00\x04\x03ad");
        assert!(text.contains("      7  ^^ frame cut short: 12 bytes needed, 7 there"), "{text}");
    }

    #[test]
    fn a_long_field_is_shortened_but_not_where_it_is_wrong() {
        let mut frame = vec![0xCA, 0xFE, 0x04, 0x01, 0x00];
        frame.extend([b'x'; 256]);
        let text = explained(&frame);
        assert!(text.contains("… 208 more") || text.contains("… 208 bytes more"), "{text}");
        assert!(text.lines().count() < 14, "{text}");
        let noise: Vec<u8> = b"?".repeat(100);
        assert!(explained(&noise).contains("… 51 bytes more"), "{}", explained(&noise));
    }

    #[test]
    fn nothing_from_the_wire_steers_the_terminal() {
        let text = explained(b"\xCA\xFE\x03\x00\x08\x1b[2J\"\xE2\x80\xAE");
        assert!(text.contains(r#""\u{1b}[2J\"\u{202e}""#), "{text}");
        assert!(text.lines().all(|line| !line.contains(escape::is_unsafe_to_show)));
    }

    #[test]
    fn a_preview_does_not_cut_a_character() {
        let euros = "€".repeat(20);
        assert_eq!(preview(euros.as_bytes()), format!("\"{}\"… (60 bytes)", "€".repeat(16)));
        let shown = format!("\"x{}\"… (61 bytes)", "€".repeat(15));
        assert_eq!(preview(format!("x{euros}").as_bytes()), shown);
    }
}
