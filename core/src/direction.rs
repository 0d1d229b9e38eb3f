//! Which way frames are sent. A leaf: families and framing both import it.

/// Which way the frames of a stream are sent.
///
/// ```
/// use cafewire_core::{Direction, FrameDecoder, Framing};
/// let welcome = [0x01, 0x81]; // the start of a ConnectAck, which only servers send
/// assert_eq!(FrameDecoder::new(Direction::ToClient).next_frame(&welcome), Framing::Incomplete { needed: 2 });
/// assert!(matches!(FrameDecoder::new(Direction::ToServer).next_frame(&welcome), Framing::Corrupt { .. }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Direction {
    /// Client to server: a server reads this.
    ToServer,
    /// Server to client: a client reads this.
    ToClient,
    /// Not known: a capture, a test.
    Either,
}
