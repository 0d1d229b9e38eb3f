//! The codecs in tokio-util's `Framed`: what comes out after an error, of noise and of silence, and
//! how much is held.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use cafewire_core::tokio_codec::{
    CodecError, FrameCodec, LineEvent, MessageCodec, OwnedFrame, ResyncCodec,
};
use cafewire_core::{
    Direction, Family, Message, MessagePayload, OwnedMessage, ParseError, ProtocolParser, chat,
};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{Decoder, Encoder as _, Framed, FramedRead};

use crate::corpus::{bytes_of, good_of};

const PING: &[u8] = b"\xCA\xFE\x01\x00\x00";
const DISCONNECT: &[u8] = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
/// A Connect with a name of no bytes, in a good frame.
const NAMELESS: &[u8] = b"\x01\x01\x00\x01\x00\x5A\xE5\x88\x89";
const CUT_AND_DISCONNECT: &[u8] = b"\x01\x01\x00\x20\x01\x02\x00\x00\x9A\x7C\x6C\x17";

/// Gives these pieces, an empty one as an end, and then waits for ever.
struct Line(VecDeque<Vec<u8>>);

impl Line {
    fn new<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> Self {
        Self(pieces.into_iter().map(|piece| piece.as_ref().to_vec()).collect())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.0.pop_front() else { return Poll::Pending };
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            self.0.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

/// What a stream gives now; `None` if it waits.
fn now<C: Decoder>(line: &mut FramedRead<Line, C>) -> Option<Option<Result<C::Item, C::Error>>> {
    line.next().now_or_never()
}

fn parse_error<T: std::fmt::Debug>(item: Result<T, CodecError>) -> (ParseError, u64) {
    match item {
        Err(CodecError::Parse { error, stream_offset }) => (error, stream_offset),
        other => panic!("{other:?}"),
    }
}

fn nothing_is_held_after_corrupt<C: Decoder<Error = CodecError>>(codec: C)
where
    C::Item: std::fmt::Debug,
{
    // A good frame, bytes that are none, and then 1 MiB, of good frames even.
    let later = PING.repeat(4096 / PING.len());
    let mut pieces = vec![[PING, b"GET / HTTP/1.1"].concat()];
    pieces.extend(std::iter::repeat_n(later, 256));
    pieces.push(Vec::new());
    let mut line = FramedRead::new(Line::new(pieces), codec);
    assert!(matches!(now(&mut line), Some(Some(Ok(_)))));
    let (mut errors, mut ends) = (0, 0);
    while let Some(item) = now(&mut line) {
        assert_eq!(line.read_buffer().len(), 0);
        match item {
            Some(error) => {
                let error = parse_error(error);
                let expected = ParseError::BadMagic { offset: 0, expected: 0xCA, actual: b'G' };
                assert_eq!(error, (expected, PING.len() as u64));
                (errors, ends) = (errors + 1, 0);
            }
            None if ends == 1 => break,
            None => ends += 1,
        }
    }
    // One for each read at most: the bytes, those that follow, the end.
    assert!((2..=300).contains(&errors), "{errors}");
    assert!(line.read_buffer().capacity() <= 16 << 10, "{}", line.read_buffer().capacity());
}

#[test]
fn after_bytes_that_are_no_frame_the_same_error_comes_and_nothing_is_held() {
    nothing_is_held_after_corrupt(FrameCodec::new(Direction::ToServer));
    nothing_is_held_after_corrupt(MessageCodec::new(Direction::ToServer));
}

#[test]
fn framed_gives_an_error_then_none_then_goes_on_and_reads_first() {
    let pieces = [[NAMELESS, DISCONNECT].concat(), PING[..0].to_vec()];
    // MessageCodec: the good message behind the bad one waits for a read, here of an end.
    let mut line = FramedRead::new(Line::new(&pieces[..1]), MessageCodec::new(Direction::ToServer));
    assert!(matches!(
        parse_error(now(&mut line).unwrap().unwrap()).0,
        ParseError::InvalidField { .. }
    ));
    assert!(now(&mut line).unwrap().is_none());
    assert!(now(&mut line).is_none(), "it is in the buffer, and comes with the next read");
    assert_eq!(line.read_buffer(), DISCONNECT);
    line.get_mut().0.extend([pieces[1].clone()]);
    let late = now(&mut line).unwrap().unwrap().unwrap();
    assert_eq!(late, OwnedMessage::from(MessagePayload::Disconnect));

    // FrameCodec: at once.
    let mut line = FramedRead::new(Line::new(&pieces[..1]), FrameCodec::new(Direction::ToServer));
    let bad = now(&mut line).unwrap().unwrap().unwrap().message().unwrap_err();
    assert!(!bad.code().closes());
    let good = now(&mut line).unwrap().unwrap().unwrap().message();
    assert_eq!(good, Ok(OwnedMessage::from(MessagePayload::Disconnect)));
}

#[test]
fn a_stream_that_goes_on_after_an_end_within_a_frame_loses_nothing() {
    let pieces = [&PING[..3], b"", &PING[3..], b"", b"", PING];
    let mut line = FramedRead::new(Line::new(pieces), FrameCodec::new(Direction::ToServer));
    let (error, offset) = parse_error(now(&mut line).unwrap().unwrap());
    assert_eq!((error, offset), (ParseError::Truncated { needed: 5, available: 3 }, 3));
    assert!(now(&mut line).unwrap().is_none());
    assert_eq!(now(&mut line).unwrap().unwrap().unwrap().as_bytes(), PING);
    assert!(now(&mut line).unwrap().is_none());
    assert!(now(&mut line).unwrap().is_none());
    assert_eq!(now(&mut line).unwrap().unwrap().unwrap().as_bytes(), PING);
}

// ---- A serial line ------------------------------------------------------------------------------

fn chat_line() -> ResyncCodec {
    ResyncCodec::for_family(Family::ChatV1, Direction::Either, chat::MAX_FRAME_SIZE)
}

/// All good chat frames with noise between them that no chat frame starts with.
fn noisy() -> (Vec<Vec<u8>>, Vec<u8>) {
    let frames = good_of("chat-v1");
    let line = frames.iter().flat_map(|frame| [b"?\xCA\xFE\x01\x00\x00", &frame[..]].concat());
    let line = line.collect();
    (frames, line)
}

#[test]
fn noise_is_told_between_frames_and_ends_nothing_whatever_the_pieces() {
    let (frames, bytes) = noisy();
    for piece in [1, 7, 630, 100_000] {
        let mut line = FramedRead::new(Line::new(bytes.chunks(piece)), chat_line());
        let (mut heard, mut noise) = (Vec::new(), 0);
        while let Some(item) = now(&mut line) {
            match item.expect("no end").expect("no error") {
                LineEvent::Frame(frame) => heard.push(frame.into_bytes().to_vec()),
                LineEvent::Noise(_) => noise += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heard, frames, "{piece}");
        assert_eq!(noise, frames.len(), "{piece}");
        let codec = line.decoder();
        assert_eq!(codec.losses(), noise as u64);
        assert_eq!(codec.skipped_bytes(), 6 * noise as u64);
    }
}

#[test]
fn it_hears_what_the_parser_hears() {
    let (_, bytes) = noisy();
    let mut parser = ProtocolParser::<64>::new();
    let mut codec = ResyncCodec::new(64);
    let (mut received, mut rest) = (BytesMut::from(&bytes[..]), &bytes[..]);
    let mut by_parser = Vec::new();
    while !rest.is_empty() {
        rest = &rest[parser.feed(rest)..];
        loop {
            match parser.try_parse() {
                Ok(Some(frame)) => by_parser.push(Ok(bytes_of(frame))),
                Ok(None) => break,
                Err(error) => by_parser.push(Err(error)),
            }
        }
    }
    let mut by_codec = Vec::new();
    while let Some(event) = codec.decode(&mut received).unwrap() {
        by_codec.push(match event {
            LineEvent::Frame(frame) => Ok(frame.as_bytes().to_vec()),
            LineEvent::Noise(error) => Err(error),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(by_codec, by_parser);
    assert_eq!(
        (codec.skipped_bytes(), codec.losses(), received.len()),
        (parser.skipped_bytes(), parser.losses(), parser.pending_bytes())
    );
}

#[test]
fn an_endless_line_of_noise_is_not_held() {
    // Every second byte starts a header whose frame would fit, the dearest noise there is.
    let pieces = std::iter::repeat_n(b"\x01\x82".repeat(2048), 64);
    let mut line = FramedRead::new(Line::new(pieces), chat_line());
    assert!(matches!(now(&mut line), Some(Some(Ok(LineEvent::Noise(_))))));
    assert!(now(&mut line).is_none());
    assert!(line.read_buffer().len() <= chat::MAX_FRAME_SIZE, "{}", line.read_buffer().len());
    assert!(line.read_buffer().capacity() <= 32 << 10, "{}", line.read_buffer().capacity());
}

#[test]
fn the_end_of_the_line_decides_what_is_pending() {
    let mut line = FramedRead::new(Line::new([CUT_AND_DISCONNECT, b""]), chat_line());
    let mut next = || now(&mut line).unwrap().map(Result::unwrap);
    let noise = ParseError::Truncated { needed: 40, available: 12 };
    assert_eq!(next(), Some(LineEvent::Noise(noise)));
    assert!(matches!(next(), Some(LineEvent::Frame(frame)) if frame.as_bytes() == DISCONNECT));
    assert_eq!(next(), None);
}

#[test]
fn silence_decides_what_is_pending_and_the_line_goes_on() {
    struct Duplex(Line);

    impl AsyncRead for Duplex {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    // tokio-util 0.7.0 asks for both; later versions only where something is sent.
    impl AsyncWrite for Duplex {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    let mut line = Framed::new(Duplex(Line::new([CUT_AND_DISCONNECT])), chat_line());
    assert!(line.next().now_or_never().is_none());
    // The time-out of the caller, as in the documentation.
    let mut rest = line.read_buffer_mut().split();
    let mut events = Vec::new();
    while let Some(event) = line.codec_mut().decode_eof(&mut rest).unwrap() {
        events.push(event);
    }
    assert!(matches!(&events[..], [LineEvent::Noise(_), LineEvent::Frame(_)]), "{events:?}");
    assert!(rest.is_empty());
    line.get_mut().0.0.push_back(DISCONNECT.to_vec());
    let next = line.next().now_or_never().unwrap().unwrap().unwrap();
    assert!(matches!(next, LineEvent::Frame(_)));
}

#[test]
fn bytes_that_were_taken_away_are_not_waited_for() {
    let mut codec = chat_line();
    let mut received = BytesMut::from(&CUT_AND_DISCONNECT[..5]);
    assert_eq!(codec.decode(&mut received).unwrap(), None);
    received.clear();
    assert_eq!(codec.decode(&mut received).unwrap(), None);
    received.extend_from_slice(DISCONNECT);
    assert!(matches!(codec.decode(&mut received).unwrap(), Some(LineEvent::Frame(_))));
}

#[test]
fn the_smallest_limit_is_that_of_the_smallest_frame() {
    let mut codec = ResyncCodec::new(0);
    let mut received = BytesMut::from(&b"\xCA\xFE\x03\x00\x04four\xCA\xFE\x01\x00\x00"[..]);
    let event = codec.decode(&mut received).unwrap().unwrap();
    assert_eq!(event, LineEvent::Noise(ParseError::Truncated { needed: 9, available: 8 }));
    assert!(matches!(codec.decode(&mut received).unwrap(), Some(LineEvent::Frame(_))));
    assert_eq!(codec.decode(&mut received).unwrap(), None);
}

#[test]
fn everything_can_be_sent_on_a_line() {
    let (mut codec, mut out) = (chat_line(), BytesMut::new());
    codec.encode(MessagePayload::Disconnect, &mut out).unwrap();
    codec.encode(Message::ping(), &mut out).unwrap();
    codec.encode(cafewire_core::Frame::Echo(Message::ping().frame()), &mut out).unwrap();
    let frame: OwnedFrame =
        FrameCodec::new(Direction::Either).decode(&mut BytesMut::from(PING)).unwrap().unwrap();
    codec.encode(frame, &mut out).unwrap();
    assert_eq!(out, [DISCONNECT, PING, PING, PING].concat());
    assert!(codec.encode(MessagePayload::Connect { username: "" }, &mut out).is_err());
}
