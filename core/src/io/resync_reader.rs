//! Reading frames from a line that damages and loses bytes: [`ProtocolParser`] with its port, and
//! silence that gives up a frame which does not end. Has no clock and no rules of its own.

use core::fmt;

use crate::error::ParseError;
use crate::frame_kind::FrameKind;
use crate::framing::Frame;
use crate::parser::ProtocolParser;

#[cfg(feature = "embedded-io")]
use ::embedded_io as io;
#[cfg(not(feature = "embedded-io"))]
use ::embedded_io_async as io;
use io::ErrorKind;

/// Reads frames from a port whose bytes may be damaged or lost, such as a UART's: noise is told,
/// skipped and counted, and the next frame is found. What [`ProtocolParser`] promises holds.
///
/// **Silence.** A frame whose end was lost, or noise that looks like a header, waits for bytes that
/// do not come, and holds back the frames behind it. A line that is silent for longer than a sender
/// pauses within a frame ends that wait: what is not whole is noise then, told as
/// [`ParseError::Truncated`], and what it held back comes out. There is no clock in here. The time
/// comes from the caller, in the way that suits the port:
///
/// | port | method | silence is |
/// |---|---|---|
/// | blocks, as long as it takes | `receive` | [`fell_silent`](Self::fell_silent) of the caller |
/// | blocks, with a time-out of its own | `receive` | the port's error of kind `TimedOut` |
/// | says whether it has bytes (`ReadReady`) | `poll` | counted from the time that is passed in |
/// | is awaited | `receive_async` | [`fell_silent`](Self::fell_silent), or as for `receive` |
/// | is awaited | `receive_async_or_silence` | the end of a future, such as a timer's |
///
/// Three characters' time is the least that makes sense, and 20 ms enough at 9600 baud and more; a
/// sender that is interrupted within a frame may need longer.
///
/// **The port's errors** (overrun, parity, framing, …) are passed on and change nothing: the next
/// call goes on, and the bytes that were lost show as noise. `Ok(0)` of the port gives `None`,
/// within a frame too: whether that is an end is for the port to know (USB's CDC gives it for every
/// packet of no bytes). The next call goes on.
#[cfg_attr(
    feature = "embedded-io",
    doc = r#"
```
use cafewire_core::io::{ResyncError, ResyncReader};
use cafewire_core::{Direction, Family, Frame, MessageType, ProtocolParser};

let uart = &b"?\x01\x02\x00\x00\x9A\x7C\x6C\x17"[..]; // noise, then a Disconnect
let parser = ProtocolParser::<64>::for_family(Family::ChatV1, Direction::ToServer);
let mut reader = ResyncReader::new(uart, parser);
loop {
    match reader.receive() {
        Ok(Some(Frame::Chat(view))) => assert_eq!(view.message_type, MessageType::Disconnect),
        Ok(Some(Frame::Echo(view))) => println!("{:?}", view.message()),
        Ok(None) => break, // a slice ends; a UART does not
        Err(ResyncError::Noise(noise)) => println!("skipped: {noise}"),
        Err(error) => println!("{error}"), // of the port
    }
}
assert_eq!((reader.parser().skipped_bytes(), reader.parser().losses()), (1, 1));
```"#
)]
#[derive(Debug)]
pub struct ResyncReader<R, const N: usize> {
    port: R,
    parser: ProtocolParser<N>,
    /// No byte has come since the line fell silent.
    silent: bool,
    /// The time at which bytes came last, as passed to `poll`.
    #[cfg(feature = "embedded-io")]
    heard_at: u32,
}

impl<R, const N: usize> ResyncReader<R, N> {
    /// A reader of what `port` gives, by the parser's family, direction and size of buffer.
    #[must_use]
    pub const fn new(port: R, parser: ProtocolParser<N>) -> Self {
        Self {
            port,
            parser,
            silent: false,
            #[cfg(feature = "embedded-io")]
            heard_at: 0,
        }
    }

    /// What was skipped, how often the place was lost, what is pending.
    #[must_use]
    pub const fn parser(&self) -> &ProtocolParser<N> {
        &self.parser
    }

    /// The line has been silent for longer than a sender pauses within a frame: what was received
    /// so far and is no whole frame is noise. The next call tells so, and finds the frames behind
    /// it.
    #[cfg_attr(
        feature = "embedded-io",
        doc = r#"
```
use cafewire_core::io::{ResyncError, ResyncReader};
use cafewire_core::{Frame, ParseError, ProtocolParser};
// What is left of a Connect claims 32 bytes; the Disconnect behind it looks like its body.
let uart = &b"\x01\x01\x00\x20\x01\x02\x00\x00\x9A\x7C\x6C\x17"[..];
let mut reader = ResyncReader::new(uart, ProtocolParser::<64>::new());
assert_eq!(reader.receive(), Ok(None));
reader.fell_silent();
let noise = ParseError::Truncated { needed: 40, available: 12 };
assert_eq!(reader.receive(), Err(ResyncError::Noise(noise)));
assert!(matches!(reader.receive(), Ok(Some(Frame::Chat(_)))));
```"#
    )]
    pub const fn fell_silent(&mut self) {
        self.silent = true;
    }

    /// Gives the port back. What is pending is lost.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.port
    }

    /// The port has put so many bytes into the parser's space.
    fn filled(&mut self, count: usize) {
        self.silent = false;
        self.parser.received(count);
    }

    /// The next frame, if it is whole; found, and not handed out yet.
    fn find<E>(&mut self) -> Result<Option<FrameKind>, ResyncError<E>> {
        self.parser.next(self.silent).map_err(ResyncError::Noise)
    }

    /// What there is after the port's error: a time-out is silence, and may uncover a frame.
    fn find_after<E: io::Error>(&mut self, error: E) -> Result<FrameKind, ResyncError<E>> {
        if error.kind() == ErrorKind::TimedOut {
            self.silent = true;
            if let Some(kind) = self.find()? {
                return Ok(kind);
            }
        }
        Err(ResyncError::Io(error))
    }
}

#[cfg(feature = "embedded-io")]
impl<R: ::embedded_io::Read, const N: usize> ResyncReader<R, N> {
    /// The next frame, waiting for it as long as the port does; `None` when the port gave no byte.
    ///
    /// # Errors
    /// [`ResyncError::Noise`] once per stretch of noise, [`ResyncError::Io`] from the port. Nothing
    /// needs to be done about either: call again to go on. A time-out of the port is silence (see
    /// the type), and is told only if it uncovers nothing.
    pub fn receive(&mut self) -> Result<Option<Frame<'_>>, ResyncError<R::Error>> {
        let kind = loop {
            if let Some(kind) = self.find()? {
                break kind;
            }
            match self.port.read(self.parser.space()) {
                Ok(0) => return Ok(None),
                Ok(count) => self.filled(count),
                Err(error) => break self.find_after(error)?,
            }
        };
        Ok(Some(self.parser.hand_out(kind)))
    }
}

#[cfg(feature = "embedded-io")]
impl<R: ::embedded_io::Read + ::embedded_io::ReadReady, const N: usize> ResyncReader<R, N> {
    /// The next frame, if it is whole, of what the port has; never waits. `None` when the port has
    /// no more for now.
    ///
    /// `now` is the time, in any unit, and may wrap around; `silence` is how long, in the same
    /// unit, the line may pause within a frame. Call it at least once in that time, and again until
    /// it gives `None`. The other methods do not know the time: do not mix them with this one
    /// within a frame.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    ///
    /// ```
    /// # struct Uart(&'static [u8]);
    /// # impl embedded_io::ErrorType for Uart { type Error = core::convert::Infallible; }
    /// # impl embedded_io::Read for Uart {
    /// #     fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
    /// #         embedded_io::Read::read(&mut self.0, buffer)
    /// #     }
    /// # }
    /// # impl embedded_io::ReadReady for Uart {
    /// #     fn read_ready(&mut self) -> Result<bool, Self::Error> { Ok(!self.0.is_empty()) }
    /// # }
    /// use cafewire_core::ProtocolParser;
    /// use cafewire_core::io::{ResyncError, ResyncReader};
    /// # let uart = Uart(b"\xCA\xFE\x01"); // a Ping whose end was lost
    /// let mut reader = ResyncReader::new(uart, ProtocolParser::<64>::new());
    /// const SILENCE_MS: u32 = 20;
    /// assert_eq!(reader.poll(1000, SILENCE_MS), Ok(None));
    /// assert_eq!(reader.poll(1020, SILENCE_MS), Ok(None));
    /// assert!(matches!(reader.poll(1021, SILENCE_MS), Err(ResyncError::Noise(_))));
    /// assert_eq!(reader.poll(1021, SILENCE_MS), Ok(None));
    /// assert_eq!(reader.parser().skipped_bytes(), 3);
    /// ```
    pub fn poll(
        &mut self,
        now: u32,
        silence: u32,
    ) -> Result<Option<Frame<'_>>, ResyncError<R::Error>> {
        let kind = loop {
            if let Some(kind) = self.find()? {
                break kind;
            }
            if !self.port.read_ready().map_err(ResyncError::Io)? {
                let pause = now.wrapping_sub(self.heard_at);
                if self.parser.pending_bytes() > 0 && pause > silence {
                    self.silent = true;
                    continue;
                }
                return Ok(None);
            }
            match self.port.read(self.parser.space()) {
                Ok(0) => return Ok(None),
                Ok(count) => {
                    self.filled(count);
                    self.heard_at = now;
                }
                Err(error) => break self.find_after(error)?,
            }
        };
        Ok(Some(self.parser.hand_out(kind)))
    }
}

#[cfg(feature = "embedded-io-async")]
impl<R: ::embedded_io_async::Read, const N: usize> ResyncReader<R, N> {
    /// The next frame; `None` when the port gave no byte. Waits for as long as it takes, also for
    /// the rest of a frame: see [`receive_async_or_silence`](Self::receive_async_or_silence).
    ///
    /// Cancel-safe if the port's `read` is: a future that is dropped has lost no byte. A time-out
    /// around it, and [`fell_silent`](Self::fell_silent) after that, does for a line whose frames
    /// take less than the time-out.
    ///
    /// # Errors
    /// [`ResyncError::Noise`] once per stretch of noise, [`ResyncError::Io`] from the port. Nothing
    /// needs to be done about either: call again to go on.
    pub async fn receive_async(&mut self) -> Result<Option<Frame<'_>>, ResyncError<R::Error>> {
        let kind = loop {
            if let Some(kind) = self.find()? {
                break kind;
            }
            match self.port.read(self.parser.space()).await {
                Ok(0) => return Ok(None),
                Ok(count) => self.filled(count),
                Err(error) => break self.find_after(error)?,
            }
        };
        Ok(Some(self.parser.hand_out(kind)))
    }

    /// As [`receive_async`](Self::receive_async), and gives up a frame that does not go on before
    /// the future that `silence` makes has ended: a timer's, of a time longer than a sender pauses
    /// within a frame. A new one is made after every read, and none between two frames.
    ///
    /// Cancel-safe in the same way; the time then starts again with the next call.
    ///
    /// # Errors
    /// As [`receive_async`](Self::receive_async).
    ///
    /// ```
    /// # fn ready<F: Future>(future: F) -> F::Output {
    /// #     let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    /// #     match core::pin::pin!(future).poll(&mut context) {
    /// #         core::task::Poll::Ready(output) => output,
    /// #         core::task::Poll::Pending => unreachable!("the timer has ended"),
    /// #     }
    /// # }
    /// # struct Uart(&'static [u8]);
    /// # impl embedded_io_async::ErrorType for Uart { type Error = core::convert::Infallible; }
    /// # impl embedded_io_async::Read for Uart {
    /// #     async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
    /// #         if self.0.is_empty() { core::future::pending::<()>().await; }
    /// #         embedded_io_async::Read::read(&mut self.0, buffer).await
    /// #     }
    /// # }
    /// # struct Timer;
    /// # impl Timer { async fn after_millis(_: u64) {} }
    /// # ready(async {
    /// use cafewire_core::io::{ResyncError, ResyncReader};
    /// use cafewire_core::{ParseError, ProtocolParser};
    /// # let uart = Uart(b"\xCA\xFE\x01"); // a Ping whose end was lost
    /// let mut reader = ResyncReader::new(uart, ProtocolParser::<64>::new());
    /// let received = reader.receive_async_or_silence(|| Timer::after_millis(20)).await;
    /// let noise = ParseError::Truncated { needed: 5, available: 3 };
    /// assert_eq!(received, Err(ResyncError::Noise(noise)));
    /// # });
    /// ```
    pub async fn receive_async_or_silence<T: Future<Output = ()>>(
        &mut self,
        mut silence: impl FnMut() -> T,
    ) -> Result<Option<Frame<'_>>, ResyncError<R::Error>> {
        let kind = loop {
            if let Some(kind) = self.find()? {
                break kind;
            }
            let within_a_frame = self.parser.pending_bytes() > 0;
            let read = self.port.read(self.parser.space());
            let read =
                if within_a_frame { unless(read, silence()).await } else { Some(read.await) };
            match read {
                None => self.silent = true,
                Some(Ok(0)) => return Ok(None),
                Some(Ok(count)) => self.filled(count),
                Some(Err(error)) => break self.find_after(error)?,
            }
        };
        Ok(Some(self.parser.hand_out(kind)))
    }
}

/// What `read` gives, unless `silence` ends before. Bytes that are there win.
#[cfg(feature = "embedded-io-async")]
async fn unless<F: Future>(read: F, silence: impl Future<Output = ()>) -> Option<F::Output> {
    let (mut read, mut silence) = (core::pin::pin!(read), core::pin::pin!(silence));
    core::future::poll_fn(|context| match read.as_mut().poll(context) {
        core::task::Poll::Ready(output) => core::task::Poll::Ready(Some(output)),
        core::task::Poll::Pending => silence.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// What happened on the line instead of a frame. Calling again goes on, after either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResyncError<E> {
    /// The port failed. Nothing that was read is lost.
    Io(E),
    /// Bytes that belong to no frame: why their first one starts none. Told once for a stretch of
    /// them; how many they were, [`ProtocolParser::skipped_bytes`] says.
    Noise(ParseError),
}

impl<E: fmt::Display> fmt::Display for ResyncError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the port failed: {error}"),
            Self::Noise(error) => write!(f, "noise on the line: {error}"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ResyncError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Noise(error) => Some(error),
        }
    }
}
