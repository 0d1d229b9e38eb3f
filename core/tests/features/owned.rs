//! `alloc`: messages that own their text.

use cafewire_core::{
    ErrorCode, Frame, Message, MessagePayload, OwnedMessage, ParseError, ProtocolError, chat, echo,
};

use crate::corpus::{frame, good, unfold, vectors};

#[test]
fn owned_messages_say_what_the_borrowed_ones_say() {
    for (vector, bytes) in good() {
        let owned = OwnedMessage::try_from(frame(&bytes)).unwrap();
        match (&owned, frame(&bytes)) {
            (OwnedMessage::Echo(owned), Frame::Echo(view)) => {
                assert_eq!(owned.as_borrowed(), view.message());
                assert_eq!(Message::from(owned), view.message());
                assert_eq!(echo::OwnedMessage::from(view.message()), *owned);
                assert_eq!(owned.message_type(), view.message_type);
            }
            (OwnedMessage::Chat(owned), Frame::Chat(view)) => {
                let payload = view.parse_payload().unwrap();
                assert_eq!(owned.as_borrowed(), payload);
                assert_eq!(MessagePayload::from(owned), payload);
                assert_eq!(chat::OwnedMessage::from(payload), *owned);
                assert_eq!(owned.message_type(), view.message_type);
            }
            mixed => panic!("{mixed:?}"),
        }
        assert_eq!(owned.encode_to_vec().as_deref(), Ok(&bytes[..]), "{}", vector["name"]);
        assert_eq!(owned.encoded_len(), bytes.len());
        let mut buffer = vec![0xA5; bytes.len() + 1];
        assert_eq!(owned.encode_into(&mut buffer), Ok(&bytes[..]));
        assert_eq!(buffer.last(), Some(&0xA5));
    }
}

#[test]
fn a_frame_whose_fields_are_bad_becomes_no_message() {
    let is_payload = |vector: &serde_json::Value| vector["stage"] == "payload";
    let mut refused = 0;
    for vector in vectors().iter().filter(|vector| is_payload(vector)) {
        let bytes = unfold(&vector["hex"]);
        let error = OwnedMessage::try_from(frame(&bytes)).unwrap_err();
        assert_eq!(
            u64::try_from(error.offset()).unwrap(),
            vector["error"]["offset"],
            "{}",
            vector["name"]
        );
        refused += 1;
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn the_echo_familys_constructors_exist_in_both_forms() {
    for (owned, borrowed) in [
        (echo::OwnedMessage::ping(), Message::ping()),
        (echo::OwnedMessage::pong(), Message::pong()),
        (echo::OwnedMessage::echo(b"e"), Message::echo(b"e")),
        (echo::OwnedMessage::data(vec![0, 1]), Message::data(&[0, 1])),
        (echo::OwnedMessage::error("no"), Message::error("no")),
    ] {
        assert_eq!(owned.as_borrowed(), borrowed);
        assert_eq!(owned, borrowed.into_owned());
    }
}

#[test]
fn what_cannot_be_a_frame_cannot_be_a_vector() {
    let too_long = echo::OwnedMessage::data(vec![0; echo::MAX_PAYLOAD_SIZE + 1]);
    let refused = ProtocolError::PayloadTooLong { actual: 65_536, max: 65_535 };
    assert_eq!(too_long.as_borrowed().encode_to_vec(), Err(refused));
    assert_eq!(OwnedMessage::from(too_long).encode_to_vec(), Err(refused));

    let nameless = chat::OwnedMessage::Connect { username: String::new() };
    assert!(matches!(nameless.as_borrowed().encode_to_vec(), Err(ProtocolError::InvalidField(_))));
    let nameless = OwnedMessage::from(nameless);
    assert!(matches!(nameless.encode_to_vec(), Err(ProtocolError::InvalidField(_))));
    assert!(matches!(nameless.encode_into(&mut [0; 64]), Err(ProtocolError::InvalidField(_))));
}

#[test]
fn borrowed_messages_encode_to_vectors() {
    let error = MessagePayload::Error { code: ErrorCode::NotInRoom, message: "no" };
    let vector = error.encode_to_vec().unwrap();
    assert_eq!(error.encode_into(&mut [0; 64]).unwrap(), vector);
    assert_eq!(OwnedMessage::from(error).encode_to_vec(), Ok(vector));
    assert_eq!(OwnedMessage::from(Message::ping()).encode_to_vec().unwrap(), [0xCA, 0xFE, 1, 0, 0]);
}

#[test]
fn the_error_of_a_bad_frame_is_the_parsers() {
    let Frame::Chat(view) = frame(b"\x01\x02\x00\x00\x9A\x7C\x6C\x17") else { panic!() };
    let lies = chat::ZeroCopyMessage { message_type: chat::MessageType::Connect, ..view };
    let error = OwnedMessage::try_from(Frame::Chat(lies)).unwrap_err();
    assert!(matches!(error, ParseError::FieldOverrun { offset: 4, .. }));
}
