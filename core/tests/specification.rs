//! PROTOCOL.md agrees with this crate: its worked examples are parsed, its tables are compared with
//! the code.
//!
//! An example is a fenced block `frame to-server` or `frame to-client`: lines of hex, each with its
//! explanation after a `;`, then one line `=> ` with the frame's message, or `=> refused at byte N:
//! Name (code)`. One of version 2 is a `frame-v2`, says after the direction where in a session it
//! comes, and before its message its request.

use std::collections::BTreeSet;

use cafewire_core::chat::{MAX_CLIENT_FRAME_SIZE, MAX_FRAME_SIZE, MAX_MESSAGE_SIZE, v2};
use cafewire_core::dissect::{self, FieldValue};
use cafewire_core::{
    Direction, ErrorCode, Field, Frame, FrameDecoder, Framing, MessageType, ParseError, echo,
};

static PROTOCOL: &str = include_str!("../PROTOCOL.md");

struct Example {
    line: usize,
    direction: Direction,
    /// Where in a session, of a frame of version 2.
    at: String,
    bytes: Vec<u8>,
    claim: String,
}

#[test]
fn every_example_is_what_it_claims() {
    for Example { line, direction, bytes, claim, .. } in examples() {
        assert_eq!(said_of(&bytes, direction), claim, "PROTOCOL.md, line {line}");
    }
}

#[test]
fn every_type_and_most_errors_have_an_example() {
    let (mut types, mut errors) = (BTreeSet::new(), BTreeSet::new());
    for Example { direction, bytes, .. } in examples() {
        match FrameDecoder::new(direction).next_frame(&bytes) {
            Framing::Frame { frame: Frame::Echo(view), .. } => {
                types.insert(("echo", view.message_type.name()));
            }
            Framing::Frame { frame: Frame::Chat(view), .. } => match view.parse_payload() {
                Ok(message) => drop(types.insert(("chat", message.message_type().name()))),
                Err(error) => drop(errors.insert(error.code().to_wire())),
            },
            Framing::Corrupt { error } => drop(errors.insert(error.code().to_wire())),
            Framing::Incomplete { needed } => panic!("an example lacks {needed} bytes"),
        }
    }
    let all = echo::MessageType::ALL.map(|known| ("echo", known.name())).into_iter();
    let all = all.chain(MessageType::ALL.map(|known| ("chat", known.name())));
    assert_eq!(types, all.collect());
    assert_eq!(errors, BTreeSet::from([1, 2, 3, 4, 5, 6, 19]));
}

#[test]
fn the_table_of_error_codes_is_the_codes() {
    let rows: Vec<(u16, String, bool)> = table("## Error codes")
        .map(|row| {
            let stays_open = match row[2].as_str() {
                "yes" => true,
                "no" => false,
                other => panic!("{other:?} under \"stays open?\""),
            };
            (row[0].parse().expect("a number"), row[1].clone(), stays_open)
        })
        .collect();
    let codes: Vec<(u16, String, bool)> = ErrorCode::ALL
        .iter()
        .map(|code| (code.to_wire(), code.name().to_owned(), !code.closes()))
        .collect();
    assert_eq!(rows, codes);
}

#[test]
fn the_table_of_chat_types_is_the_types() {
    let rows: Vec<[String; 4]> = table("### Types")
        .map(|row| [0, 1, 2, 3].map(|column: usize| row[column].clone()))
        .collect();
    let types: Vec<[String; 4]> = MessageType::ALL
        .iter()
        .map(|known| {
            let sender = if known.is_sent(Direction::ToServer) { "client" } else { "server" };
            let (min, max) = known.length_range();
            let code = format!("0x{:02X}", *known as u8);
            [code, known.name().to_owned(), sender.to_owned(), format!("{min} to {max}")]
        })
        .collect();
    assert_eq!(rows, types);
}

#[test]
fn the_table_of_chat_types_has_their_fields() {
    let rows: Vec<(String, String)> =
        table("### Types").map(|row| (row[1].clone(), row[4].clone())).collect();
    let bodies: Vec<(String, String)> = MessageType::ALL
        .iter()
        .map(|known| {
            // A body of zeros: every field is there, each name and text empty.
            let min = usize::from(known.length_range().0);
            let frame = [&[1, *known as u8, 0, u8::try_from(min).unwrap()][..], &vec![0; min]];
            (known.name().to_owned(), body_of(&frame.concat()))
        })
        .collect();
    assert_eq!(rows, bodies);
}

/// The fields of a frame's body, as the table shows them.
fn body_of(frame: &[u8]) -> String {
    let mut shown = Vec::new();
    for field in dissect::fields(frame).skip(3) {
        let is_name = shown.pop_if(|last| *last == format!("{}_length: u8", field.name)).is_some();
        shown.push(match field.value {
            FieldValue::Text(_) if is_name => format!("{}: name", field.name),
            FieldValue::Text(_) => format!("{}: text", field.name),
            _ => format!("{}: u{}", field.name, 8 * field.bytes.len()),
        });
    }
    if shown.is_empty() { "empty".to_owned() } else { shown.join(", ") }
}

#[test]
fn every_example_of_version_2_is_what_it_claims() {
    let examples = examples_after("```frame-v2 ");
    assert!(examples.len() >= 12, "only {} examples were found", examples.len());
    for Example { line, direction, at, bytes, claim } in examples {
        let terms = match at.as_str() {
            "before-sign-in" => v2::Terms::BEFORE_SIGN_IN,
            "challenged" => v2::Terms::CHALLENGED,
            "signed-in" => v2::Terms::signed_in(v2::Capabilities::NONE),
            other => panic!("line {line}: {other} is no place in a session"),
        };
        assert_eq!(said_of_v2(&bytes, direction, terms), claim, "PROTOCOL.md, line {line}");
    }
}

fn said_of_v2(bytes: &[u8], direction: Direction, terms: v2::Terms) -> String {
    let refused =
        |error: ParseError| format!("refused at byte {}: {}", error.offset(), error.code());
    match v2::Framing::of(bytes, direction, terms) {
        v2::Framing::Corrupt { error } => refused(error),
        v2::Framing::Incomplete { needed } => format!("waits for {needed} more bytes"),
        v2::Framing::Frame { consumed, .. } if consumed < bytes.len() => {
            format!("a frame of {consumed} bytes, and more")
        }
        v2::Framing::Frame { frame, .. } => match frame.parse_payload() {
            Ok(message) => {
                let sealed = if frame.seal().is_some() { ", sealed" } else { "" };
                format!("{}: {message:?}{sealed}", frame.header().request)
            }
            Err(error) => refused(error),
        },
    }
}

#[test]
fn the_table_of_version_2_is_its_types_and_their_fields() {
    let rows: Vec<[String; 5]> = table("### Types of version 2")
        .map(|row| [0, 1, 2, 3, 4].map(|column: usize| row[column].clone()))
        .collect();
    let types: Vec<[String; 5]> = v2::MessageType::ALL
        .iter()
        .map(|&known| {
            let sender = if known.is_sent(Direction::ToServer) { "client" } else { "server" };
            let (min, max) = known.payload_range();
            let code = format!("0x{:02X}", known as u8);
            [
                code,
                known.name().to_owned(),
                sender.to_owned(),
                format!("{min} to {max}"),
                payload_of(known),
            ]
        })
        .collect();
    assert_eq!(rows, types);
}

/// The fields of a payload of zeros, where every field is and each name, text and data is empty.
fn payload_of(message_type: v2::MessageType) -> String {
    let (flags, seal) = match message_type {
        v2::MessageType::Authenticate => (v2::Flags::SEALED, v2::SEAL_SIZE),
        _ => (v2::Flags::NONE, 0),
    };
    let payload = vec![0; usize::from(message_type.payload_range().0)];
    let length = u16::try_from(4 + payload.len() + seal).expect("a small frame");
    let header = v2::Header { type_code: message_type as u8, length, flags, request: 0 };
    let frame = [&header.to_bytes()[..], &payload].concat();
    let mut shown = Vec::new();
    for field in dissect::fields(&frame).skip(6) {
        let is_name = shown.pop_if(|last| *last == format!("{}_length: u8", field.name)).is_some();
        let size = field.bytes.len();
        shown.push(match (field.name, field.value) {
            (name, FieldValue::Text(_)) if is_name => format!("{name}: name"),
            (name, FieldValue::Text(_)) => format!("{name}: text"),
            (name, FieldValue::Bytes([])) => format!("{name}: data"),
            (name, FieldValue::Bytes(_)) => format!("{name}: {size} bytes"),
            (name @ ("presence" | "more"), _) => format!("{name}: bool"),
            (name, _) => format!("{name}: u{}", 8 * size),
        });
    }
    if shown.is_empty() { "empty".to_owned() } else { shown.join(", ") }
}

#[test]
fn the_table_of_fields_of_version_2_is_held_to() {
    let rows: Vec<(String, usize, usize)> = table("### Fields of version 2")
        .filter(|row| row.len() == 4)
        .map(|row| {
            let (min, max) = row[2].split_once(" to ").expect("two bounds");
            (row[0].clone(), min.parse().expect("a number"), max.parse().expect("a number"))
        })
        .collect();
    assert_eq!(rows.len(), 9);
    for (field, min, max) in rows {
        for size in [min.checked_sub(1), Some(min), Some(max), Some(max + 1)] {
            let Some(size) = size else { continue };
            let is_good = (min..=max).contains(&size);
            assert_eq!(is_valid(&field, &"x".repeat(size)), is_good, "{field} of {size} bytes");
        }
    }
}

fn is_valid(field: &str, text: &str) -> bool {
    use v2::MessagePayload as Message;
    let (data, room) = (text.as_bytes(), "r");
    let message = match field {
        "`username`, `to`, `from`" => Message::DirectMessage { to: text, content: "c" },
        "`room`" => Message::LeaveRoom { room: text },
        "`after` of ListRooms" => Message::ListRooms { count: 0, after: text },
        "`after` of ListMembers" => Message::ListMembers { count: 0, room, after: text },
        "`content`" => Message::SendMessage { room, content: text },
        "`content` to a client with SMALL" => return is_valid_to_small(text),
        "`server_info`" => {
            let capabilities = v2::Capabilities::NONE;
            Message::ConnectAck { user_id: 1, capabilities, server_info: text }
        }
        "`message`" => {
            Message::Error { code: ErrorCode::Unavailable, retry_after_ms: 0, message: text }
        }
        "`data`" => Message::Ping { data },
        other => panic!("{other} is no field"),
    };
    message.validate().is_ok()
}

fn is_valid_to_small(content: &str) -> bool {
    let message = v2::MessagePayload::DirectDelivery {
        timestamp: 0,
        user_id: 1,
        part: 0,
        from: "f",
        content,
    };
    let mut buffer = [0; v2::MAX_FRAME_SIZE];
    // What is empty is not written in the first place.
    let Ok(frame) = message.encode_into(0, &mut buffer) else { return false };
    let terms = v2::Terms::signed_in(v2::Capabilities::SMALL);
    v2::ZeroCopyMessage::parse_from_bytes(frame, terms)
        .and_then(|view| view.parse_payload())
        .is_ok()
}

#[test]
fn the_table_of_capabilities_is_the_capabilities() {
    use v2::Capabilities as Bit;
    let rows: Vec<(String, String)> =
        table("### What a session agrees on").map(|row| (row[0].clone(), row[1].clone())).collect();
    let known = [
        (Bit::COMPRESS, "COMPRESS"),
        (Bit::SIGN, "SIGN"),
        (Bit::LOSSY, "LOSSY"),
        (Bit::TAKEOVER, "TAKEOVER"),
        (Bit::SMALL, "SMALL"),
        (Bit::DIRECT, "DIRECT"),
        (Bit::FALLBACK, "FALLBACK"),
    ];
    let known = known.map(|(bit, name)| (format!("0x{:04X}", bit.bits()), name.to_owned()));
    assert_eq!(rows, known);
}

#[test]
fn the_table_of_echo_types_is_the_types() {
    let rows: Vec<(String, String)> = table("## The echo family")
        .filter(|row| row[0].starts_with("0x"))
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let types: Vec<(String, String)> = echo::MessageType::ALL
        .iter()
        .map(|known| (format!("0x{:02X}", *known as u8), known.name().to_owned()))
        .collect();
    assert_eq!(rows, types);
}

#[test]
fn the_table_of_fields_is_the_fields() {
    let rows: Vec<(String, String)> =
        table("### Fields").map(|row| (row[0].clone(), row[2].clone())).collect();
    let fields =
        [Field::Username, Field::RoomName, Field::Content, Field::ServerInfo, Field::ErrorMessage];
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|field| {
            let (min, max) = field.length_range();
            (field.to_string(), format!("{min} to {max}"))
        })
        .collect();
    assert_eq!(rows, fields);
}

/// What a field that is no UTF-8 is refused with.
#[test]
fn the_table_of_codes_by_field_is_theirs() {
    let rows: Vec<(String, String)> =
        table("## Order of checks").map(|row| (row[0].clone(), row[1].clone())).collect();
    let fields =
        [Field::Username, Field::RoomName, Field::Content, Field::ServerInfo, Field::ErrorMessage];
    let codes: Vec<(String, String)> = fields
        .into_iter()
        .map(|field| {
            let error = ParseError::InvalidUtf8 { field, offset: 0 };
            (field.to_string(), error.code().to_string())
        })
        .collect();
    assert_eq!(rows, codes);
}

#[test]
fn the_code_for_a_wrong_byte_on_an_echo_connection_is_the_one_it_names() {
    let rule = "on an echo connection, where no byte but `0xCA` starts a frame, {}.";
    let after_an_echo = |bytes: &[u8]| {
        let mut decoder = FrameDecoder::new(Direction::ToServer);
        let ping = [0xCA, 0xFE, 1, 0, 0];
        assert!(matches!(decoder.next_frame(&ping), Framing::Frame { .. }));
        match decoder.next_frame(bytes) {
            Framing::Corrupt { error } => error.code().to_string(),
            other => panic!("{other:?}"),
        }
    };
    let text = PROTOCOL.split_whitespace().collect::<Vec<_>>().join(" ");
    for byte in [0x00, 0x01, 0x02, 0x47, 0xFE] {
        let sentence = rule.replace("{}", &after_an_echo(&[byte, 0xFE, 1, 0, 0]));
        assert!(text.contains(&sentence), "PROTOCOL.md does not say: {sentence}");
    }
}

#[test]
fn the_sizes_it_names_are_the_sizes() {
    let text = PROTOCOL.split_whitespace().collect::<Vec<_>>().join(" ");
    for (sentence, size) in [
        ("frames of up to {} bytes", MAX_MESSAGE_SIZE),
        ("no frame has more than {} bytes", MAX_FRAME_SIZE),
        ("none from a client more than {} bytes", MAX_CLIENT_FRAME_SIZE),
        ("A frame has 5 to {} bytes", echo::HEADER_SIZE + echo::MAX_PAYLOAD_SIZE),
        ("one buffer of {} bytes", MAX_FRAME_SIZE),
        ("(a server: {} bytes)", MAX_CLIENT_FRAME_SIZE),
        ("A sealed frame has at most {} bytes", v2::MAX_FRAME_SIZE),
        ("one from a client at most {} bytes", v2::MAX_CLIENT_FRAME_SIZE),
        ("one to a client with SMALL at most {} bytes", v2::MAX_SMALL_FRAME_SIZE),
        ("no more than the {} bytes of a Connect", v2::MAX_SIGN_IN_FRAME_SIZE),
    ] {
        let size = size.to_string();
        let (thousands, rest) = size.split_at(size.len().saturating_sub(3));
        let shown = if thousands.is_empty() { size.clone() } else { format!("{thousands},{rest}") };
        let sentence = sentence.replace("{}", &shown);
        assert!(text.contains(&sentence), "PROTOCOL.md does not say: {sentence}");
    }
}

/// Result of a receiver for an example's bytes, in the notation of the examples.
fn said_of(bytes: &[u8], direction: Direction) -> String {
    let refused =
        |error: ParseError| format!("refused at byte {}: {}", error.offset(), error.code());
    match FrameDecoder::new(direction).next_frame(bytes) {
        Framing::Corrupt { error } => refused(error),
        Framing::Incomplete { needed } => format!("waits for {needed} more bytes"),
        Framing::Frame { consumed, .. } if consumed < bytes.len() => {
            format!("a frame of {consumed} bytes, and more")
        }
        Framing::Frame { frame: Frame::Echo(view), .. } => {
            format!("{} {:?}", view.message_type, String::from_utf8_lossy(view.payload))
        }
        Framing::Frame { frame: Frame::Chat(view), .. } => match view.parse_payload() {
            Ok(message) => format!("{message:?}"),
            Err(error) => refused(error),
        },
    }
}

fn examples() -> Vec<Example> {
    let found = examples_after("```frame ");
    assert!(found.len() >= 20, "only {} examples were found", found.len());
    found
}

fn examples_after(start: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = PROTOCOL.lines().enumerate();
    while let Some((index, opening)) = lines.next() {
        let Some(opening) = opening.strip_prefix(start) else { continue };
        let (direction, at) = opening.split_once(' ').unwrap_or((opening, ""));
        let direction = match direction {
            "to-server" => Direction::ToServer,
            "to-client" => Direction::ToClient,
            other => panic!("line {}: {other} is no direction", index + 1),
        };
        let (mut bytes, mut claim) = (Vec::new(), None);
        for (index, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            assert!(claim.is_none(), "line {}: nothing follows the claim", index + 1);
            if let Some(text) = line.strip_prefix("=> ") {
                claim = Some(text.to_owned());
                continue;
            }
            let (hex, explanation) =
                line.split_once(';').unwrap_or_else(|| panic!("line {}: no `;`", index + 1));
            assert!(!explanation.trim().is_empty(), "line {}: no explanation", index + 1);
            bytes.extend(
                hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect(line)),
            );
        }
        let claim =
            claim.unwrap_or_else(|| panic!("line {}: the example claims nothing", index + 1));
        found.push(Example { line: index + 1, direction, at: at.to_owned(), bytes, claim });
    }
    found
}

/// The cells of the tables under a heading, up to the next heading, without the tables' own heads.
fn table(heading: &str) -> impl Iterator<Item = Vec<String>> {
    let (_, section) =
        PROTOCOL.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let rows: Vec<Vec<String>> = section
        .lines()
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let rules = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row[0].starts_with("---"))
        .map(|(index, _)| index);
    let heads: BTreeSet<usize> = rules.flat_map(|rule| [rule - 1, rule]).collect();
    assert!(!heads.is_empty(), "no table under {heading:?}");
    rows.into_iter()
        .enumerate()
        .filter(move |(index, _)| !heads.contains(index))
        .map(|(_, row)| row)
}
