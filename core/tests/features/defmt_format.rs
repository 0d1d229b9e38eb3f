//! `defmt`: every public type can be logged, and its log holds its numbers. The logger collects
//! frames in memory.

#![allow(unsafe_code)] // the contract of `defmt::Logger` is an unsafe trait

use std::sync::{Mutex, MutexGuard};

use cafewire_core::{
    Direction, ErrorCode, Family, Field, FieldError, FrameDecoder, Framing, Message,
    MessagePayload, MessageType, ParseError, ProtocolError, ProtocolParser, chat, echo,
};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// One log at a time, until its test has read it.
static TURN: Mutex<()> = Mutex::new(());

#[defmt::global_logger]
struct Collector;

// SAFETY: `log` below holds `TURN` around every log, so acquire and release pair up and never nest.
unsafe impl defmt::Logger for Collector {
    fn acquire() {}
    unsafe fn flush() {}
    unsafe fn release() {}
    unsafe fn write(bytes: &[u8]) {
        LOGGED.lock().unwrap().extend_from_slice(bytes);
    }
}

defmt::timestamp!("");

/// The log of one value. Defmt's encoder is a logger's choice and not used here, so that texts and
/// numbers stand in it as they are.
fn log(value: &impl defmt::Format) -> Vec<u8> {
    let _turn: MutexGuard<'_, ()> = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    LOGGED.lock().unwrap().clear();
    defmt::println!("{}", value);
    std::mem::take(&mut *LOGGED.lock().unwrap())
}

fn holds(logged: &[u8], number: &[u8]) -> bool {
    logged.windows(number.len()).any(|window| window == number)
}

#[test]
fn messages_are_logged_with_their_text() {
    let message = MessagePayload::SendMessage { room: "lobby", content: "hello" };
    let logged = log(&message);
    assert!(holds(&logged, b"lobby") && holds(&logged, b"hello"), "{logged:02X?}");
    assert!(holds(&log(&Message::echo(b"payload")), b"payload"));
    let mut buffer = [0; 64];
    let frame = message.encode_into(&mut buffer).unwrap();
    let view = chat::ZeroCopyMessage::parse_from_bytes(frame).unwrap();
    assert!(holds(&log(&view), b"lobbyhello"));
    assert!(holds(&log(&Framing::of(frame)), b"lobbyhello"));
    let echo = echo::ZeroCopyMessage { message_type: echo::MessageType::Echo, payload: b"view" };
    assert!(holds(&log(&echo), b"view"));
}

#[test]
fn errors_are_logged_with_their_numbers() {
    let error =
        ParseError::ChecksumMismatch { offset: 4, expected: 0x1122_3344, actual: 0x5566_7788 };
    let logged = log(&error);
    assert!(
        holds(&logged, &0x1122_3344_u32.to_le_bytes())
            && holds(&logged, &0x5566_7788_u32.to_le_bytes())
    );
    let inner = FieldError::Length { field: Field::Content, actual: 0x0BAD, min: 1, max: 512 };
    assert!(holds(&log(&ProtocolError::InvalidField(inner)), &0x0BAD_u16.to_le_bytes()));
    assert!(holds(&log(&ErrorCode::Unknown(0xBEEF)), &0xBEEF_u16.to_le_bytes()));
}

#[test]
fn the_rest_is_logged_too() {
    let values: [&dyn Fn() -> Vec<u8>; 6] = [
        &|| log(&MessageType::Connect),
        &|| log(&echo::MessageType::Ping),
        &|| log(&Family::Echo),
        &|| log(&Direction::Either),
        &|| log(&FrameDecoder::new(Direction::Either)),
        &|| log(&ProtocolParser::<16>::new()),
    ];
    for value in values {
        assert!(!value().is_empty());
    }
    let mut parser = ProtocolParser::<16>::new();
    assert_eq!(parser.feed(&[0; 16]), 16);
    assert!(parser.try_parse().is_err());
    assert_eq!(parser.try_parse(), Ok(None));
    assert!(holds(&log(&parser), &16_u64.to_le_bytes()), "what it skipped");
    #[cfg(feature = "alloc")]
    assert!(holds(&log(&cafewire_core::OwnedMessage::from(Message::echo(b"owned"))), b"owned"));
    #[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
    assert!(!log(&cafewire_core::io::WriteError::<u8>::WriteZero).is_empty());
}
