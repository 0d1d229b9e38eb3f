//! `tokio-codec`: both codecs, without a socket. The test with one, against the server, is in
//! `net/tests`.

use bytes::BytesMut;
use cafewire_core::tokio_codec::{CodecError, FrameCodec, MessageCodec};
use cafewire_core::{
    Direction, Family, Message, MessagePayload, OwnedMessage, ParseError, ProtocolError, echo,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::corpus::{frame, good_of, unfold, vectors};

fn decode_in_pieces<D: Decoder<Error = CodecError>>(
    mut codec: D,
    line: &[u8],
    piece: usize,
) -> Vec<D::Item> {
    let (mut received, mut items) = (BytesMut::new(), Vec::new());
    for piece in line.chunks(piece) {
        received.extend_from_slice(piece);
        while let Some(item) = codec.decode(&mut received).unwrap() {
            items.push(item);
        }
    }
    assert!(codec.decode_eof(&mut received).unwrap().is_none());
    assert!(received.is_empty());
    items
}

#[test]
fn frames_and_messages_come_out_whatever_the_pieces() {
    for family in ["echo", "chat-v1"] {
        let frames = good_of(family);
        let line = frames.concat();
        for piece in [1, 7, 630, 100_000] {
            let decoded = decode_in_pieces(FrameCodec::new(Direction::Either), &line, piece);
            assert_eq!(decoded.len(), frames.len());
            for (decoded, bytes) in decoded.into_iter().zip(&frames) {
                assert_eq!(decoded.as_frame(), frame(bytes));
                assert_eq!(decoded.as_bytes(), bytes);
                assert_eq!(decoded.into_bytes(), bytes);
            }
            let decoded = decode_in_pieces(MessageCodec::new(Direction::Either), &line, piece);
            let expected: Vec<_> =
                frames.iter().map(|bytes| OwnedMessage::try_from(frame(bytes)).unwrap()).collect();
            assert_eq!(decoded, expected, "{family}, {piece}");
        }
    }
}

#[test]
fn every_form_of_a_message_encodes_to_the_same_bytes() {
    for bytes in [good_of("echo"), good_of("chat-v1")].concat() {
        let (mut out, mut frames, mut messages) = (
            BytesMut::new(),
            FrameCodec::new(Direction::Either),
            MessageCodec::new(Direction::Either),
        );
        let owned = OwnedMessage::try_from(frame(&bytes)).unwrap();
        messages.encode(&owned, &mut out).unwrap();
        match &owned {
            OwnedMessage::Echo(message) => {
                messages.encode(message.as_borrowed(), &mut out).unwrap();
            }
            OwnedMessage::Chat(message) => {
                messages.encode(message.as_borrowed(), &mut out).unwrap();
            }
        }
        messages.encode(owned, &mut out).unwrap();
        frames.encode(frame(&bytes), &mut out).unwrap();
        let kept = frames.decode(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
        frames.encode(kept, &mut out).unwrap();
        assert_eq!(out, bytes.repeat(5));
    }
}

#[test]
fn what_cannot_be_encoded_leaves_the_buffer_as_it_was() {
    let mut codec = MessageCodec::new(Direction::Either);
    let mut out = BytesMut::from(&b"before"[..]);
    let error = codec.encode(MessagePayload::Connect { username: "" }, &mut out).unwrap_err();
    assert!(matches!(error, CodecError::Protocol(ProtocolError::InvalidField(_))));
    assert_eq!(
        error.to_string(),
        "the message cannot be sent: username is 0 bytes long, 1 to 32 are allowed"
    );
    let error = codec.encode(Message::data(&[0; 65_536]), &mut out).unwrap_err();
    assert!(matches!(
        error,
        CodecError::Protocol(ProtocolError::PayloadTooLong { actual: 65_536, max: 65_535 })
    ));
    let long =
        echo::ZeroCopyMessage { message_type: echo::MessageType::Data, payload: &[0; 65_536] };
    let error = FrameCodec::new(Direction::Either)
        .encode(cafewire_core::Frame::Echo(long), &mut out)
        .unwrap_err();
    assert!(matches!(error, CodecError::Protocol(ProtocolError::PayloadTooLong { .. })));
    assert_eq!(out, b"before"[..]);
}

#[test]
fn bad_frames_are_errors_with_their_place_in_the_stream() {
    let mut seen = 0;
    for vector in vectors()
        .iter()
        .filter(|vector| vector["stage"] == "framing" && vector["direction"] == "either")
    {
        let mut received = BytesMut::from(&unfold(&vector["hex"])[..]);
        let error = FrameCodec::new(Direction::Either).decode(&mut received).unwrap_err();
        let CodecError::Parse { error, stream_offset } = error else { panic!("{error}") };
        assert_eq!(vector["error"]["offset"], stream_offset, "{}", vector["name"]);
        assert_eq!(stream_offset, error.offset() as u64);
        seen += 1;
    }
    for vector in vectors().iter().filter(|vector| vector["stage"] == "payload") {
        let good = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
        let mut received = BytesMut::from(&[&good[..], &unfold(&vector["hex"])].concat()[..]);
        let mut codec = MessageCodec::new(Direction::Either);
        assert!(codec.decode(&mut received).unwrap().is_some());
        let CodecError::Parse { stream_offset, .. } = codec.decode(&mut received).unwrap_err()
        else {
            panic!()
        };
        assert_eq!(
            vector["error"]["offset"].as_u64().unwrap() + 8,
            stream_offset,
            "{}",
            vector["name"]
        );
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn the_family_is_that_of_the_first_frame() {
    let mut received = BytesMut::from(&b"\xCA\xFE\x01\x00\x00\x01\x02\x00\x00\x9A\x7C\x6C\x17"[..]);
    let mut codec = MessageCodec::new(Direction::ToServer);
    assert_eq!(codec.decode(&mut received).unwrap(), Some(Message::ping().into()));
    assert_eq!(codec.reader().family(), Some(Family::Echo));
    let CodecError::Parse { error, stream_offset } = codec.decode(&mut received).unwrap_err()
    else {
        panic!()
    };
    assert!(matches!(error, ParseError::FamilyChanged { .. }));
    assert_eq!(stream_offset, 5);
}

#[test]
fn an_end_within_a_frame_is_an_error() {
    let mut received = BytesMut::from(&b"\xCA\xFE\x03\x00\x05hel"[..]);
    for error in [
        FrameCodec::new(Direction::Either).decode_eof(&mut received.clone()).unwrap_err(),
        MessageCodec::new(Direction::Either).decode_eof(&mut received).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "at byte 8 of the stream: frame cut short: 10 bytes needed, 8 there"
        );
    }
}

#[test]
fn a_header_reserves_nothing() {
    let mut received = BytesMut::from(&b"\xCA\xFE\x03\xFF\xFF"[..]);
    let before = received.capacity();
    assert!(FrameCodec::new(Direction::Either).decode(&mut received).unwrap().is_none());
    assert_eq!(received.capacity(), before);
}
