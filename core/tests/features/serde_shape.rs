//! `serde`: the documented shape, both ways, in a format that describes itself (JSON) and in one
//! that does not (postcard).

use cafewire_core::{
    ErrorCode, Family, Field, FieldError, Message, MessagePayload, MessageType, ProtocolError, echo,
};
use cafewire_core::{FrameDecoder, Framing};
use serde_json::{Value, from_str, from_value, json, to_string, to_value};

use crate::corpus::{frame, good, unfold, vectors};

/// The vectors' own `message` differs in that it writes a payload in hex and a timestamp in a
/// string.
fn shape(vector: &Value) -> Value {
    let mut message = vector["message"].clone();
    if let Some(timestamp) = message.get_mut("timestamp") {
        *timestamp = json!(timestamp.as_str().unwrap().parse::<u64>().unwrap());
    }
    if message.get("payload").is_some() {
        message["payload"] = json!(unfold(&message["payload"]));
    }
    message
}

#[test]
fn messages_have_the_shape_of_the_vectors() {
    for (vector, bytes) in good() {
        let value = match frame(&bytes) {
            cafewire_core::Frame::Echo(view) => to_value(view.message()).unwrap(),
            cafewire_core::Frame::Chat(view) => to_value(view.parse_payload().unwrap()).unwrap(),
        };
        assert_eq!(value, shape(&vector), "{}", vector["name"]);
    }
}

#[test]
fn the_type_comes_first_and_the_fields_in_the_order_of_the_wire() {
    let message = MessagePayload::UserJoined { user_id: 7, username: "ada", room: "lobby" };
    let text = r#"{"type":"UserJoined","user_id":7,"username":"ada","room":"lobby"}"#;
    assert_eq!(to_string(&message).unwrap(), text);
    assert_eq!(from_str::<MessagePayload<'_>>(text).unwrap(), message);
    assert_eq!(to_string(&MessagePayload::Disconnect).unwrap(), r#"{"type":"Disconnect"}"#);
    assert_eq!(to_string(&Message::echo(b"hi")).unwrap(), r#"{"type":"Echo","payload":[104,105]}"#);
}

#[test]
fn borrowed_messages_borrow_from_the_input() {
    let text = String::from(r#"{"room":"lobby","more":[1,{}],"type":"JoinRoom"}"#);
    let MessagePayload::JoinRoom { room } = from_str(&text).unwrap() else { panic!() };
    assert!(
        text.as_bytes().as_ptr_range().contains(&room.as_ptr()),
        "in any order, unknown members ignored"
    );

    let packed = postcard::to_allocvec(&Message::echo(b"hello")).unwrap();
    let Message::Echo(payload) = postcard::from_bytes(&packed).unwrap() else { panic!() };
    assert_eq!(payload, b"hello");
    assert!(packed.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn messages_survive_a_format_that_does_not_describe_itself() {
    for (vector, bytes) in good() {
        match frame(&bytes) {
            cafewire_core::Frame::Echo(view) => {
                let packed = postcard::to_allocvec(&view.message()).unwrap();
                assert_eq!(postcard::from_bytes(&packed), Ok(view.message()), "{}", vector["name"]);
            }
            cafewire_core::Frame::Chat(view) => {
                let payload = view.parse_payload().unwrap();
                let packed = postcard::to_allocvec(&payload).unwrap();
                assert_eq!(postcard::from_bytes(&packed), Ok(payload), "{}", vector["name"]);
            }
        }
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    for (text, reason) in [
        (r#"{"type":"Connect"}"#, "missing field `username`"),
        (r#"{"type":"Connect","username":null}"#, "missing field `username`"),
        (r#"{"username":"ada"}"#, "missing field `type`"),
        (r#"{"type":"Connect","username":""}"#, "username is 0 bytes long, 1 to 32 are allowed"),
        (r#"{"type":"Shout","username":"ada"}"#, "unknown variant `Shout`"),
        (r#"{"type":"Error","code":65536,"message":"x"}"#, "65536"),
    ] {
        let error = from_str::<MessagePayload<'_>>(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
    let packed = postcard::to_allocvec(&MessagePayload::Connect { username: "a\u{7}" }).unwrap();
    assert!(postcard::from_bytes::<MessagePayload<'_>>(&packed).is_err());
    let packed = postcard::to_allocvec(&Message::echo(&[0; echo::MAX_PAYLOAD_SIZE + 1])).unwrap();
    assert!(postcard::from_bytes::<Message<'_>>(&packed).is_err());
}

#[test]
fn small_types() {
    for (name, message_type) in MessageType::ALL.map(|known| (known.name(), known)) {
        assert_eq!(to_value(message_type).unwrap(), name);
        assert_eq!(from_value::<MessageType>(json!(name)).unwrap(), message_type);
    }
    for (name, message_type) in echo::MessageType::ALL.map(|known| (known.name(), known)) {
        assert_eq!(to_value(message_type).unwrap(), name);
        assert_eq!(from_value::<echo::MessageType>(json!(name)).unwrap(), message_type);
    }
    for (name, family) in [("echo", Family::Echo), ("chat-v1", Family::ChatV1)] {
        assert_eq!(to_value(family).unwrap(), name);
        assert_eq!(from_value::<Family>(json!(name)).unwrap(), family);
    }
    assert_eq!(to_value(ErrorCode::UsernameTaken).unwrap(), 10);
    assert_eq!(from_value::<ErrorCode>(json!(10)).unwrap(), ErrorCode::UsernameTaken);
    assert_eq!(from_value::<ErrorCode>(json!(999)).unwrap(), ErrorCode::Unknown(999));
}

/// All members of a vector's error, except the code that answers it.
#[test]
fn parse_errors_have_the_shape_of_the_vectors() {
    let mut compared = 0;
    for vector in vectors()
        .iter()
        .filter(|vector| vector["stage"] == "framing" && vector["direction"] == "either")
    {
        let bytes = unfold(&vector["hex"]);
        let Framing::Corrupt { error } =
            FrameDecoder::new(cafewire_core::Direction::Either).next_frame(&bytes)
        else {
            panic!("{}", vector["name"]);
        };
        let value = to_value(error).unwrap();
        for (name, expected) in
            vector["error"].as_object().unwrap().iter().filter(|(name, _)| *name != "code")
        {
            let actual = value
                .get(name)
                .unwrap_or_else(|| panic!("{}: no {name} in {value}", vector["name"]));
            assert_eq!(actual, expected, "{}: {name}", vector["name"]);
        }
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn errors_are_told_by_their_kind() {
    let length = FieldError::Length { field: Field::RoomName, actual: 65, min: 1, max: 64 };
    let inner = json!({"kind": "Length", "field": "room_name", "actual": 65, "min": 1, "max": 64});
    assert_eq!(to_value(length).unwrap(), inner);
    for (error, value) in [
        (ProtocolError::InvalidField(length), json!({"kind": "InvalidField", "error": inner})),
        (
            ProtocolError::BufferTooSmall { needed: 9, available: 8 },
            json!({"kind": "BufferTooSmall", "needed": 9, "available": 8}),
        ),
        (
            ProtocolError::PayloadTooLong { actual: 9, max: 8 },
            json!({"kind": "PayloadTooLong", "actual": 9, "max": 8}),
        ),
    ] {
        assert_eq!(to_value(error).unwrap(), value);
    }
}

#[cfg(feature = "alloc")]
#[test]
fn owned_messages_read_what_borrowed_ones_cannot() {
    use cafewire_core::{OwnedMessage, chat};

    let escaped = r#"{"type":"SendMessage","room":"a","content":"two\nlines"}"#;
    assert!(from_str::<MessagePayload<'_>>(escaped).is_err(), "there is nothing to borrow");
    let message: chat::OwnedMessage = from_str(escaped).unwrap();
    assert_eq!(
        message.as_borrowed(),
        MessagePayload::SendMessage { room: "a", content: "two\nlines" }
    );
    assert!(from_str::<chat::OwnedMessage>(r#"{"type":"Connect","username":""}"#).is_err());

    for (vector, bytes) in good() {
        let message = OwnedMessage::try_from(frame(&bytes)).unwrap();
        let family = if vector["family"] == "echo" { "echo" } else { "chat" };
        let value = json!({ family: shape(&vector) });
        assert_eq!(to_value(&message).unwrap(), value, "{}", vector["name"]);
        assert_eq!(from_value::<OwnedMessage>(value).unwrap(), message, "{}", vector["name"]);
        let packed = postcard::to_allocvec(&message).unwrap();
        assert_eq!(postcard::from_bytes(&packed), Ok(message), "{}", vector["name"]);
    }

    for longest in [echo::MAX_PAYLOAD_SIZE, echo::MAX_PAYLOAD_SIZE + 1] {
        let value = json!({"type": "Data", "payload": vec![0; longest]});
        assert_eq!(
            from_value::<echo::OwnedMessage>(value).is_ok(),
            longest == echo::MAX_PAYLOAD_SIZE
        );
        let packed = postcard::to_allocvec(&Message::data(&vec![0; longest])).unwrap();
        let read = postcard::from_bytes::<echo::OwnedMessage>(&packed);
        assert_eq!(read.is_ok(), longest == echo::MAX_PAYLOAD_SIZE);
    }
    let text = format!(r#"{{"type":"Data","payload":[0{}]}}"#, ",0".repeat(echo::MAX_PAYLOAD_SIZE));
    let error = from_str::<echo::OwnedMessage>(&text).unwrap_err().to_string();
    assert!(error.starts_with("invalid length 65536, expected at most 65535 bytes"), "{error}");
}
