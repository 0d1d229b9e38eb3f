//! Messages and sources of the adapters' errors: serde's, and those of the codecs and the ports.

#![cfg(any(
    feature = "serde",
    feature = "tokio-codec",
    feature = "embedded-io",
    feature = "embedded-io-async"
))]

#[cfg(all(feature = "serde", feature = "alloc"))]
#[test]
fn a_payload_that_is_too_long_is_told_with_its_length() {
    let with_payload = |payload: &str| {
        let text = format!(r#"{{"type":"Data","payload":{payload}}}"#);
        serde_json::from_str::<cafewire_core::echo::OwnedMessage>(&text)
            .map_err(|error| error.to_string())
    };
    let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
    assert!(with_payload(&zeros(65_535)).is_ok());
    let error = with_payload(&zeros(65_536)).expect_err("one byte too many");
    assert!(error.starts_with("invalid length 65536, expected at most 65535 bytes"), "{error}");
    let error = with_payload("true").expect_err("no bytes");
    assert!(
        error.starts_with("invalid type: boolean `true`, expected at most 65535 bytes"),
        "{error}"
    );
}

#[cfg(feature = "tokio-codec")]
#[test]
fn a_codecs_error_leads_back_to_its_cause() {
    use std::error::Error as _;
    use std::io;

    use cafewire_core::tokio_codec::CodecError;
    use cafewire_core::{ParseError, ProtocolError};

    let source = |error: CodecError| error.source().expect("a cause").to_string();
    let failed = || CodecError::from(io::Error::other("cable"));
    assert_eq!(failed().to_string(), "the connection failed: cable");
    assert_eq!(source(failed()), "cable");
    let error = ParseError::UnknownType { offset: 1, actual: 9 };
    assert_eq!(source(CodecError::Parse { error, stream_offset: 40 }), error.to_string());
    let error = ProtocolError::BufferTooSmall { needed: 2, available: 1 };
    assert_eq!(source(CodecError::Protocol(error)), error.to_string());
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
#[test]
fn a_ports_error_says_what_happened_and_leads_back_to_its_cause() {
    use std::error::Error as _;

    use cafewire_core::io::{ReadError, ResyncError, WriteError};
    use cafewire_core::{FieldError, ParseError};

    // Any error will do for a port's.
    type PortError = FieldError;
    let port =
        PortError::Length { field: cafewire_core::Field::Content, actual: 0, min: 1, max: 512 };

    let error: ReadError<PortError> = ReadError::Io(port);
    assert_eq!(error.to_string(), format!("the port failed: {port}"));
    assert_eq!(error.source().expect("a cause").to_string(), port.to_string());
    let cause = ParseError::UnknownType { offset: 1, actual: 9 };
    let error: ReadError<PortError> = ReadError::Parse { error: cause, stream_offset: 40 };
    assert_eq!(error.to_string(), format!("at byte 40 of the stream: {cause}"));
    assert_eq!(error.source().expect("a cause").to_string(), cause.to_string());
    let error: ReadError<PortError> = ReadError::FrameTooLarge { needed: 30, available: 16 };
    assert_eq!(error.to_string(), "the frame needs 30 bytes or more, the receive buffer has 16");
    assert!(error.source().is_none());

    let error: ResyncError<PortError> = ResyncError::Io(port);
    assert_eq!(error.to_string(), format!("the port failed: {port}"));
    assert_eq!(error.source().expect("a cause").to_string(), port.to_string());
    let error: ResyncError<PortError> = ResyncError::Noise(cause);
    assert_eq!(error.to_string(), format!("noise on the line: {cause}"));
    assert_eq!(error.source().expect("a cause").to_string(), cause.to_string());

    let error = WriteError::Io(port);
    assert_eq!(error.to_string(), format!("the port failed: {port}"));
    assert_eq!(error.source().expect("a cause").to_string(), port.to_string());
    let error: WriteError<PortError> = WriteError::WriteZero;
    assert_eq!(error.to_string(), "the port took no byte and did not say why");
    assert!(error.source().is_none());
}
