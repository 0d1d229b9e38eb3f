//! The encoder of the second implementation: a frame is its pieces one after another. Takes any
//! message, valid or not; the first broken rule is a separate question.

use super::{Part, Rule, Value, chat_body, crc32, is_control};

/// The frame of a chat message with these fields, in their order.
///
/// # Panics
/// If the type has no such fields.
#[must_use]
pub fn chat_frame(type_code: u8, fields: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    walk(type_code, fields, |part, value| match (part, value) {
        (Part::Numbers(widths), Value::Number(number)) => {
            body.extend_from_slice(&number.to_be_bytes()[8 - widths[0]..]);
        }
        (Part::Name(..), Value::Text(name)) => {
            body.push(prefix(name));
            body.extend_from_slice(name.as_bytes());
        }
        (Part::Text(..), Value::Text(text)) => body.extend_from_slice(text.as_bytes()),
        _ => panic!("{value:?} is no field of type {type_code:#04x} there"),
    });
    raw_chat_frame(type_code, &body)
}

/// A name's length byte. The canary counts its characters, as a program tested with ASCII alone
/// might.
fn prefix(name: &str) -> u8 {
    if cfg!(feature = "canary-roundtrip") { name.chars().count() as u8 } else { name.len() as u8 }
}

/// A chat frame around any body.
#[must_use]
pub fn raw_chat_frame(type_code: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x01, type_code];
    frame.extend_from_slice(&(body.len() as u16).to_be_bytes());
    frame.extend_from_slice(body);
    let sum = crc32(&frame);
    frame.extend_from_slice(&sum.to_be_bytes());
    frame
}

/// An echo frame.
#[must_use]
pub fn echo_frame(type_code: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xCA, 0xFE, type_code];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The first rule that the fields break, in their order.
#[must_use]
pub fn broken_rule(type_code: u8, fields: &[Value]) -> Option<Rule> {
    let mut broken = None;
    walk(type_code, fields, |part, value| {
        if broken.is_none() {
            broken = match (part, value) {
                (Part::Name(field, max), Value::Text(name)) => {
                    length_rule(field, name, 1, max).or_else(|| control_rule(field, name))
                }
                (Part::Text(field, min, max), Value::Text(text)) => {
                    length_rule(field, text, min, max)
                }
                _ => None,
            };
        }
    });
    broken
}

fn length_rule(field: &'static str, text: &str, min: usize, max: usize) -> Option<Rule> {
    let actual = text.len();
    (actual < min || actual > max).then_some(Rule::FieldLength { field, actual, min, max })
}

fn control_rule(field: &'static str, name: &str) -> Option<Rule> {
    let (position, _) = name.char_indices().find(|&(_, character)| is_control(character))?;
    Some(Rule::NoControlCharacter { field, position })
}

/// The fields with their parts; integers one at a time, each with its own width.
fn walk(type_code: u8, fields: &[Value], mut visit: impl FnMut(Part, &Value)) {
    let parts = chat_body(type_code).unwrap_or_else(|| panic!("no type {type_code:#04x}"));
    let mut fields = fields.iter();
    let mut next =
        || fields.next().unwrap_or_else(|| panic!("type {type_code:#04x} has more fields"));
    for part in parts {
        match *part {
            Part::Numbers(widths) => {
                widths.chunks(1).for_each(|width| visit(Part::Numbers(width), next()));
            }
            Part::Name(field, max) => visit(Part::Name(field, max), next()),
            Part::Text(field, min, max) => visit(Part::Text(field, min, max), next()),
        }
    }
    assert_eq!(fields.next(), None, "type {type_code:#04x} has fewer fields");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_the_specification() {
        assert_eq!(chat_frame(0x02, &[]), [0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]);
        let ada = Value::Text("ada".into());
        assert_eq!(chat_frame(0x01, &[ada]), *b"\x01\x01\x00\x04\x03ada\x9A\xFB\x83\x17");
        let who = [Value::Number(7), Value::Text("ada".into()), Value::Text("lobby".into())];
        assert_eq!(
            chat_frame(0x83, &who),
            *b"\x01\x83\x00\x0E\x00\x00\x00\x07\x03ada\x05lobby\x26\x53\x10\x9B"
        );
        assert_eq!(echo_frame(0x03, b"hi"), *b"\xCA\xFE\x03\x00\x02hi");
    }

    #[test]
    fn the_first_broken_rule_is_told() {
        let fields =
            |room: &str, content: &str| [Value::Text(room.into()), Value::Text(content.into())];
        assert_eq!(broken_rule(0x03, &fields("a", "b")), None);
        let empty = Rule::FieldLength { field: "room", actual: 0, min: 1, max: 64 };
        assert_eq!(broken_rule(0x03, &fields("", "")), Some(empty));
        let control = Rule::NoControlCharacter { field: "room", position: 1 };
        assert_eq!(broken_rule(0x03, &fields("a\u{7F}", "")), Some(control));
    }
}
