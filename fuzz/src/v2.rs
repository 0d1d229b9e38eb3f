//! Any bytes as a line of frames of chat version 2, under the terms of any session, compared with
//! the reference. Format of the input: two bytes of options, then the line.
//!
//! | byte | bits | meaning |
//! |---|---|---|
//! | 0 | 0 | put checks and checksums right, frame after frame |
//! | 0 | 1, 2 | direction: 1 to the server, 2 to the client, else either |
//! | 0 | 3, 4 | 0 not known, 1 before the sign-in, 2 after a Challenge, 3 signed in |
//! | 1 | all | the capabilities that were granted |

use cafewire_core::chat::v2::{
    Capabilities, Flags, FrameDecoder, Framing, MessagePayload, Terms, ZeroCopyMessage,
};
use cafewire_core::dissect;

use crate::checks::UNTOUCHED;
use crate::reference::v2::{self, Outcome, Session};
use crate::reference::{Direction, crc32};
use crate::translate;

pub(crate) fn check(data: &[u8]) -> Option<()> {
    let ([options, granted], line) = data.split_first_chunk()?;
    let mut line = line.to_vec();
    if options & 1 != 0 {
        fix(&mut line);
    }
    let direction = match options >> 1 & 3 {
        1 => Direction::ToServer,
        2 => Direction::ToClient,
        _ => Direction::Either,
    };
    let granted = Capabilities::from_bits(u16::from(*granted));
    let (terms, session) = session(options >> 3 & 3, granted);
    let mut decoder = FrameDecoder::new(translate::direction(direction), terms);
    let mut rest = &line[..];
    while !rest.is_empty() {
        let framing = decoder.next_frame(rest);
        let expected = v2::first_frame(rest, direction, session);
        let done = match (framing, expected) {
            (
                Framing::Frame { frame, consumed },
                Outcome::Frame { size, request, payload_end, fault },
            ) => {
                assert_eq!((consumed, frame.header().request), (size, request));
                assert_eq!(frame.payload(), &rest[8..payload_end]);
                sealed_as_it_stands(frame, &rest[..size]);
                read_as_expected(frame, &rest[..size], fault);
                cut_anywhere(&rest[..size], terms);
                consumed
            }
            (Framing::Incomplete { needed }, Outcome::Incomplete(missing)) => {
                assert_eq!(needed, missing);
                break;
            }
            (Framing::Corrupt { error }, Outcome::Corrupt(at, code)) => {
                assert_eq!((error.offset(), error.code().to_wire()), (at, code), "{error}");
                let skipped = decoder.skip(rest, &error);
                assert_eq!(skipped, v2::skipped(rest, at, code), "bytes passed over");
                skipped
            }
            (framing, expected) => panic!("{framing:?} where {expected:?} was expected"),
        };
        rest = &rest[done..];
        assert_eq!(decoder.stream_offset(), (line.len() - rest.len()) as u64);
    }
    Some(())
}

fn session(at: u8, granted: Capabilities) -> (Terms, Session) {
    let has = |capability| granted.contains(capability);
    let early = Session { is_early: true, allowed: 0, required: 0, is_small: false };
    match at {
        0 => (Terms::UNKNOWN, Session { is_early: false, allowed: 3, ..early }),
        1 => (Terms::BEFORE_SIGN_IN, early),
        2 => (Terms::CHALLENGED, Session { allowed: 2, ..early }),
        _ => {
            let seal = if has(Capabilities::SIGN) { 2 } else { 0 };
            let compress = u8::from(has(Capabilities::COMPRESS));
            let is_small = has(Capabilities::SMALL);
            let allowed = seal | compress;
            let session = Session { is_early: false, allowed, required: seal, is_small };
            (Terms::signed_in(granted), session)
        }
    }
}

fn sealed_as_it_stands(frame: ZeroCopyMessage<'_>, bytes: &[u8]) {
    let Some(seal) = frame.seal() else {
        assert!(!frame.header().flags.contains(Flags::SEALED));
        return;
    };
    let end = bytes.len() - 4;
    assert_eq!((seal.signed, &seal.tag[..]), (&bytes[..end - 16], &bytes[end - 16..end]));
    assert_eq!(seal.counter.to_be_bytes(), bytes[end - 24..end - 16]);
}

/// The same fault, or the message whose encoding this is.
fn read_as_expected(frame: ZeroCopyMessage<'_>, bytes: &[u8], fault: Option<(usize, u16)>) {
    let shown: usize = dissect::fields(bytes).map(|field| field.bytes.len()).sum();
    if frame.header().flags.contains(Flags::COMPRESSED) {
        assert!(frame.parse_payload().is_err());
        assert_eq!(shown, bytes.len());
        return;
    }
    let message = match frame.parse_payload() {
        Ok(message) => message,
        Err(error) => {
            let found = (error.offset(), error.code().to_wire());
            return assert_eq!(Some(found), fault, "{error}");
        }
    };
    assert_eq!(fault, None, "{message:?}");
    assert_eq!(shown, bytes.len(), "every byte is a field's");
    assert_eq!(MessagePayload::parse(frame.message_type(), frame.payload()), Ok(message));
    let mut buffer = vec![UNTOUCHED; message.encoded_len() + 1];
    let request = frame.header().request;
    let written = message.encode_into(request, &mut buffer).expect("it was read").to_vec();
    assert_eq!(written[8..written.len() - 4], *frame.payload(), "another encoding");
    if frame.seal().is_none() {
        assert_eq!(written, bytes);
    }
    assert_eq!(buffer.last(), Some(&UNTOUCHED));
    let mut buffer = vec![UNTOUCHED; written.len() - 1];
    assert!(message.encode_into(request, &mut buffer).is_err());
    assert!(buffer.iter().all(|&byte| byte == UNTOUCHED), "half-written");
}

fn cut_anywhere(bytes: &[u8], terms: Terms) {
    for end in (0..bytes.len()).filter(|&end| end < 40 || end + 4 > bytes.len()) {
        let needed = if end < 6 { 8 - end } else { bytes.len() - end };
        let framing = Framing::of(&bytes[..end], cafewire_core::Direction::Either, terms);
        assert_eq!(framing, Framing::Incomplete { needed });
    }
}

/// Walks over frames by their lengths alone, and corrects check and checksum of each.
fn fix(line: &mut [u8]) {
    let mut rest = line;
    while rest.len() >= 6 && rest[0] == 2 {
        rest[5] = v2::crc8(&rest[..5]);
        let size = 8 + (usize::from(rest[2]) << 8 | usize::from(rest[3]));
        if size < 12 || size > rest.len() {
            return;
        }
        let (frame, after) = rest.split_at_mut(size);
        let (summed, checksum) = frame.split_at_mut(size - 4);
        checksum.copy_from_slice(&crc32(summed).to_be_bytes());
        rest = after;
    }
}
