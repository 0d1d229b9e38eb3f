//! `lz4`: the payloads of `vectors/compressed.json`, whose blocks were made and judged by a reading
//! of the LZ4 block format of its own, and what holds for every payload.

use cafewire_core::chat::v2::{
    CompressError, Flags, Header, InflateError, compress, compress_buffer_size, inflate,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::corpus::unfold;

static COMPRESSED: &str = include_str!("../../vectors/compressed.json");

fn payloads() -> Vec<Value> {
    serde_json::from_str(COMPRESSED).unwrap()
}

fn plain(type_code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).unwrap();
    let header = Header { type_code, length, flags: Flags::NONE, request: 3 };
    let covered = [&header.to_bytes()[..], payload].concat();
    let sum = crc32fast::hash(&covered).to_be_bytes();
    [&covered[..], &sum].concat()
}

const PAYLOAD_MAX: u16 = 4225;

#[test]
fn payloads_inflate_to_what_the_vectors_say_or_are_refused() {
    let (mut good, mut bad) = (0, 0);
    for case in payloads() {
        let what = case["name"].as_str().unwrap();
        let bound = |member: &str| u16::try_from(case[member].as_u64().unwrap()).unwrap();
        let range = (bound("min"), bound("max"));
        let payload = unfold(&case["payload"]);
        let mut scratch = vec![0xA5; usize::from(PAYLOAD_MAX)];
        let inflated = inflate(&payload, range, &mut scratch).map(<[u8]>::to_vec);
        let wanted = case["refused"].as_str();
        let reason = match &inflated {
            Ok(bytes) => {
                assert_eq!(*bytes, unfold(&case["inflated"]), "{what}");
                None
            }
            Err(InflateError::NoBlock) => Some("NoBlock"),
            Err(InflateError::LengthOutOfRange { .. }) => Some("LengthOutOfRange"),
            Err(InflateError::NotShorter { .. }) => Some("NotShorter"),
            Err(InflateError::BadBlock { .. }) => Some("BadBlock"),
            Err(other) => panic!("{what}: {other:?}"),
        };
        assert_eq!(reason, wanted, "{what}");
        match inflated {
            Ok(_) => good += 1,
            Err(error) => {
                bad += 1;
                assert_eq!(error.code().to_wire(), 1, "{what}");
            }
        }
        // Whatever the block says, nothing is written behind the length.
        let length = payload.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
        let behind = scratch.iter().skip(usize::from(length));
        assert!(behind.clone().all(|&byte| byte == 0xA5), "{what}: wrote past the length");
    }
    assert!(good >= 10 && bad >= 25, "{good} good, {bad} bad");
}

#[test]
fn a_scratch_that_is_too_small_is_named_and_not_written() {
    let case = &payloads()[0];
    let (payload, size) = (unfold(&case["payload"]), unfold(&case["inflated"]).len());
    for available in 0..size {
        let mut scratch = vec![0xA5; available];
        let error = InflateError::ScratchTooSmall { needed: size, available };
        assert_eq!(inflate(&payload, (0, PAYLOAD_MAX), &mut scratch), Err(error));
        assert!(scratch.iter().all(|&byte| byte == 0xA5));
    }
    assert!(inflate(&payload, (0, PAYLOAD_MAX), &mut vec![0; size]).is_ok());
}

#[test]
fn what_is_not_shorter_or_never_compressed_stays_as_it_is() {
    let mut buffer = vec![0; compress_buffer_size(600)];
    for payload in [&b""[..], b"hi", b"\x05lobbyabcdefghijklmnopqrstuvwxyz"] {
        assert_eq!(compress(&plain(0x03, payload), &mut buffer), Ok(None));
    }
    let same = [b'x'; 500];
    for type_code in [0x01, 0x0A, 0x81, 0x8A] {
        assert_eq!(compress(&plain(type_code, &same), &mut buffer), Ok(None));
    }
    let compressed = compress(&plain(0x03, &same), &mut buffer).unwrap();
    assert!(compressed.is_some_and(|frame| frame.len() < 40));
}

#[test]
fn a_buffer_of_less_than_the_compressor_wants_is_refused() {
    let frame = plain(0x03, &[b'x'; 500]);
    let needed = compress_buffer_size(frame.len());
    let error = CompressError::BufferTooSmall { needed, available: needed - 1 };
    assert_eq!(compress(&frame, &mut vec![0; needed - 1]), Err(error));
    for bad in [&b""[..], b"\x02\x03", &frame[..frame.len() - 1]] {
        assert_eq!(compress(bad, &mut vec![0; needed]), Err(CompressError::NotAFrame));
    }
    let mut flagged = frame;
    flagged[4] = Flags::COMPRESSED.bits();
    assert_eq!(compress(&flagged, &mut vec![0; needed]), Err(CompressError::NotAFrame));
}

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    let word = prop::sample::select(vec!["tea", "café ", "🦀", "\n", "a"]);
    prop::collection::vec(word, 0..700)
}

proptest! {
    #[test]
    fn what_is_compressed_inflates_to_what_it_was(
        words in words(),
        request: u16,
    ) {
        let mut payload = words.concat().into_bytes();
        payload.truncate(usize::from(PAYLOAD_MAX));
        let mut frame = plain(0x03, &payload);
        frame[6..8].copy_from_slice(&request.to_be_bytes());
        let mut buffer = vec![0; compress_buffer_size(frame.len())];
        let Some(compressed) = compress(&frame, &mut buffer).unwrap() else { return Ok(()) };
        let header = Header::parse(compressed).unwrap();
        prop_assert_eq!((header.type_code, header.request), (0x03, request));
        prop_assert_eq!((header.flags, header.frame_size()), (Flags::COMPRESSED, compressed.len()));
        prop_assert!(compressed.len() < frame.len());
        let (covered, sum) = compressed.split_last_chunk().unwrap();
        prop_assert_eq!(crc32fast::hash(covered).to_be_bytes(), *sum);
        let mut scratch = vec![0; payload.len()];
        let inflated = inflate(&covered[8..], (1, PAYLOAD_MAX), &mut scratch);
        prop_assert_eq!(inflated, Ok(&payload[..]));
    }

    #[test]
    fn no_bytes_panic_and_none_pass_the_bound(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        original in 0_u16..300,
        max in 0_u16..300,
    ) {
        let payload = [&original.to_be_bytes()[..], &payload].concat();
        let mut scratch = [0xA5; 400];
        if let Ok(inflated) = inflate(&payload, (0, max), &mut scratch) {
            prop_assert!(inflated.len() == usize::from(original) && original <= max);
            prop_assert!(payload.len() < inflated.len());
        }
        let behind = scratch.iter().skip(original.min(max).into());
        prop_assert!(behind.clone().all(|&byte| byte == 0xA5));
    }
}
