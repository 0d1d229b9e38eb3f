//! `dissect` against everything else that reads frames: the vectors, the parsers' typed views, and
//! `ProtocolParser`'s search after noise.

use cafewire_core::chat::v2;
use cafewire_core::dissect::{AnyFrame, Dissected, Dissector, FieldValue, FieldView, fields};
use cafewire_core::{Direction, ErrorCode, Family, MessagePayload, ProtocolParser};
use proptest::prelude::*;
use serde_json::Value;

static VECTORS: &str = include_str!("../vectors/vectors.json");
static VECTORS_V2: &str = include_str!("../vectors/vectors-v2.json");

#[test]
fn the_fields_of_a_good_frame_are_its_message_and_cover_every_byte() {
    for vector in all_vectors().iter().filter(|vector| !vector["message"].is_null()) {
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
            !FRAMING.contains(&field.name) && !field.name.ends_with("_length")
        };
        let body = fields(&frame).filter(of_the_body).count();
        assert_eq!(
            body + 1,
            vector["message"].as_object().map_or(0, serde_json::Map::len),
            "{name}: no others"
        );
    }
}

const FRAMING: [&str; 10] = [
    "magic", "version", "type", "length", "flags", "check", "request", "counter", "tag", "checksum",
];

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
        if before.is_empty() && bad.first() == Some(&v2::PROTOCOL_VERSION) {
            continue; // Version 2 is told by its own rules.
        }
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

/// Of version 2, those that are the same in every session: a tool knows none.
#[test]
fn every_bad_vector_of_version_2_is_told_with_its_error() {
    for vector in vectors_v2().iter().filter(|vector| !vector["error"].is_null()) {
        if vector["terms"]["at"] != "unknown" || vector["error"]["kind"] == "UnsupportedVersion" {
            continue;
        }
        let name = &vector["name"];
        let direction = match vector["direction"].as_str() {
            Some("to-server") => Direction::ToServer,
            Some("to-client") => Direction::ToClient,
            _ => Direction::Either,
        };
        let bad = unfold(&vector["hex"]);
        let error = match Dissector::new(direction).next(&bad, true) {
            Dissected::Frame { error: Some(error), .. } | Dissected::Noise { error, .. } => error,
            Dissected::Frame { size, error: None, .. } => {
                assert_eq!(size as u64, offset(vector), "{name}: bytes too many");
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

#[test]
fn the_first_good_frame_of_version_2_settles_the_family() {
    let ping = b"\x02\x06\x00\x05\x00\xF1\x00\x04?\xB2\x8D\x3D\xE7";
    let goodbye = chat(MessagePayload::Disconnect);
    let mut dissector = Dissector::new(Direction::ToServer);
    assert_eq!(dissector.next(ping, false).size(), 13);
    let Dissected::Noise { error, size: 8 } = dissector.next(&goodbye, true) else {
        panic!("a frame of version 1")
    };
    assert_eq!(
        error.to_string(),
        "byte 0 is 0x01: this connection began as chat version 2 and stays so"
    );
    // The refusal of a version that a server does not know is one of version 1.
    let mut dissector = Dissector::new(Direction::ToServer);
    assert_eq!(dissector.next(&goodbye, false).size(), 8);
    assert!(matches!(dissector.next(ping, true), Dissected::Noise { size: 13, .. }));
}

#[test]
fn a_damaged_header_of_version_2_is_shown_up_to_its_check() {
    let names: Vec<&str> =
        fields(b"\x02\x06\x00\x15\x00\xF1\x00\x04?").map(|field| field.name).collect();
    assert_eq!(names, ["version", "type", "length", "flags", "check"]);
}

#[test]
fn a_compressed_payload_is_its_length_and_a_block() {
    let header = [0x02, 0x03, 0x00, 0x21, 0x03];
    let mut frame = [&header[..], &[v2::check(header), 0, 9]].concat();
    frame.extend(b"\x00\x40abc");
    frame.extend([7; 24]);
    let shown: Vec<(&str, usize)> =
        fields(&frame).skip(6).map(|field| (field.name, field.bytes.len())).collect();
    assert_eq!(shown, [("original_length", 2), ("block", 3), ("counter", 8), ("tag", 16)]);
}

fn offset(vector: &Value) -> u64 {
    vector["error"]["offset"].as_u64().expect("an offset")
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).expect("vectors.json is JSON")
}

fn vectors_v2() -> Vec<Value> {
    serde_json::from_str(VECTORS_V2).expect("vectors-v2.json is JSON")
}

fn all_vectors() -> Vec<Value> {
    [vectors(), vectors_v2()].concat()
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
            Dissected::Frame { frame: AnyFrame::Chat(view), size, .. }
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
