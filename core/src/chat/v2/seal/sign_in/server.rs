//! The server's half: has the client prove that it holds its name's key, and then proves the same.

use super::{SignInError, SignedIn};
use crate::chat::Username;
use crate::chat::v2::seal::{Agreement, Key, SessionKeys};
use crate::chat::v2::{Capabilities, MessageType, NONCE_SIZE, ZeroCopyMessage};

/// A server's half of a sign-in with a key, from the Connect of a client that asked for SIGN. The
/// server sends Challenge with [`granted`](Self::granted) and its nonce, whether the name has a key
/// or not, and gives the next frame to [`authenticate`](Self::authenticate).
///
/// ```
/// use cafewire_core::ErrorCode;
/// use cafewire_core::chat::Username;
/// use cafewire_core::chat::v2::{
///     Capabilities, ClientSignIn, ClientStep, Key, MessagePayload, ServerSignIn, Terms,
///     ZeroCopyMessage,
/// };
/// let (key, ada) = (Key::new(&[7; 32])?, Username::new("ada")?);
/// // What stood in Connect, what this server can do, and 16 random bytes of its own.
/// let sign_in = || ServerSignIn::new(Capabilities::SIGN, [1; 16], Capabilities::SIGN, [2; 16]);
/// let (capabilities, server_nonce) = (sign_in()?.granted(), sign_in()?.server_nonce());
/// let challenge = MessagePayload::Challenge { capabilities, server_nonce };
/// let mut buffer = [0; 64];
/// let frame = challenge.encode_into(1, &mut buffer)?;
///
/// // The client's side.
/// let frame = ZeroCopyMessage::parse_from_bytes(frame, Terms::BEFORE_SIGN_IN)?;
/// let mut client = ClientSignIn::new(Capabilities::SIGN, [1; 16], 2);
/// let step = client.receive(ada, &key, &frame)?;
/// let ClientStep::Authenticate(bytes) = step else { panic!() };
///
/// let frame = ZeroCopyMessage::parse_from_bytes(&bytes, Terms::CHALLENGED)?;
/// assert!(sign_in()?.authenticate(ada, Some(&key), &frame).is_ok());
///
/// // Another name, another key, none: all fail alike.
/// let (bob, other) = (Username::new("bob")?, Key::new(&[8; 32])?);
/// for (name, key) in [(bob, Some(&key)), (ada, Some(&other)), (bob, None)] {
///     let error = sign_in()?.authenticate(name, key, &frame).unwrap_err();
///     assert_eq!(error.code(), ErrorCode::AuthenticationFailed);
/// }
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerSignIn {
    asked: Capabilities,
    granted: Capabilities,
    client_nonce: [u8; NONCE_SIZE],
    server_nonce: [u8; NONCE_SIZE],
}

impl ServerSignIn {
    /// A server that has received a Connect with these capabilities and this nonce, offers those
    /// and has drawn a nonce of its own: random bytes, others for every Challenge.
    ///
    /// # Errors
    /// [`SignInError::NotGranted`]: SIGN was not asked for, or is not offered.
    pub const fn new(
        asked: Capabilities,
        client_nonce: [u8; NONCE_SIZE],
        offered: Capabilities,
        server_nonce: [u8; NONCE_SIZE],
    ) -> Result<Self, SignInError> {
        let granted = Capabilities::granted(asked, offered);
        if granted.contains(Capabilities::SIGN) {
            Ok(Self { asked, granted, client_nonce, server_nonce })
        } else {
            Err(SignInError::NotGranted)
        }
    }

    /// What Challenge and ConnectAck are to grant.
    #[must_use]
    pub const fn granted(&self) -> Capabilities {
        self.granted
    }

    /// What Challenge is to hold.
    #[must_use]
    pub const fn server_nonce(&self) -> [u8; NONCE_SIZE] {
        self.server_nonce
    }

    /// Takes the client's next frame: it must be Authenticate, by the holder of the key. `key` is
    /// that of the name in Connect; a name that has none fails here after the same work, whatever
    /// the frame.
    ///
    /// Whether the name is free is asked after this, so that only who has its key is told.
    ///
    /// # Errors
    /// [`SignInError`]: the client is told [`SignInError::code`] in an unsealed Error, and the
    /// connection is closed.
    pub fn authenticate(
        self,
        username: Username<&str>,
        key: Option<&Key>,
        frame: &ZeroCopyMessage<'_>,
    ) -> Result<SignedIn, SignInError> {
        if frame.message_type() != MessageType::Authenticate {
            return Err(SignInError::UnexpectedType);
        }
        let Self { asked, granted, client_nonce, server_nonce } = self;
        let username = username.as_str();
        let agreement = Agreement { asked, granted, client_nonce, server_nonce, username };
        let keys = match key {
            Some(key) => SessionKeys::derive(key, &agreement),
            None => SessionKeys::derive(&Key::ZERO, &agreement),
        };
        let (sealer, mut opener) = keys.for_server();
        opener.open(frame)?;
        match key {
            Some(_) => Ok(SignedIn { granted, sealer, opener }),
            // Sealed with the key that stands in for none.
            None => Err(SignInError::UnknownName),
        }
    }
}
