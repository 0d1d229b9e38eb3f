//! What the two halves hold to, and the keys of the worked example.

use super::*;
use crate::chat::v2::{Capabilities, SEAL_SIZE, Terms, ZeroCopyMessage};

/// An unsealed Disconnect.
const FRAME: [u8; 12] = *b"\x02\x02\x00\x04\x00\xBC\x00\x00\x89\x5C\x68\x89";
const SEALED_SIZE: usize = FRAME.len() + SEAL_SIZE;

fn keys() -> SessionKeys {
    let agreement = Agreement {
        asked: Capabilities::SIGN,
        granted: Capabilities::SIGN,
        client_nonce: core::array::from_fn(|index| 0x10 + u8::try_from(index).unwrap()),
        server_nonce: core::array::from_fn(|index| 0x20 + u8::try_from(index).unwrap()),
        username: "ada",
    };
    let key: [u8; 32] = core::array::from_fn(|index| u8::try_from(index).unwrap());
    SessionKeys::derive(&Key::new(&key).unwrap(), &agreement)
}

fn unsealed() -> [u8; SEALED_SIZE] {
    let mut buffer = [0; SEALED_SIZE];
    buffer[..FRAME.len()].copy_from_slice(&FRAME);
    buffer
}

fn view(bytes: &[u8]) -> ZeroCopyMessage<'_> {
    ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).unwrap()
}

#[test]
fn a_frame_is_sealed_to_the_same_bytes_until_it_is_sent() {
    let (mut sealer, _) = keys().for_client();
    let (mut first, mut second) = (unsealed(), unsealed());
    let first = sealer.seal_ahead(0, &mut first, FRAME.len()).unwrap();
    let second = sealer.seal_ahead(1, &mut second, FRAME.len()).unwrap();
    assert_ne!(first, second);
    assert_eq!(sealer.counter(), 0);
    let mut again = unsealed();
    assert_eq!(sealer.seal_ahead(0, &mut again, FRAME.len()).unwrap(), first);
    sealer.advance(1).unwrap();
    let mut again = unsealed();
    assert_eq!(sealer.seal_ahead(0, &mut again, FRAME.len()).unwrap(), second);
    let mut again = unsealed();
    assert_eq!(sealer.seal(&mut again, FRAME.len()).unwrap(), second);
    assert_eq!(sealer.counter(), 2);
    let (_, mut opener) = keys().for_server();
    assert_eq!((opener.open(&view(first)), opener.open(&view(second))), (Ok(0), Ok(1)));
}

#[test]
fn what_is_no_unsealed_frame_is_not_sealed_and_not_touched() {
    let (mut sealer, _) = keys().for_client();
    let sealed = sealer.seal(&mut unsealed(), FRAME.len()).unwrap().to_vec();
    let mut too_long = std::vec![0; 65_543];
    let header = crate::chat::v2::Header {
        type_code: 3,
        length: u16::MAX - 23,
        flags: crate::chat::v2::Flags::NONE,
        request: 0,
    };
    too_long[..8].copy_from_slice(&header.to_bytes());
    let mut damaged = unsealed();
    damaged[3] ^= 1;
    for (mut buffer, frame_size) in [
        (sealed.clone(), sealed.len()),
        (unsealed().to_vec(), FRAME.len() - 1),
        (unsealed().to_vec(), FRAME.len() + 1),
        (FRAME[..11].to_vec(), FRAME.len()),
        (damaged.to_vec(), FRAME.len()),
        (too_long, header.frame_size()),
        (std::vec![], 0),
        (std::vec![2], usize::MAX),
    ] {
        let before = buffer.clone();
        assert_eq!(sealer.seal(&mut buffer, frame_size), Err(SealError::NotAFrame));
        assert_eq!(buffer, before);
    }
    for available in FRAME.len()..SEALED_SIZE {
        let mut buffer = unsealed();
        let error = SealError::BufferTooSmall { needed: SEALED_SIZE, available };
        assert_eq!(sealer.seal(&mut buffer[..available], FRAME.len()), Err(error));
        assert_eq!(buffer, unsealed());
    }
    assert_eq!(sealer.counter(), 1);
}

#[test]
fn numbers_end_before_they_wrap() {
    let (mut sealer, _) = keys().for_client();
    sealer.advance(u64::MAX - 1).unwrap();
    assert!(sealer.seal(&mut unsealed(), FRAME.len()).is_ok());
    assert_eq!(sealer.seal(&mut unsealed(), FRAME.len()), Err(SealError::Exhausted));
    assert_eq!(sealer.advance(1), Err(SealError::Exhausted));
    assert_eq!(sealer.counter(), u64::MAX);
}

#[test]
fn an_opener_that_refused_a_frame_takes_no_other() {
    let (mut sealer, _) = keys().for_client();
    let (mut first, mut second) = (unsealed(), unsealed());
    let first = sealer.seal(&mut first, FRAME.len()).unwrap();
    let second = sealer.seal(&mut second, FRAME.len()).unwrap();
    for (frame, error) in [
        (&FRAME[..], OpenError::NotSealed),
        (second, OpenError::FrameLost { expected: 0, actual: 1 }),
    ] {
        let (_, mut opener) = keys().for_server();
        assert_eq!(opener.open(&view(frame)), Err(error));
        assert!(opener.has_ended());
        assert_eq!(opener.open(&view(first)), Err(OpenError::Ended));
        assert_eq!(opener.open(&view(&FRAME)), Err(OpenError::Ended));
    }
}

#[test]
fn one_direction_does_not_open_what_the_other_sealed() {
    let (mut client, mut from_server) = keys().for_client();
    let (mut server, _) = keys().for_server();
    let mut buffer = unsealed();
    let own = client.seal(&mut buffer, FRAME.len()).unwrap();
    assert_eq!(from_server.open(&view(own)), Err(OpenError::WrongTag));
    let mut buffer = unsealed();
    let foreign = server.seal(&mut buffer, FRAME.len()).unwrap();
    let (mut from_client, mut from_server) = keys().for_observer();
    assert_eq!((from_client.open(&view(own)), from_server.open(&view(foreign))), (Ok(0), Ok(0)));
}

#[test]
fn nothing_secret_is_shown() {
    let key = Key::new(&[0x5A; 32]).unwrap();
    let (sealer, opener) = keys().for_client();
    let shown = std::format!("{key:?} {:?} {sealer:?} {opener:?}", keys());
    assert_eq!(
        shown,
        "Key(..) SessionKeys(..) Sealer { counter: 0, .. } \
         Opener { counter: 0, has_ended: false, .. }"
    );
}
