//! Why a sample has no figure.

use std::fmt;
use std::io;

/// Why a sample has no figure. Its text stands in the table in the figure's place.
#[derive(Debug)]
pub enum Fault {
    /// Nothing arrived for a long time, with so many deliveries still missing.
    Lost {
        /// Deliveries of messages in flight that did not come.
        missing: u64,
        /// Messages in flight.
        in_flight: usize,
    },
    /// A member got another message than its next one.
    OutOfOrder {
        /// The message that was its next, counted from 0 over the whole run.
        expected: usize,
    },
    /// The server closed a connection, or the other side of it went away.
    Closed,
    /// The server said something that the dialect does not expect, or refused something.
    Unexpected(String),
    /// Something took longer than it ever should.
    TooSlow(&'static str),
    /// The system refused something.
    Io(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { missing, in_flight } => {
                write!(f, "lost {missing} deliveries of {in_flight} messages in flight")
            }
            Self::OutOfOrder { expected } => {
                write!(f, "lost, repeated or out of order at message {expected}")
            }
            Self::Closed => f.write_str("the server closed a connection"),
            Self::Unexpected(what) => f.write_str(what),
            Self::TooSlow(what) => write!(f, "{what} took too long"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
