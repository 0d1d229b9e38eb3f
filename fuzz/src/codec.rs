//! Target `codec`: a stream with pauses, through the codecs of tokio-util's `Framed`, compared with
//! one pass over each of its bursts (`ResyncCodec`) or over all of it (`FrameCodec`).

use bytes::BytesMut;
use cafewire_core::tokio_codec::{CodecError, FrameCodec, LineEvent, ResyncCodec};
use cafewire_core::{Direction, Family, FrameDecoder, Framing, HEADER_SIZE};
use tokio_util::codec::Decoder;

use crate::burst::{Bursts, Step};
use crate::reference::{self, line::Line};
use crate::translate;

/// The input is a [`Bursts`].
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let Some(bursts) = Bursts::new(data)? else { return Ok(()) };
    let heard = hear(&bursts);
    assert_eq!(heard, bursts.expected(), "what is pending in a silence is decided");
    connection(&bursts);
    Ok(())
}

fn hear(bursts: &Bursts) -> Line {
    let limit = bursts.listening.frame_size_max();
    let direction = translate::direction(bursts.listening.direction);
    let mut codec = match bursts.listening.family {
        None => ResyncCodec::new(limit),
        Some(reference::Family::Echo) => ResyncCodec::for_family(Family::Echo, direction, limit),
        Some(reference::Family::Chat) => ResyncCodec::for_family(Family::ChatV1, direction, limit),
    };
    let mut line = Line::default();
    let (mut received, mut given, mut frames_bytes, mut errors) = (BytesMut::new(), 0, 0, 0);
    let end = [Step::Silence];
    for (index, step) in bursts.steps.iter().chain(&end).enumerate() {
        let is_end = index == bursts.steps.len();
        match step {
            Step::Bytes(bytes) => {
                received.extend_from_slice(bytes);
                given += bytes.len();
            }
            // The canary forgets what is pending instead.
            Step::Silence if cfg!(feature = "canary-codec") && !is_end => received.clear(),
            _ => {}
        }
        loop {
            let event = match step {
                Step::Silence => codec.decode_eof(&mut received),
                _ => codec.decode(&mut received),
            };
            match event.expect("noise is no error") {
                Some(LineEvent::Frame(frame)) => {
                    let frame = translate::frame(frame.as_frame());
                    let at = codec.skipped_bytes() as usize + frames_bytes;
                    frames_bytes += frame.size_bytes();
                    line.frames.push((at, frame));
                }
                Some(_) => errors += 1,
                None => break,
            }
        }
        assert_eq!(errors, codec.losses(), "each loss is told once");
        assert!(received.len() < limit, "what waits for more bytes leaves room for one");
        if !cfg!(feature = "canary-codec") {
            let bytes = frames_bytes + codec.skipped_bytes() as usize + received.len();
            assert_eq!(bytes, given, "every byte is framed, skipped or pending");
        }
    }
    assert!(received.is_empty(), "the end decides all of it");
    Line { skipped_bytes: codec.skipped_bytes(), losses: codec.losses(), ..line }
}

/// A connection's codec gives the frames and the error that one pass gives, and holds nothing after
/// that.
fn connection(bursts: &Bursts) {
    let direction = Direction::ToServer;
    let (mut expected, mut decoder, mut rest) =
        (Vec::new(), FrameDecoder::new(direction), &bursts.stream[..]);
    let error = loop {
        match decoder.next_frame(rest) {
            Framing::Frame { frame, consumed } => {
                expected.push(translate::frame(frame));
                rest = &rest[consumed..];
            }
            Framing::Incomplete { .. } => break None,
            Framing::Corrupt { error } => break Some(error),
        }
    };
    let (mut codec, mut received, mut frames) =
        (FrameCodec::new(direction), BytesMut::new(), Vec::new());
    let mut refused = None;
    for step in &bursts.steps {
        let Step::Bytes(bytes) = step else { continue };
        received.extend_from_slice(bytes);
        loop {
            match codec.decode(&mut received) {
                Ok(Some(frame)) => frames.push(translate::frame(frame.as_frame())),
                Ok(None) => break,
                Err(CodecError::Parse { error, .. }) => {
                    assert!(received.is_empty(), "nothing is held after an error");
                    assert!(refused.is_none_or(|before| before == error), "the same error");
                    refused = Some(error);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(frames, expected);
    match refused {
        Some(_) => assert_eq!(refused, error),
        // A header that is cut is not looked at again before it is whole.
        None => assert!(received == rest && (error.is_none() || rest.len() < HEADER_SIZE)),
    }
}
