//! Target `serial`: a line with pauses, through `ResyncReader` over ports of four kinds, compared
//! with one pass over each of its bursts.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use cafewire_core::io::{ResyncError, ResyncReader};
use cafewire_core::{Family, Frame, ProtocolParser};
use embedded_io::ErrorKind;

use crate::burst::{Bursts, Step};
use crate::line::BUFFER_SIZES;
use crate::reference::{self, line::Line};
use crate::translate;

const SILENCE_MS: u32 = 20;

/// The input is a [`Bursts`], with a byte behind its first whose bits 0 and 1 are the kind of port.
///
/// The kinds: 0 blocks, with a time-out of its own; 1 is polled; 2 is awaited, and the caller tells
/// the silence; 3 is awaited, with a timer.
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let [options, kind, rest @ ..] = data else { return Ok(()) };
    let input = [&[*options], rest].concat();
    let Some(bursts) = Bursts::new(&input)? else { return Ok(()) };
    let kind = kind & 3;
    let heard = match bursts.listening.buffer {
        0 => hear::<{ BUFFER_SIZES[0] }>(&bursts, kind),
        1 => hear::<{ BUFFER_SIZES[1] }>(&bursts, kind),
        2 => hear::<{ BUFFER_SIZES[2] }>(&bursts, kind),
        3 => hear::<{ BUFFER_SIZES[3] }>(&bursts, kind),
        4 => hear::<{ BUFFER_SIZES[4] }>(&bursts, kind),
        5 => hear::<{ BUFFER_SIZES[5] }>(&bursts, kind),
        6 => hear::<{ BUFFER_SIZES[6] }>(&bursts, kind),
        _ => hear::<{ BUFFER_SIZES[7] }>(&bursts, kind),
    };
    assert_eq!(heard, bursts.expected(), "kind {kind}");
    Ok(())
}

/// The line's steps, which the port takes from the front and the caller looks at.
#[derive(Clone)]
struct Script(Rc<RefCell<VecDeque<Step>>>);

impl Script {
    fn is_silent(&self) -> bool {
        matches!(self.0.borrow().front(), Some(Step::Silence))
    }

    /// The pause is over, if there was one.
    fn go_on(&self) -> bool {
        let is_silent = self.is_silent();
        if is_silent {
            self.0.borrow_mut().pop_front();
        }
        is_silent
    }

    fn is_over(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

struct Port {
    script: Script,
    /// Bytes given, and those that the canary has lost.
    given: Rc<RefCell<u64>>,
    /// Milliseconds.
    clock: Rc<RefCell<u32>>,
    /// Whether the pause that comes first was told once.
    paused: bool,
}

impl Port {
    fn give(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!buffer.is_empty(), "a read into an empty buffer would look like the end");
        let mut steps = self.script.0.borrow_mut();
        match steps.pop_front() {
            Some(Step::Bytes(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buffer.len()));
                buffer[..bytes.len()].copy_from_slice(&bytes);
                *self.given.borrow_mut() += bytes.len() as u64;
                if !rest.is_empty() {
                    steps.push_front(Step::Bytes(rest));
                }
                Ok(bytes.len())
            }
            Some(Step::Silence) => Err(ErrorKind::TimedOut),
            Some(Step::Failure) => {
                // The canary's driver drops a byte with the error.
                if cfg!(feature = "canary-serial")
                    && let Some(Step::Bytes(bytes)) = steps.front_mut()
                    && bytes.len() > 1
                {
                    bytes.remove(0);
                    *self.given.borrow_mut() += 1;
                }
                Err(ErrorKind::Other)
            }
            Some(Step::Nothing) | None => Ok(0),
        }
    }
}

impl embedded_io::ErrorType for Port {
    type Error = ErrorKind;
}

impl embedded_io::Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.give(buffer)
    }
}

impl embedded_io::ReadReady for Port {
    /// In a pause twice not: at its start, and when it is over.
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        if !self.script.is_silent() {
            return Ok(true);
        }
        self.paused = !self.paused;
        if self.paused {
            let mut now = self.clock.borrow_mut();
            *now = now.wrapping_add(SILENCE_MS + 1);
        } else {
            self.script.go_on();
        }
        Ok(false)
    }
}

impl embedded_io_async::Read for Port {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| if self.script.is_silent() { Poll::Pending } else { Poll::Ready(()) }).await;
        self.give(buffer)
    }
}

fn parser<const N: usize>(bursts: &Bursts) -> ProtocolParser<N> {
    let direction = translate::direction(bursts.listening.direction);
    match bursts.listening.family {
        None => ProtocolParser::new(),
        Some(reference::Family::Echo) => ProtocolParser::for_family(Family::Echo, direction),
        Some(reference::Family::Chat) => ProtocolParser::for_family(Family::ChatV1, direction),
    }
}

fn hear<const N: usize>(bursts: &Bursts, kind: u8) -> Line {
    let script = Script(Rc::new(RefCell::new(bursts.steps.iter().cloned().collect())));
    // The clock wraps around.
    let (given, clock) = (Rc::new(RefCell::new(0)), Rc::new(RefCell::new(u32::MAX - 50)));
    let port =
        Port { script: script.clone(), given: given.clone(), clock: clock.clone(), paused: false };
    let mut reader = ResyncReader::new(port, parser::<N>(bursts));
    let mut heard = Heard::default();
    loop {
        let ended = script.is_over();
        if ended {
            reader.fell_silent();
        }
        let received = match kind {
            0 => Poll::Ready(reader.receive()),
            1 => {
                let now = *clock.borrow();
                Poll::Ready(reader.poll(now, SILENCE_MS))
            }
            2 => pin!(reader.receive_async()).poll(&mut Context::from_waker(Waker::noop())),
            _ => {
                let timer =
                    || poll_fn(|_| if script.go_on() { Poll::Ready(()) } else { Poll::Pending });
                pin!(reader.receive_async_or_silence(timer))
                    .poll(&mut Context::from_waker(Waker::noop()))
            }
        };
        match received {
            Poll::Ready(received) => heard.add(received),
            // The caller's time-out; or no timer runs, for nothing is pending.
            Poll::Pending => {
                assert!(script.go_on(), "it waits, and the line is not silent");
                reader.fell_silent();
            }
        }
        let parser = reader.parser();
        heard.place(parser.skipped_bytes());
        let bytes = heard.frames_bytes + parser.skipped_bytes() + parser.pending_bytes() as u64;
        assert_eq!(bytes, *given.borrow(), "a byte of the line was lost");
        assert_eq!(heard.errors, parser.losses(), "each loss is told once");
        if ended && parser.pending_bytes() == 0 {
            break;
        }
    }
    let parser = reader.parser();
    let frames = heard.frames;
    Line { frames, skipped_bytes: parser.skipped_bytes(), losses: parser.losses() }
}

#[derive(Default)]
struct Heard {
    frames: Vec<(usize, reference::Frame)>,
    frame: Option<reference::Frame>,
    frames_bytes: u64,
    errors: u64,
}

impl Heard {
    fn add(&mut self, received: Result<Option<Frame<'_>>, ResyncError<ErrorKind>>) {
        match received {
            Ok(frame) => self.frame = frame.map(translate::frame),
            Err(ResyncError::Noise(_)) => self.errors += 1,
            Err(_) => {}
        }
    }

    /// The frame that was just added is behind all that was skipped.
    fn place(&mut self, skipped_bytes: u64) {
        let Some(frame) = self.frame.take() else { return };
        let at = (skipped_bytes + self.frames_bytes) as usize;
        self.frames_bytes += frame.size_bytes() as u64;
        self.frames.push((at, frame));
    }
}
