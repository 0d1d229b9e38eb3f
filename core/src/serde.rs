//! How messages and errors look in serde's formats. A stable shape: fields are only ever added.
//!
//! | type | in JSON |
//! |---|---|
//! | chat messages | `{"type":"SendMessage","room":"lobby","content":"hi"}`: the type's name, then the fields |
//! | echo messages | `{"type":"Echo","payload":[104,105]}`: the payload as serde's bytes, in JSON an array |
//! | `OwnedMessage` of either family | `{"chat":{…}}` or `{"echo":{…}}` |
//! | [`chat::MessageType`], [`echo::MessageType`] | the name, `"Connect"` |
//! | [`ErrorCode`] | the number, `10` |
//! | [`Family`](crate::Family) | `"echo"`, `"chat-v1"` |
//! | errors (serialized only) | `{"kind":"ChecksumMismatch","offset":4,"expected":1,"actual":2}`; fields are `"room_name"` … |
//!
//! Members may come in any order; those that a type does not have are ignored. A message that
//! breaks a field's rule or whose payload is too long is refused when deserialized; serializing
//! checks nothing.
//!
//! Formats that do not describe themselves (postcard, bincode) work too: there all fields of all
//! types have their place, and those that a type does not have are absent. Borrowed messages borrow
//! from the input, and so can be read only from formats that hold text as it is: a JSON string with
//! an escape, and an echo payload in JSON, want the owned message.
//!
//! ```
//! use cafewire_core::MessagePayload;
//! let json = r#"{"type":"SendMessage","room":"lobby","content":"hi"}"#;
//! let message: MessagePayload<'_> = serde_json::from_str(json)?;
//! assert_eq!(message, MessagePayload::SendMessage { room: "lobby", content: "hi" });
//! assert_eq!(serde_json::to_string(&message)?, json);
//! # Ok::<(), serde_json::Error>(())
//! ```

use ::serde::de::{Deserialize, Deserializer, Error as _};
use ::serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::chat::{self, ErrorCode, MessagePayload};
use crate::echo::{self, Message};
use crate::error::ProtocolError;

// ---- Chat ---------------------------------------------------------------------------------------

/// Every field that any chat message has; `S` is how its text is held.
#[derive(::serde::Deserialize)]
#[serde(rename = "Message")]
struct ChatFields<S> {
    #[serde(rename = "type")]
    message_type: chat::MessageType,
    user_id: Option<u32>,
    timestamp: Option<u64>,
    username: Option<S>,
    room: Option<S>,
    content: Option<S>,
    server_info: Option<S>,
    code: Option<ErrorCode>,
    message: Option<S>,
}

impl<'a> From<MessagePayload<'a>> for ChatFields<&'a str> {
    fn from(payload: MessagePayload<'a>) -> Self {
        let mut fields = Self {
            message_type: payload.message_type(),
            user_id: None,
            timestamp: None,
            username: None,
            room: None,
            content: None,
            server_info: None,
            code: None,
            message: None,
        };
        match payload {
            MessagePayload::Connect { username } => fields.username = Some(username),
            MessagePayload::Disconnect => {}
            MessagePayload::SendMessage { room, content } => {
                (fields.room, fields.content) = (Some(room), Some(content));
            }
            MessagePayload::JoinRoom { room } | MessagePayload::LeaveRoom { room } => {
                fields.room = Some(room);
            }
            MessagePayload::ConnectAck { user_id, server_info } => {
                (fields.user_id, fields.server_info) = (Some(user_id), Some(server_info));
            }
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                (fields.user_id, fields.timestamp, fields.username) =
                    (Some(user_id), Some(timestamp), Some(username));
                (fields.room, fields.content) = (Some(room), Some(content));
            }
            MessagePayload::UserJoined { user_id, username, room }
            | MessagePayload::UserLeft { user_id, username, room } => {
                (fields.user_id, fields.username, fields.room) =
                    (Some(user_id), Some(username), Some(room));
            }
            MessagePayload::Error { code, message } => {
                (fields.code, fields.message) = (Some(code), Some(message));
            }
        }
        fields
    }
}

impl Serialize for ChatFields<&str> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let every_field = !serializer.is_human_readable();
        let mut out = serializer.serialize_struct("Message", 9)?;
        out.serialize_field("type", &self.message_type)?;
        field(&mut out, every_field, "user_id", self.user_id)?;
        field(&mut out, every_field, "timestamp", self.timestamp)?;
        field(&mut out, every_field, "username", self.username)?;
        field(&mut out, every_field, "room", self.room)?;
        field(&mut out, every_field, "content", self.content)?;
        field(&mut out, every_field, "server_info", self.server_info)?;
        field(&mut out, every_field, "code", self.code)?;
        field(&mut out, every_field, "message", self.message)?;
        out.end()
    }
}

fn field<S: SerializeStruct>(
    out: &mut S,
    every_field: bool,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), S::Error> {
    if value.is_some() || every_field {
        out.serialize_field(name, &value)
    } else {
        out.skip_field(name)
    }
}

impl<'a> ChatFields<&'a str> {
    fn into_payload<E: ::serde::de::Error>(self) -> Result<MessagePayload<'a>, E> {
        use chat::MessageType as Type;
        fn given<T, E: ::serde::de::Error>(name: &'static str, value: Option<T>) -> Result<T, E> {
            value.ok_or_else(|| E::missing_field(name))
        }
        let user_id = || given("user_id", self.user_id);
        let username = || given("username", self.username);
        let room = || given("room", self.room);
        let content = || given("content", self.content);
        let payload = match self.message_type {
            Type::Connect => MessagePayload::Connect { username: username()? },
            Type::Disconnect => MessagePayload::Disconnect,
            Type::SendMessage => MessagePayload::SendMessage { room: room()?, content: content()? },
            Type::JoinRoom => MessagePayload::JoinRoom { room: room()? },
            Type::LeaveRoom => MessagePayload::LeaveRoom { room: room()? },
            Type::ConnectAck => MessagePayload::ConnectAck {
                user_id: user_id()?,
                server_info: given("server_info", self.server_info)?,
            },
            Type::MessageBroadcast => MessagePayload::MessageBroadcast {
                user_id: user_id()?,
                timestamp: given("timestamp", self.timestamp)?,
                username: username()?,
                room: room()?,
                content: content()?,
            },
            Type::UserJoined => MessagePayload::UserJoined {
                user_id: user_id()?,
                username: username()?,
                room: room()?,
            },
            Type::UserLeft => MessagePayload::UserLeft {
                user_id: user_id()?,
                username: username()?,
                room: room()?,
            },
            Type::Error => MessagePayload::Error {
                code: given("code", self.code)?,
                message: given("message", self.message)?,
            },
        };
        payload.validate().map_err(E::custom)?;
        Ok(payload)
    }
}

impl Serialize for MessagePayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ChatFields::from(*self).serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MessagePayload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ChatFields::<&'a str>::deserialize(deserializer)?.into_payload()
    }
}

#[cfg(feature = "alloc")]
impl Serialize for chat::OwnedMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_borrowed().serialize(serializer)
    }
}

#[cfg(feature = "alloc")]
impl<'de> Deserialize<'de> for chat::OwnedMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ChatFields::<alloc::string::String>::deserialize(deserializer)?;
        let borrowed = ChatFields {
            message_type: fields.message_type,
            user_id: fields.user_id,
            timestamp: fields.timestamp,
            username: fields.username.as_deref(),
            room: fields.room.as_deref(),
            content: fields.content.as_deref(),
            server_info: fields.server_info.as_deref(),
            code: fields.code,
            message: fields.message.as_deref(),
        };
        Ok(borrowed.into_payload()?.into_owned())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.to_wire())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u16::deserialize(deserializer).map(Self::from_wire)
    }
}

// ---- Echo ---------------------------------------------------------------------------------------

#[derive(::serde::Serialize, ::serde::Deserialize)]
#[serde(rename = "Message")]
struct EchoFields<P> {
    #[serde(rename = "type")]
    message_type: echo::MessageType,
    payload: P,
}

/// Bytes that are serialized as bytes, where serde's own slices are sequences of numbers.
#[derive(Clone, Copy)]
struct BorrowedBytes<'a>(&'a [u8]);

impl Serialize for BorrowedBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for BorrowedBytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a [u8]>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = self.frame();
        EchoFields { message_type: frame.message_type, payload: BorrowedBytes(frame.payload) }
            .serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = EchoFields::<BorrowedBytes<'a>>::deserialize(deserializer)?;
        let frame =
            echo::ZeroCopyMessage { message_type: fields.message_type, payload: fields.payload.0 };
        frame.header().map_err(D::Error::custom)?;
        Ok(frame.message())
    }
}

#[cfg(feature = "alloc")]
impl Serialize for echo::OwnedMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_borrowed().serialize(serializer)
    }
}

#[cfg(feature = "alloc")]
impl<'de> Deserialize<'de> for echo::OwnedMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = EchoFields::<owned_bytes::OwnedBytes>::deserialize(deserializer)?;
        let payload = fields.payload.0;
        Ok(match fields.message_type {
            echo::MessageType::Ping => Self::Ping(payload),
            echo::MessageType::Pong => Self::Pong(payload),
            echo::MessageType::Echo => Self::Echo(payload),
            echo::MessageType::Data => Self::Data(payload),
            echo::MessageType::Error => Self::Error(payload),
        })
    }
}

/// Bytes, or a sequence of numbers, of no more than a payload's size.
#[cfg(feature = "alloc")]
mod owned_bytes {
    use ::serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
    use alloc::vec::Vec;
    use core::fmt;

    use crate::echo;

    pub(super) struct OwnedBytes(pub(super) Vec<u8>);

    impl<'de> Deserialize<'de> for OwnedBytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_byte_buf(BytesVisitor).map(Self)
        }
    }

    struct BytesVisitor;

    impl<'de> Visitor<'de> for BytesVisitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {} bytes", echo::MAX_PAYLOAD_SIZE)
        }

        fn visit_bytes<E: ::serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            if bytes.len() > echo::MAX_PAYLOAD_SIZE {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            Ok(bytes.into())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = numbers.next_element()? {
                if bytes.len() == echo::MAX_PAYLOAD_SIZE {
                    return Err(A::Error::invalid_length(bytes.len() + 1, &self));
                }
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
}

// ---- Errors -------------------------------------------------------------------------------------

impl Serialize for ProtocolError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("ProtocolError", 3)?;
        match self {
            Self::BufferTooSmall { needed, available } => {
                out.serialize_field("kind", "BufferTooSmall")?;
                out.serialize_field("needed", needed)?;
                out.serialize_field("available", available)?;
            }
            Self::InvalidField(error) => {
                out.serialize_field("kind", "InvalidField")?;
                out.serialize_field("error", error)?;
            }
            Self::PayloadTooLong { actual, max } => {
                out.serialize_field("kind", "PayloadTooLong")?;
                out.serialize_field("actual", actual)?;
                out.serialize_field("max", max)?;
            }
        }
        out.end()
    }
}
