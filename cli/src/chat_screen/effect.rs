//! What the state wants done outside of itself, and what it is told of from there.

use cafewire_core::ErrorCode;
use cafewire_net::client::Event;
use cafewire_net::{Address, PeerAddress};
use crossterm::event::{KeyEvent, MouseEvent};

use crate::requests::Request;

/// To be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Connect and sign in; news bear the link's number.
    Connect {
        number: u64,
        address: Address,
        username: String,
    },
    /// Say goodbye on that connection, and forget it.
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
    /// Write the whole screen anew.
    Redraw,
    Quit,
}

/// What happened.
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

/// What a connection has to say.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    SignedIn {
        user_id: u32,
        server_info: String,
        /// What the server's name was found to be.
        peer: Option<PeerAddress>,
    },
    Chat(Event),
    /// It is over, or never was. A sentence, and the server's code if it gave one.
    Ended {
        why: String,
        code: Option<ErrorCode>,
    },
}
