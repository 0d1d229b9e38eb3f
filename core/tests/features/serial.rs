//! `ResyncReader`: a noisy line over ports that block, say whether they have bytes, and are
//! awaited; and silence, by each of the ways in which it is told.

use std::collections::VecDeque;

use cafewire_core::io::{ResyncError, ResyncReader};
use cafewire_core::{Frame, ParseError, ProtocolParser};
#[cfg(feature = "embedded-io")]
use embedded_io as io;
#[cfg(not(feature = "embedded-io"))]
use embedded_io_async as io;
use io::ErrorKind;

use crate::corpus::bytes_of;

const PING: &[u8] = b"\xCA\xFE\x01\x00\x00";
const DISCONNECT: &[u8] = b"\x01\x02\x00\x00\x9A\x7C\x6C\x17";
/// What is left of a Connect, which claims 32 bytes and a checksum, and a Disconnect.
const CUT_AND_DISCONNECT: &[u8] = b"\x01\x01\x00\x20\x01\x02\x00\x00\x9A\x7C\x6C\x17";
const NOISE_OF_CUT: Event =
    Noise(ParseError::Truncated { needed: 40, available: CUT_AND_DISCONNECT.len() });

/// What a port does when it is read, in order. At the end of the script it gives no byte.
#[derive(Clone, Copy, Debug)]
enum Step {
    Gives(&'static [u8]),
    GivesNothing,
    Fails(ErrorKind),
    /// Has nothing, once: a port that blocks may not be read then.
    Waits,
}

use Step::{Fails, Gives, GivesNothing, Waits};

struct Port(VecDeque<Step>);

impl Port {
    fn new(steps: &[Step]) -> Self {
        Self(steps.iter().copied().collect())
    }

    fn waits(&mut self) -> bool {
        let waits = matches!(self.0.front(), Some(Waits));
        if waits {
            self.0.pop_front();
        }
        waits
    }

    fn give(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!buffer.is_empty(), "a read into an empty buffer would look like the end");
        match self.0.pop_front() {
            Some(Gives(bytes)) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.0.push_front(Gives(&bytes[count..]));
                }
                Ok(count)
            }
            Some(Fails(kind)) => Err(kind),
            Some(Waits) => panic!("it would block"),
            Some(GivesNothing) | None => Ok(0),
        }
    }
}

impl io::ErrorType for Port {
    type Error = ErrorKind;
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Frame(Vec<u8>),
    Noise(ParseError),
    Io(ErrorKind),
    Nothing,
}

use Event::{Io, Noise, Nothing};

fn event(received: Result<Option<Frame<'_>>, ResyncError<ErrorKind>>) -> Event {
    match received {
        Ok(Some(frame)) => Event::Frame(bytes_of(frame)),
        Ok(None) => Nothing,
        Err(ResyncError::Noise(error)) => Noise(error),
        Err(ResyncError::Io(kind)) => Io(kind),
        Err(other) => panic!("{other:?}"),
    }
}

fn frame(bytes: &[u8]) -> Event {
    Event::Frame(bytes.to_vec())
}

fn reader(steps: &[Step]) -> ResyncReader<Port, 64> {
    ResyncReader::new(Port::new(steps), ProtocolParser::new())
}

/// Frames with noise before, between and behind them, one of them inside noise.
static NOISY: &[u8] = b"??\x01\x02\x00\x00\x9A\x7C\x6C\x17\
    \x01\x01\x00\x05\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00\xFF\xCA\xFE\x03\x00\x02hi\xCA";

fn heard_on_the_noisy_line(event: impl FnMut() -> Event) -> Vec<Vec<u8>> {
    std::iter::repeat_with(event)
        .take_while(|event| *event != Nothing)
        .filter_map(|event| match event {
            Event::Frame(bytes) => Some(bytes),
            _ => None,
        })
        .collect()
}

fn sent_on_the_noisy_line() -> Vec<Vec<u8>> {
    [DISCONNECT, PING, PING, b"\xCA\xFE\x03\x00\x02hi"].map(<[u8]>::to_vec).to_vec()
}

#[cfg(feature = "embedded-io")]
mod blocking {
    use cafewire_core::{Direction, Family};

    use super::*;

    impl embedded_io::Read for Port {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            self.give(buffer)
        }
    }

    impl embedded_io::ReadReady for Port {
        fn read_ready(&mut self) -> Result<bool, ErrorKind> {
            Ok(!self.waits())
        }
    }

    #[test]
    fn frames_between_noise_come_out_whatever_the_pieces() {
        for piece in 1..=NOISY.len() {
            let port = Port(NOISY.chunks(piece).map(Gives).collect());
            let mut reader = ResyncReader::new(port, ProtocolParser::<16>::new());
            let heard = heard_on_the_noisy_line(|| event(reader.receive()));
            assert_eq!(heard, sent_on_the_noisy_line(), "{piece}");
            let parser = reader.parser();
            assert_eq!((parser.skipped_bytes(), parser.losses()), (7, 3), "{piece}");
            assert_eq!(parser.pending_bytes(), 1, "{piece}");
        }
    }

    #[test]
    fn noise_is_told_once_and_the_next_call_goes_on() {
        let mut reader = reader(&[Gives(b"GET / HTTP/1.1\r\n"), Gives(PING)]);
        let actual = b'G';
        let noise = Noise(ParseError::UnsupportedVersion { offset: 0, actual });
        assert_eq!(event(reader.receive()), noise);
        assert_eq!(event(reader.receive()), frame(PING));
        assert_eq!(event(reader.receive()), Nothing);
    }

    #[test]
    fn a_time_out_of_the_port_gives_up_a_frame_and_uncovers_the_one_behind() {
        let timed_out = Fails(ErrorKind::TimedOut);
        let mut reader = reader(&[
            timed_out,
            Gives(CUT_AND_DISCONNECT),
            timed_out,
            timed_out,
            Gives(&PING[..3]),
            timed_out,
            Gives(PING),
        ]);
        assert_eq!(event(reader.receive()), Io(ErrorKind::TimedOut));
        assert_eq!(event(reader.receive()), NOISE_OF_CUT);
        assert_eq!(event(reader.receive()), frame(DISCONNECT));
        assert_eq!(event(reader.receive()), Io(ErrorKind::TimedOut));
        assert_eq!(
            event(reader.receive()),
            Noise(ParseError::Truncated { needed: 5, available: 3 })
        );
        assert_eq!(event(reader.receive()), frame(PING));
        assert_eq!((reader.parser().skipped_bytes(), reader.parser().losses()), (7, 2));
    }

    #[test]
    fn a_time_out_within_noise_that_was_told_is_the_ports_error() {
        let mut reader = reader(&[Gives(b"?"), Gives(&PING[..3]), Fails(ErrorKind::TimedOut)]);
        assert!(matches!(event(reader.receive()), Noise(_)));
        assert_eq!(event(reader.receive()), Io(ErrorKind::TimedOut));
        assert_eq!((reader.parser().skipped_bytes(), reader.parser().losses()), (4, 1));
    }

    #[test]
    fn the_ports_other_errors_and_reads_of_nothing_change_nothing() {
        for (step, told) in
            [(Fails(ErrorKind::Other), Io(ErrorKind::Other)), (GivesNothing, Nothing)]
        {
            let mut reader = reader(&[Gives(&PING[..3]), step, step, Gives(&PING[3..])]);
            assert_eq!(event(reader.receive()), told);
            assert_eq!(reader.parser().pending_bytes(), 3);
            assert_eq!(event(reader.receive()), told);
            assert_eq!(event(reader.receive()), frame(PING));
            assert_eq!(reader.parser().skipped_bytes(), 0);
        }
    }

    #[test]
    fn silence_that_the_caller_tells_ends_with_the_next_byte() {
        let mut reader = reader(&[
            Gives(CUT_AND_DISCONNECT),
            GivesNothing,
            Gives(&PING[..3]),
            GivesNothing,
            Gives(&PING[3..]),
        ]);
        assert_eq!(event(reader.receive()), Nothing);
        reader.fell_silent();
        assert_eq!(event(reader.receive()), NOISE_OF_CUT);
        assert_eq!(event(reader.receive()), frame(DISCONNECT));
        // Nothing is pending, and the silence is over with the first bytes of the next frame.
        reader.fell_silent();
        assert_eq!(event(reader.receive()), Nothing);
        assert_eq!(event(reader.receive()), frame(PING));
        assert_eq!(
            reader.parser().skipped_bytes(),
            (CUT_AND_DISCONNECT.len() - DISCONNECT.len()) as u64
        );
    }

    #[test]
    fn silence_behind_a_whole_frame_loses_nothing() {
        let mut reader = reader(&[Gives(b"\xCA\xFE\x01\x00\x00\xCA\xFE\x01\x00\x00")]);
        assert_eq!(event(reader.receive()), frame(PING));
        reader.fell_silent();
        assert_eq!(event(reader.receive()), frame(PING));
        assert_eq!(reader.parser().losses(), 0);
    }

    #[test]
    fn polling_never_waits_and_counts_the_silence() {
        const START: u32 = u32::MAX - 3; // the time wraps around
        let mut reader = reader(&[
            Waits,
            Gives(&CUT_AND_DISCONNECT[..5]),
            Waits,
            Gives(&CUT_AND_DISCONNECT[5..]),
            Waits,
            Waits,
            Waits,
            Waits,
            Gives(PING),
        ]);
        let mut poll = |now: u32| event(reader.poll(START.wrapping_add(now), 20));
        assert_eq!(poll(0), Nothing);
        assert_eq!(poll(0), Nothing, "five bytes, and the frame goes on");
        assert_eq!(poll(20), Nothing, "a pause, and the line goes on");
        assert_eq!(poll(40), Nothing, "no longer than it may be");
        assert_eq!(poll(41), NOISE_OF_CUT);
        assert_eq!(poll(41), frame(DISCONNECT));
        assert_eq!(poll(41), Nothing);
        assert_eq!(poll(500), frame(PING), "no silence is counted between frames");
    }

    #[test]
    fn a_polled_port_may_fail() {
        let mut reader = reader(&[Gives(&PING[..3]), Fails(ErrorKind::TimedOut), Gives(PING)]);
        let noise = Noise(ParseError::Truncated { needed: 5, available: 3 });
        assert_eq!(event(reader.poll(0, 20)), noise);
        assert_eq!(event(reader.poll(0, 20)), frame(PING));
        assert_eq!(event(reader.poll(0, 20)), Nothing);
    }

    #[test]
    fn a_frame_larger_than_the_buffer_is_noise() {
        let line = &b"\xCA\xFE\x03\x00\x04four\xCA\xFE\x01\x00\x00"[..];
        let mut reader = ResyncReader::new(line, ProtocolParser::<8>::new());
        let noise = ParseError::Truncated { needed: 9, available: 8 };
        assert_eq!(reader.receive(), Err(ResyncError::Noise(noise)));
        assert!(matches!(reader.receive(), Ok(Some(Frame::Echo(view))) if view.payload.is_empty()));
        assert_eq!(reader.parser().skipped_bytes(), 9);
        assert!(reader.into_inner().is_empty());
    }

    #[test]
    fn the_parsers_family_and_direction_count() {
        let parser = ProtocolParser::<64>::for_family(Family::ChatV1, Direction::ToServer);
        let line = [PING, DISCONNECT].concat();
        let mut reader = ResyncReader::new(&line[..], parser);
        assert!(matches!(reader.receive(), Err(ResyncError::Noise(_))));
        assert!(matches!(reader.receive(), Ok(Some(Frame::Chat(_)))));
    }
}

#[cfg(feature = "embedded-io-async")]
mod awaited {
    use std::cell::Cell;
    use std::future::{Future, pending, poll_fn, ready};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    impl embedded_io_async::Read for Port {
        async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            poll_fn(|_| if self.waits() { Poll::Pending } else { Poll::Ready(()) }).await;
            self.give(buffer)
        }
    }

    fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Drops the future at every wait, and calls again.
    fn next(reader: &mut ResyncReader<Port, 64>) -> Event {
        loop {
            if let Poll::Ready(received) = poll_once(reader.receive_async()) {
                return event(received);
            }
        }
    }

    #[test]
    fn frames_between_noise_come_out_whatever_the_pieces_and_the_dropped_futures() {
        for piece in 1..=NOISY.len() {
            let steps: Vec<Step> =
                NOISY.chunks(piece).flat_map(|piece| [Waits, Gives(piece)]).collect();
            let mut reader = reader(&steps);
            let heard = heard_on_the_noisy_line(|| next(&mut reader));
            assert_eq!(heard, sent_on_the_noisy_line(), "{piece}");
        }
    }

    #[test]
    fn a_time_out_around_the_call_is_told_as_silence() {
        let mut reader = reader(&[Gives(CUT_AND_DISCONNECT), Waits, Waits]);
        assert!(poll_once(reader.receive_async()).is_pending());
        reader.fell_silent();
        assert_eq!(next(&mut reader), NOISE_OF_CUT);
        assert_eq!(next(&mut reader), frame(DISCONNECT));
        assert_eq!(next(&mut reader), Nothing);
    }

    #[test]
    fn a_time_out_of_the_port_is_silence_too() {
        let mut reader = reader(&[Gives(CUT_AND_DISCONNECT), Fails(ErrorKind::TimedOut)]);
        assert_eq!(next(&mut reader), NOISE_OF_CUT);
        assert_eq!(next(&mut reader), frame(DISCONNECT));
    }

    #[test]
    fn the_ports_other_errors_and_reads_of_nothing_change_nothing() {
        for (step, told) in
            [(Fails(ErrorKind::Other), Io(ErrorKind::Other)), (GivesNothing, Nothing)]
        {
            let mut reader = reader(&[Gives(&PING[..3]), step, Gives(&PING[3..])]);
            assert_eq!(next(&mut reader), told);
            assert_eq!(next(&mut reader), frame(PING));
            assert_eq!(reader.parser().skipped_bytes(), 0);
        }
    }

    #[test]
    fn the_end_of_the_callers_timer_gives_up_a_frame_and_uncovers_the_one_behind() {
        let mut reader = reader(&[Gives(CUT_AND_DISCONNECT), Waits, Waits, Gives(PING)]);
        let mut next = || match poll_once(reader.receive_async_or_silence(|| ready(()))) {
            Poll::Ready(received) => event(received),
            Poll::Pending => panic!("the timer has ended"),
        };
        assert_eq!(next(), NOISE_OF_CUT);
        assert_eq!(next(), frame(DISCONNECT));
    }

    #[test]
    fn bytes_that_are_there_win_over_a_timer_that_has_ended() {
        let mut reader = reader(&[Gives(&PING[..1]), Gives(&PING[1..4]), Gives(&PING[4..])]);
        let received = poll_once(reader.receive_async_or_silence(|| ready(())));
        let Poll::Ready(received) = received else { panic!() };
        assert_eq!(event(received), frame(PING));
    }

    #[test]
    fn the_timer_starts_with_every_read_within_a_frame_and_with_none_between_frames() {
        let timers = Cell::new(0);
        let mut reader = reader(&[
            Waits,
            Gives(&PING[..1]),
            Waits,
            Gives(&PING[1..3]),
            Waits,
            Gives(&PING[3..]),
            Waits,
        ]);
        let mut next = || {
            let mut future = pin!(reader.receive_async_or_silence(|| {
                timers.set(timers.get() + 1);
                pending()
            }));
            for _ in 0..8 {
                let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(received) = polled {
                    return event(received);
                }
            }
            panic!("the script is longer than the test")
        };
        assert_eq!(next(), frame(PING));
        assert_eq!(timers.get(), 2);
        assert_eq!(next(), Nothing);
        assert_eq!(timers.get(), 2);
    }
}
