//! The receiver's half: tells whether the next frame is what the holder of the key sent next.
//! Writes nothing, moves nothing: a frame is verified where it lies.

use core::fmt;

use super::mac::FrameMac;
use crate::chat::ErrorCode;
use crate::chat::v2::ZeroCopyMessage;

/// Opens the sealed frames of one direction of one connection, in their order. A frame that it
/// refuses is its end, since nothing that follows can be trusted: the key is overwritten, and every
/// further frame is refused too.
///
/// ```
/// use cafewire_core::chat::v2::{
///     Agreement, Capabilities, Key, OpenError, SessionKeys, Terms, ZeroCopyMessage,
/// };
/// let agreement = Agreement {
///     asked: Capabilities::SIGN,
///     granted: Capabilities::SIGN,
///     client_nonce: [0x11; 16],
///     server_nonce: [0x22; 16],
///     username: "ada",
/// };
/// let keys = || SessionKeys::derive(&Key::new(&[7; 32]).expect("32 bytes"), &agreement);
/// let (mut sealer, _) = keys().for_client();
/// let (_, mut opener) = keys().for_server();
///
/// let mut buffer = *b"\x02\x02\x00\x04\x00\xBC\x00\x00\x89\x5C\x68\x89------------------------";
/// let sealed = sealer.seal(&mut buffer, 12)?;
/// let frame = ZeroCopyMessage::parse_from_bytes(sealed, Terms::signed_in(agreement.granted))?;
/// assert_eq!(opener.open(&frame), Ok(0));
/// assert_eq!(opener.open(&frame), Err(OpenError::Replay { expected: 1, actual: 0 }));
/// assert_eq!(opener.open(&frame), Err(OpenError::Ended)); // whatever comes
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Opener {
    /// `None` after a frame was refused.
    mac: Option<FrameMac>,
    /// Of the next frame.
    counter: u64,
}

impl Opener {
    pub(super) const fn new(mac: FrameMac) -> Self {
        Self { mac: Some(mac), counter: 0 }
    }

    /// Verifies the frame, whose envelope is good already, and gives its number. In this order: it
    /// is sealed, its tag is that of the key, its counter is the next one.
    ///
    /// The tag is compared in constant time. The counter is judged behind it, so that an attacker
    /// without the key learns nothing of it.
    ///
    /// # Errors
    /// [`OpenError`]; the connection is to be closed, with [`OpenError::code`].
    pub fn open(&mut self, frame: &ZeroCopyMessage<'_>) -> Result<u64, OpenError> {
        match self.verify(frame) {
            Ok(counter) => {
                self.counter += 1;
                Ok(counter)
            }
            Err(error) => {
                self.mac = None;
                Err(error)
            }
        }
    }

    /// The number that the next frame must have; how many were opened.
    #[must_use]
    pub const fn counter(&self) -> u64 {
        self.counter
    }

    /// Whether a frame was refused, after which no other is taken.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.mac.is_none()
    }

    fn verify(&self, frame: &ZeroCopyMessage<'_>) -> Result<u64, OpenError> {
        let mac = self.mac.as_ref().ok_or(OpenError::Ended)?;
        let seal = frame.seal().ok_or(OpenError::NotSealed)?;
        if !bool::from(mac.verify(seal.signed, seal.tag)) {
            return Err(OpenError::WrongTag);
        }
        let expected = self.counter;
        match seal.counter {
            actual if actual < expected => Err(OpenError::Replay { expected, actual }),
            actual if actual > expected => Err(OpenError::FrameLost { expected, actual }),
            counter => Ok(counter),
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("counter", &self.counter)
            .field("has_ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}

/// Why a frame was not opened. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpenError {
    /// The frame has no seal.
    NotSealed,
    /// The tag is not that of the key: forged, changed, of another connection, or of another key.
    WrongTag,
    /// The frame is genuine, and came before.
    Replay {
        /// The number that the frame had to have.
        expected: u64,
        /// Its number.
        actual: u64,
    },
    /// The frame is genuine, and frames before it did not arrive.
    FrameLost {
        /// The number that the frame had to have.
        expected: u64,
        /// Its number.
        actual: u64,
    },
    /// A frame was refused before.
    Ended,
}

impl OpenError {
    /// The code of the Error frame that answers it.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NotSealed => ErrorCode::UnsupportedFlags,
            Self::WrongTag | Self::Ended => ErrorCode::AuthenticationFailed,
            Self::Replay { .. } => ErrorCode::Replay,
            Self::FrameLost { .. } => ErrorCode::FrameLost,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotSealed => f.write_str("the frame is not sealed"),
            Self::WrongTag => f.write_str("the frame's tag is not that of the key"),
            Self::Replay { expected, actual } => {
                write!(f, "frame {actual} came again in the place of frame {expected}")
            }
            Self::FrameLost { expected, actual } => {
                write!(f, "frame {actual} came in the place of frame {expected}")
            }
            Self::Ended => f.write_str("a frame was refused before"),
        }
    }
}

impl core::error::Error for OpenError {}
