//! The frames of `vectors/vectors.json`, for the tests of the features.

#![allow(dead_code)] // each set of features uses some of it

use cafewire_core::{Frame, Framing};
use serde_json::Value;

static VECTORS: &str = include_str!("../../vectors/vectors.json");

pub(crate) fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

/// The vectors that are good frames, with their bytes.
pub(crate) fn good() -> Vec<(Value, Vec<u8>)> {
    let is_good = |vector: &Value| !vector["message"].is_null();
    vectors()
        .into_iter()
        .filter(is_good)
        .map(|vector| (vector.clone(), unfold(&vector["hex"])))
        .collect()
}

/// The bytes of all good frames of one family.
pub(crate) fn good_of(family: &str) -> Vec<Vec<u8>> {
    good()
        .into_iter()
        .filter(|(vector, _)| vector["family"] == family)
        .map(|(_, bytes)| bytes)
        .collect()
}

pub(crate) fn frame(bytes: &[u8]) -> Frame<'_> {
    let Framing::Frame { frame, consumed } = Framing::of(bytes) else { panic!("{bytes:02X?}") };
    assert_eq!(consumed, bytes.len());
    frame
}

/// The frame's bytes again.
pub(crate) fn bytes_of(frame: Frame<'_>) -> Vec<u8> {
    let mut buffer = vec![0; 65_540];
    let encoded = match frame {
        Frame::Echo(view) => view.encode_into(&mut buffer),
        Frame::Chat(view) => view.encode_into(&mut buffer),
    };
    encoded.unwrap().to_vec()
}

/// `vectors/README.md`, "Bytes".
pub(crate) fn unfold(text: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for group in text.as_str().unwrap().split_whitespace() {
        let (digits, times) = group.split_once('*').unwrap_or((group, "1"));
        let pairs = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        bytes.extend(pairs.collect::<Vec<_>>().repeat(times.parse().unwrap()));
    }
    bytes
}
