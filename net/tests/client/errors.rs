//! The sentences of the errors.

use std::error::Error as _;
use std::io;

use cafewire_core::{ErrorCode, FieldError, MessagePayload, ParseError};
use cafewire_net::{Address, ClientError};

#[test]
fn every_error_is_one_plain_sentence() {
    let too_short: FieldError = MessagePayload::Connect { username: "" }.validate().unwrap_err();
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    for (error, sentence) in [
        (
            ClientError::Connect { address: Address::default(), source: refused },
            "cannot connect to tcp://127.0.0.1:8080: connection refused: \
             no program listens there; is the server running?",
        ),
        (ClientError::Io(io::ErrorKind::BrokenPipe.into()), "the connection failed: broken pipe"),
        (ClientError::TimedOut, "the server did not answer within the time-out"),
        (ClientError::Closed, "the server closed the connection"),
        (
            ClientError::Corrupt {
                error: ParseError::BadMagic { offset: 1, expected: 0xFE, actual: 0 },
                stream_offset: 8,
            },
            "byte 8 from the server is not the protocol; in its frame: \
             bad magic at byte 1: 0x00 where 0xfe belongs",
        ),
        (
            ClientError::Corrupt {
                error: ParseError::UnsupportedVersion { offset: 0, actual: b'H' },
                stream_offset: 0,
            },
            "what answers there does not speak this protocol: \
             byte 0 is 0x48: neither the echo magic 0xca nor chat version 0x01 or 0x02",
        ),
        (
            ClientError::Corrupt {
                error: ParseError::UnsupportedVersion { offset: 0, actual: 0x15 },
                stream_offset: 0,
            },
            "what answers there does not speak this protocol: \
             byte 0 is 0x15: neither the echo magic 0xca nor chat version 0x01 or 0x02; \
             that is how TLS answers, whose addresses begin with tls://",
        ),
        (
            ClientError::Corrupt {
                error: ParseError::Truncated { needed: 7, available: 6 },
                stream_offset: 20,
            },
            "the connection ended in the middle of a frame, after 20 bytes: \
             the frame needs at least 7, 6 came",
        ),
        (
            ClientError::Encode(too_short.into()),
            "this cannot be sent: username is 0 bytes long, 1 to 32 are allowed",
        ),
        (
            ClientError::Refused {
                code: ErrorCode::UsernameTaken,
                message: "ada is here".to_owned(),
            },
            "the server refused: UsernameTaken (10): ada is here",
        ),
        (ClientError::ServerError("no".to_owned()), "the server reports an error: no"),
        (
            ClientError::Unexpected { awaited: "ConnectAck", received: "UserLeft" },
            "the server sent UserLeft where ConnectAck was due",
        ),
        (
            ClientError::TooManyEvents { limit: 3 },
            "3 events wait to be taken: take them before asking the server for more",
        ),
    ] {
        assert_eq!(error.to_string(), sentence);
        if let Some(source) = error.source() {
            assert!(
                sentence.contains(&source.to_string()) || sentence.contains("middle of a frame"),
                "the sentence holds its cause"
            );
        }
    }
}
