//! What the adapters' errors say and lead back to: serde's, and those of the codecs.

#![cfg(any(feature = "serde", feature = "tokio-codec"))]

#[cfg(feature = "serde")]
#[test]
fn a_payload_that_is_too_long_is_told_with_its_length() {
    let with_payload = |payload: &str| {
        let text = format!(r#"{{"type":"Data","payload":{payload}}}"#);
        serde_json::from_str::<cafewire_core::echo::OwnedMessage>(&text).map_err(|error| error.to_string())
    };
    let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    assert!(with_payload(&zeros(65_535)).is_ok());
    let error = with_payload(&zeros(65_536)).expect_err("one byte too many");
    assert!(error.starts_with("invalid length 65536, expected at most 65535 bytes"), "{error}");
    let error = with_payload("true").expect_err("no bytes");
    assert!(error.starts_with("invalid type: boolean `true`, expected at most 65535 bytes"), "{error}");
}

#[cfg(feature = "tokio-codec")]
#[test]
fn a_codecs_error_leads_back_to_its_cause() {
    use std::error::Error as _;
    use std::io;

    use cafewire_core::tokio_codec::CodecError;
    use cafewire_core::{ParseError, ProtocolError};

    let source = |error: CodecError| error.source().expect("a cause").to_string();
    assert_eq!(source(io::Error::other("cable").into()), "cable");
    let error = ParseError::UnknownType { offset: 1, actual: 9 };
    assert_eq!(source(CodecError::Parse { error, stream_offset: 40 }), error.to_string());
    let error = ProtocolError::BufferTooSmall { needed: 2, available: 1 };
    assert_eq!(source(CodecError::Protocol(error)), error.to_string());
}
