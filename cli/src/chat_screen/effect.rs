//! Effects that the state asks for, and inputs that it is given.

use cafewire_core::ErrorCode;
use cafewire_net::client::Received;
use cafewire_net::{Address, PeerAddress};
use crossterm::event::{KeyEvent, MouseEvent};

use crate::requests::Request;

/// An action for the screen to carry out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Connect and sign in; events bear the connection's number.
    Connect {
        number: u64,
        address: Address,
        username: String,
    },
    /// Send Disconnect on that connection, and forget it.
    HangUp {
        number: u64,
    },
    Send {
        number: u64,
        request: Request,
    },
    /// Put a line into the history's file.
    Remember(String),
    /// Ctrl-Z.
    Suspend,
    /// Write the whole screen again.
    Redraw,
    Quit,
}

/// An event for the state.
#[derive(Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resized {
        width: u16,
        height: u16,
    },
    Focused(bool),
    Connection {
        number: u64,
        event: ConnectionEvent,
    },
    /// Time has passed.
    Tick,
    /// Lines could not be put into the history's file.
    NotRemembered(String),
}

/// An event of one connection.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    SignedIn {
        server_info: String,
        /// The address that the server's name was resolved to.
        peer: Option<PeerAddress>,
    },
    Chat(Received),
    /// The connection ended, or was never made. A sentence, and the server's code if it gave one.
    Ended {
        why: String,
        code: Option<ErrorCode>,
    },
}
