//! What the keys of a connection are made of, and which half of it each side gets.

use core::fmt;

use super::mac::DirectionKeys;
use super::{Key, Opener, Sealer};
use crate::chat::v2::{Capabilities, NONCE_SIZE};

/// What the two sides said at the sign-in, each as it stood on the wire. All of it goes into the
/// keys, so that a connection on which any of it was changed has a different key at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Agreement<'a> {
    /// Those of Connect, bits without a meaning included.
    pub asked: Capabilities,
    /// Those of Challenge.
    pub granted: Capabilities,
    /// The client's, of Connect.
    pub client_nonce: [u8; NONCE_SIZE],
    /// The server's, of Challenge.
    pub server_nonce: [u8; NONCE_SIZE],
    /// The name in Connect.
    pub username: &'a str,
}

/// The keys of both directions of one connection. A side takes its halves and has no others: the
/// same frame cannot be sealed twice, nor one's own be taken for the peer's.
///
/// ```
/// use cafewire_core::chat::v2::{
///     Agreement, Capabilities, Key, SessionKeys, Terms, ZeroCopyMessage,
/// };
/// let agreement = Agreement {
///     asked: Capabilities::SIGN,
///     granted: Capabilities::SIGN,
///     client_nonce: *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F",
///     server_nonce: *b"\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2A\x2B\x2C\x2D\x2E\x2F",
///     username: "ada",
/// };
/// let key = Key::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")?;
/// let (mut from_client, _from_server) = SessionKeys::derive(&key, &agreement).for_observer();
///
/// let mut authenticate = b"\x02\x0A\x00\x1C\x02\xFD\x00\x02\0\0\0\0\0\0\0\0".to_vec();
/// authenticate.extend(b"\x2E\x4C\x61\x1B\x67\xC9\x00\xCB\x71\x6F\x0F\xF8\x95\xE1\x6B\x50");
/// authenticate.extend(b"\xA9\xD6\xF7\xD0");
/// let frame = ZeroCopyMessage::parse_from_bytes(&authenticate, Terms::UNKNOWN)?;
/// assert_eq!(from_client.open(&frame)?, 0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct SessionKeys(DirectionKeys);

impl SessionKeys {
    /// The keys of the connection on which a user with that key signed in like this.
    #[must_use]
    pub fn derive(key: &Key, agreement: &Agreement<'_>) -> Self {
        Self(DirectionKeys::derive(key, agreement))
    }

    /// The client's: what it sends, and what it receives.
    #[must_use]
    pub fn for_client(self) -> (Sealer, Opener) {
        (Sealer::new(self.0.client), Opener::new(self.0.server))
    }

    /// The server's: what it sends, and what it receives.
    #[must_use]
    pub fn for_server(self) -> (Sealer, Opener) {
        (Sealer::new(self.0.server), Opener::new(self.0.client))
    }

    /// Those of a tool that looks at both directions: what the client sent, and what the server
    /// sent.
    #[must_use]
    pub fn for_observer(self) -> (Opener, Opener) {
        (Opener::new(self.0.client), Opener::new(self.0.server))
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(..)")
    }
}
