//! The client's half: proves that it holds the key, and has the server prove the same.

use core::fmt;

use super::{SignInError, SignedIn};
use crate::chat::v2::seal::{Agreement, Key, OpenError, Sealer, SessionKeys};
use crate::chat::v2::{
    Capabilities, HEADER_SIZE, MessagePayload, NONCE_SIZE, SEAL_SIZE, ZeroCopyMessage,
};
use crate::chat::{CHECKSUM_SIZE, ErrorCode, Username};

/// Bytes of an Authenticate, which is nothing but its seal.
pub const AUTHENTICATE_SIZE: usize = HEADER_SIZE + SEAL_SIZE + CHECKSUM_SIZE;

/// What a frame of the server meant to a client that signs in.
#[derive(Debug)]
#[must_use]
#[allow(clippy::large_enum_variant)] // no allocator to put it elsewhere
pub enum ClientStep<'f> {
    /// It was Challenge. Send these bytes: they are Authenticate.
    Authenticate([u8; AUTHENTICATE_SIZE]),
    /// It was ConnectAck, and the server has the key too.
    SignedIn {
        /// What the two sides do from now on.
        session: SignedIn,
        /// The client's own, until the connection ends.
        user_id: u32,
        /// What the server says of itself. May hold control characters.
        server_info: &'f str,
    },
    /// It was Error; the try has failed, and the server closes.
    Refused {
        /// Whether the server sealed it, and no other wrote it. Else all that it says is a hint.
        is_proved: bool,
        /// Why, for programs.
        code: ErrorCode,
        /// How long to wait before another try.
        retry_after_ms: u32,
        /// Why, for people; may be empty. May hold control characters.
        message: &'f str,
    },
}

/// A client's sign-in with a key, from its Connect on. The caller sends Connect with
/// [`asked`](Self::asked) and the nonce, and gives every frame that comes to
/// [`receive`](Self::receive), until that gives [`ClientStep::SignedIn`] or ends the try. An Error
/// of version 1 in place of the first frame is the caller's: it ends the try too.
///
/// ```
/// use cafewire_core::chat::Username;
/// use cafewire_core::chat::v2::{
///     Capabilities, ClientSignIn, ClientStep, Key, Terms, ZeroCopyMessage,
/// };
/// let key = Key::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")?;
/// let name = Username::new("ada")?;
/// let nonce = *b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F";
/// let mut sign_in = ClientSignIn::new(Capabilities::NONE, nonce, 2);
/// assert_eq!(sign_in.asked(), Capabilities::SIGN); // to be sent in Connect, with the nonce
///
/// let challenge = b"\x02\x8A\x00\x16\x00\x40\x00\x01\x00\x02\
///     \x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2A\x2B\x2C\x2D\x2E\x2F\xE6\xC1\x4E\x5F";
/// let frame = ZeroCopyMessage::parse_from_bytes(challenge, Terms::CHALLENGED)?;
/// let step = sign_in.receive(name, &key, &frame)?;
/// let ClientStep::Authenticate(answer) = step else { panic!() };
/// assert_eq!(answer[16..20], [0x2E, 0x4C, 0x61, 0x1B]);
///
/// let acknowledgement = b"\x02\x81\x00\x2A\x02\xC1\x00\x02\x00\x00\x00\x07\x00\x02cafewire\
///     \0\0\0\0\0\0\0\0\xB4\xB3\xA0\xB1\x7B\x1E\x77\xC3\x40\x84\x4B\xEF\x5A\x63\x21\x15\
///     \xD2\x0A\x7F\xC9";
/// let frame = ZeroCopyMessage::parse_from_bytes(acknowledgement, Terms::CHALLENGED)?;
/// let step = sign_in.receive(name, &key, &frame)?;
/// let ClientStep::SignedIn { session, user_id: 7, .. } = step else { panic!() };
/// assert_eq!((session.sealer.counter(), session.opener.counter()), (1, 1));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct ClientSignIn {
    asked: Capabilities,
    client_nonce: [u8; NONCE_SIZE],
    request: u16,
    state: ClientState,
}

#[allow(clippy::large_enum_variant)] // likewise
enum ClientState {
    /// Connect is on its way.
    AwaitsChallenge,
    /// Authenticate is on its way.
    AwaitsAck(SignedIn),
    Over,
}

impl ClientSignIn {
    /// A client that is about to send Connect, asks for these capabilities and for SIGN, and will
    /// number its Authenticate `request`. The nonce must never have been used with this key before:
    /// random bytes, or a counter that the device keeps.
    #[must_use]
    pub const fn new(asked: Capabilities, client_nonce: [u8; NONCE_SIZE], request: u16) -> Self {
        let asked = asked.union(Capabilities::SIGN);
        Self { asked, client_nonce, request, state: ClientState::AwaitsChallenge }
    }

    /// What Connect is to ask for.
    #[must_use]
    pub const fn asked(&self) -> Capabilities {
        self.asked
    }

    /// What Connect is to hold.
    #[must_use]
    pub const fn client_nonce(&self) -> [u8; NONCE_SIZE] {
        self.client_nonce
    }

    /// Takes the next frame of the server. Name and key are those of the user, each time the same.
    ///
    /// # Errors
    /// [`SignInError`]: the server, or what is between it and the client, breaks the protocol. The
    /// connection is to be closed; no further frame is taken.
    pub fn receive<'f>(
        &mut self,
        username: Username<&str>,
        key: &Key,
        frame: &ZeroCopyMessage<'f>,
    ) -> Result<ClientStep<'f>, SignInError> {
        // Whatever goes wrong is the end; what goes well says what is next.
        let mut state = core::mem::replace(&mut self.state, ClientState::Over);
        let is_proved = frame.seal().is_some();
        match &mut state {
            ClientState::Over => return Err(SignInError::Over),
            ClientState::AwaitsChallenge if is_proved => return Err(SignInError::UnexpectedType),
            ClientState::AwaitsAck(session) if is_proved => {
                session.opener.open(frame)?;
            }
            _ => {}
        }
        match (state, frame.parse_payload()?) {
            (_, MessagePayload::Error { code, retry_after_ms, message }) => {
                Ok(ClientStep::Refused { is_proved, code, retry_after_ms, message })
            }
            (
                ClientState::AwaitsChallenge,
                MessagePayload::Challenge { capabilities, server_nonce },
            ) => self.challenged(username, key, capabilities, server_nonce),
            (ClientState::AwaitsAck(_), _) if !is_proved => Err(OpenError::NotSealed.into()),
            (
                ClientState::AwaitsAck(session),
                MessagePayload::ConnectAck { user_id, capabilities, server_info },
            ) => {
                if capabilities == session.granted {
                    Ok(ClientStep::SignedIn { session, user_id, server_info })
                } else {
                    Err(SignInError::NotGranted)
                }
            }
            _ => Err(SignInError::UnexpectedType),
        }
    }

    fn challenged<'f>(
        &mut self,
        username: Username<&str>,
        key: &Key,
        granted: Capabilities,
        server_nonce: [u8; NONCE_SIZE],
    ) -> Result<ClientStep<'f>, SignInError> {
        let &mut Self { asked, client_nonce, request, .. } = self;
        if !granted.contains(Capabilities::SIGN) || !asked.contains(granted) {
            return Err(SignInError::NotGranted);
        }
        let username = username.as_str();
        let agreement = Agreement { asked, granted, client_nonce, server_nonce, username };
        let (mut sealer, opener) = SessionKeys::derive(key, &agreement).for_client();
        let authenticate = authenticate(&mut sealer, request)?;
        self.state = ClientState::AwaitsAck(SignedIn { granted, sealer, opener });
        Ok(ClientStep::Authenticate(authenticate))
    }
}

/// Seals the first frame of a session.
fn authenticate(sealer: &mut Sealer, request: u16) -> Result<[u8; AUTHENTICATE_SIZE], SignInError> {
    let mut bytes = [0; AUTHENTICATE_SIZE];
    // The array has room for the frame, and then for its seal.
    let unsealed = MessagePayload::Authenticate.encode_into(request, &mut bytes).map(<[u8]>::len);
    if let Ok(size) = unsealed
        && sealer.seal(&mut bytes, size).is_ok()
    {
        return Ok(bytes);
    }
    Err(SignInError::Over)
}

impl fmt::Debug for ClientSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            ClientState::AwaitsChallenge => "AwaitsChallenge",
            ClientState::AwaitsAck(_) => "AwaitsAck",
            ClientState::Over => "Over",
        };
        f.debug_struct("ClientSignIn")
            .field("asked", &self.asked)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
