//! `dissect` against everything else that reads frames: the vectors, the parsers' typed views, and
//! `ProtocolParser`'s search after noise.

use cafewire_core::dissect::{Dissected, Dissector, FieldValue, FieldView, fields};
use cafewire_core::{Direction, ErrorCode, Family, Frame, MessagePayload, ProtocolParser};
use proptest::prelude::*;
use serde_json::Value;

static VECTORS: &str = include_str!("../vectors/vectors.json");

#[test]
fn the_fields_of_a_good_frame_are_its_message_and_cover_every_byte() {
    for vector in vectors().iter().filter(|vector| !vector["message"].is_null()) {
        let name = &vector["name"];
        let frame = unfold(&vector["hex"]);
        let mut end = 0;
        for field in fields(&frame) {
            assert_eq!(field.offset, end, "{name}: {}", field.name);
            end += field.bytes.len();
        }
        assert_eq!(end, frame.len(), "{name}");
        for (member, expected) in vector["message"].as_object().expect("an object") {
            let field = fields(&frame)
                .find(|field| field.name == member)
                .unwrap_or_else(|| panic!("{name}: {member}"));
            assert!(says(&field, expected), "{name}: {field:?} is not {expected}");
        }
        let of_the_body = |field: &FieldView<'_>| {
            !HEADER_AND_CHECKSUM.contains(&field.name) && !field.name.ends_with("_length")
        };
        let body = fields(&frame).filter(of_the_body).count();
        assert_eq!(
            body + 1,
            vector["message"].as_object().map_or(0, serde_json::Map::len),
            "{name}: no others"
        );
    }
}

const HEADER_AND_CHECKSUM: [&str; 5] = ["magic", "version", "type", "length", "checksum"];

fn says(field: &FieldView<'_>, expected: &Value) -> bool {
    match field.value {
        FieldValue::Named { name, .. } if expected.is_string() => expected == name,
        FieldValue::Number(number) | FieldValue::Named { number, .. } => {
            *expected == number
                || expected.as_str().is_some_and(|digits| digits.parse() == Ok(number))
        }
        FieldValue::Text(text) => expected == text,
        FieldValue::Bytes(bytes) => bytes == unfold(expected),
        _ => false,
    }
}

#[test]
fn bytes_of_no_field_are_left_over() {
    // A Connect whose name is longer than its body.
    let frame = b"\x01\x01\x00\x04\x04ada\x07\x2C\xBB\xAE";
    let left_over =
        FieldView { name: "left_over", offset: 5, bytes: b"ada", value: FieldValue::Bytes(b"ada") };
    assert_eq!(fields(frame).find(|field| field.name == "left_over"), Some(left_over));
    assert_eq!(fields(frame).count(), 6);
}

#[test]
fn an_error_code_has_its_name() {
    let frame = chat(MessagePayload::Error { code: ErrorCode::UsernameTaken, message: "no" });
    let code = fields(&frame).find(|field| field.name == "code").map(|field| field.value);
    assert_eq!(code, Some(FieldValue::Named { number: 10, name: "UsernameTaken" }));
}

#[test]
fn every_bad_vector_is_told_with_its_error() {
    for vector in vectors().iter().filter(|vector| !vector["error"].is_null()) {
        let name = &vector["name"];
        let direction = match vector["direction"].as_str() {
            Some("to-server") => Direction::ToServer,
            Some("to-client") => Direction::ToClient,
            _ => Direction::Either,
        };
        let (before, bad) = (unfold(&vector["before"]), unfold(&vector["hex"]));
        let mut dissector = Dissector::new(direction);
        if !before.is_empty() {
            assert_eq!(dissector.next(&before, true).size(), before.len(), "{name}");
        }
        let error = match dissector.next(&bad, true) {
            Dissected::Frame { error: Some(error), .. } | Dissected::Noise { error, .. } => error,
            // The bytes held more than one frame, or none.
            Dissected::Frame { size, error: None, .. } => {
                assert_eq!(
                    (&vector["error"]["kind"], size as u64),
                    (&"TrailingBytes".into(), offset(vector)),
                    "{name}"
                );
                continue;
            }
            Dissected::Incomplete { .. } => {
                assert!(bad.is_empty(), "{name}");
                continue;
            }
        };
        assert_eq!(error.offset() as u64, offset(vector), "{name}: {error}");
        let kind = format!("{error:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
        assert_eq!(vector["error"]["kind"], kind, "{name}");
    }
}

fn offset(vector: &Value) -> u64 {
    vector["error"]["offset"].as_u64().expect("an offset")
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors.json is JSON")
}

/// Groups of hexadecimal digits, each perhaps with `*N` for N times.
fn unfold(text: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in text.as_str().unwrap_or_default().split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let once: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
            .collect();
        bytes.extend(once.repeat(times.parse().expect("a number")));
    }
    bytes
}

fn chat(message: MessagePayload<'_>) -> Vec<u8> {
    message.encode_into(&mut [0; 64]).expect("a good message").to_vec()
}

/// A line of good frames, cut ones, damaged ones and noise.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just(chat(MessagePayload::Disconnect)),
        Just(chat(MessagePayload::Connect { username: "ada" })),
        Just(chat(MessagePayload::SendMessage { room: "tea", content: "\u{1}\u{2}\0\0" })),
        Just(chat(MessagePayload::UserLeft { user_id: 7, username: "ada", room: "tea" })),
    ];
    let piece =
        (good, any::<prop::sample::Index>(), 0..6_u8).prop_map(|(mut frame, place, what)| {
            let place = place.index(frame.len());
            match what {
                0 => frame[place] ^= 0x10,
                1 => frame.truncate(place),
                2 => frame.splice(place..place, [0x01, 0x01, 0x00, 0x20]).for_each(drop),
                _ => {}
            }
            frame
        });
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// After a good frame, so that the family is settled as the parser's is.
    #[test]
    fn the_frames_found_are_those_that_the_parser_of_serial_lines_finds(
        line in line(),
        piece in 1..40_usize,
    ) {
        let line = [chat(MessagePayload::Disconnect), line].concat();
        for direction in [Direction::ToServer, Direction::ToClient] {
            prop_assert_eq!(by_dissector(&line, direction, piece), by_parser(&line, direction));
        }
    }
}

fn by_parser(line: &[u8], direction: Direction) -> (Vec<usize>, u64) {
    let mut parser = ProtocolParser::<1024>::for_family(Family::ChatV1, direction);
    let (mut rest, mut sizes) = (line, Vec::new());
    loop {
        rest = &rest[parser.feed(rest)..];
        loop {
            match parser.try_parse() {
                Ok(Some(frame)) => sizes.push(frame.encoded_len()),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        if rest.is_empty() && parser.pending_bytes() == 0 {
            return (sizes, parser.skipped_bytes());
        }
        if rest.is_empty() {
            parser.give_up();
        }
    }
}

fn by_dissector(line: &[u8], direction: Direction, piece: usize) -> (Vec<usize>, u64) {
    let mut dissector = Dissector::new(direction);
    let (mut start, mut end) = (0, 0);
    let (mut sizes, mut skipped) = (Vec::new(), 0);
    while start < line.len() {
        let found = dissector.next(&line[start..end], end == line.len());
        start += found.size();
        match found {
            Dissected::Frame { frame: Frame::Chat(view), size, .. }
                if view.message_type.is_sent(direction) =>
            {
                sizes.push(size);
            }
            Dissected::Frame { size, .. } | Dissected::Noise { size, .. } => skipped += size as u64,
            Dissected::Incomplete { needed } => {
                assert!(needed > 0 && end < line.len());
                end = (end + piece).min(line.len());
            }
        }
    }
    (sizes, skipped)
}
