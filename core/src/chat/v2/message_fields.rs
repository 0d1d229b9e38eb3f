//! Which of a payload's fields is which of a message's own, both ways. Checks nothing: what is read
//! here the table has found valid, and what is written it checks then.

use core::num::NonZeroU32;
use zerocopy::byteorder::big_endian::{U16, U32, U64};

use super::body::{Fields, Parts};
use super::fixed::{self, Fixed};
use super::layout::PARTS;
use super::{Capabilities, MessagePayload, MessageType, NONCE_SIZE, Resume};
use crate::chat::ErrorCode;

impl<'a> MessagePayload<'a> {
    pub(super) fn from_client(message_type: MessageType, parts: Parts<'a>) -> Self {
        let Parts { fixed, texts: [first, second, _], data } = parts;
        match message_type {
            MessageType::Connect => {
                let fixed::Handshake { capabilities, nonce } = fixed::read(fixed);
                let capabilities = Capabilities::from_bits(capabilities.get());
                Self::Connect { capabilities, client_nonce: nonce, username: first }
            }
            MessageType::SendMessage => Self::SendMessage { room: first, content: second },
            MessageType::JoinRoom => {
                let fixed::Join { epoch, after, replay } = fixed::read(fixed);
                let resume =
                    NonZeroU32::new(epoch.get()).map(|epoch| Resume { epoch, after: after.get() });
                Self::JoinRoom { resume, replay: replay.get(), room: first }
            }
            MessageType::LeaveRoom => Self::LeaveRoom { room: first },
            MessageType::Ping => Self::Ping { data },
            MessageType::ListRooms => {
                let fixed::Count { count } = fixed::read(fixed);
                Self::ListRooms { count: count.get(), after: first }
            }
            MessageType::ListMembers => {
                let fixed::Count { count } = fixed::read(fixed);
                Self::ListMembers { count: count.get(), room: first, after: second }
            }
            MessageType::DirectMessage => Self::DirectMessage { to: first, content: second },
            MessageType::Authenticate => Self::Authenticate,
            MessageType::History => {
                let fixed::Before { before, count } = fixed::read(fixed);
                Self::History { before: before.get(), count: count.get(), room: first }
            }
            MessageType::ClientPong => Self::ClientPong { data },
            _ => Self::Disconnect,
        }
    }

    pub(super) fn from_server(message_type: MessageType, parts: Parts<'a>) -> Self {
        let Parts { fixed, texts: [first, second, third], data } = parts;
        match message_type {
            MessageType::ConnectAck => {
                let fixed::Acknowledged { user_id, capabilities } = fixed::read(fixed);
                let capabilities = Capabilities::from_bits(capabilities.get());
                Self::ConnectAck { user_id: user_id.get(), capabilities, server_info: first }
            }
            MessageType::MessageBroadcast => {
                let fixed: fixed::Broadcast = fixed::read(fixed);
                Self::MessageBroadcast {
                    sequence: fixed.sequence.get(),
                    previous: fixed.previous.get(),
                    timestamp: fixed.timestamp.get(),
                    user_id: fixed.user_id.get(),
                    origin: fixed.origin.get(),
                    part: fixed.part,
                    username: first,
                    room: second,
                    content: third,
                }
            }
            MessageType::UserJoined | MessageType::UserLeft => {
                let fixed::Membership { user_id, members } = fixed::read(fixed);
                let (user_id, members) = (user_id.get(), members.get());
                let (username, room) = (first, second);
                if message_type == MessageType::UserJoined {
                    Self::UserJoined { user_id, members, username, room }
                } else {
                    Self::UserLeft { user_id, members, username, room }
                }
            }
            MessageType::Joined => {
                let fixed: fixed::Joined = fixed::read(fixed);
                Self::Joined {
                    epoch: fixed.epoch.get(),
                    sequence: fixed.sequence.get(),
                    replay_from: fixed.replay_from.get(),
                    members: fixed.members.get(),
                    presence: fixed.presence != 0,
                    room: first,
                }
            }
            MessageType::Pong => Self::Pong { data },
            MessageType::RoomInfo => {
                let fixed::Room { members, presence } = fixed::read(fixed);
                let (members, presence) = (members.get(), presence != 0);
                Self::RoomInfo { members, presence, room: first }
            }
            MessageType::MemberInfo => {
                let fixed::User { user_id } = fixed::read(fixed);
                Self::MemberInfo { user_id: user_id.get(), username: first, room: second }
            }
            MessageType::DirectDelivery => {
                let fixed::Delivery { timestamp, user_id, part } = fixed::read(fixed);
                let (timestamp, user_id) = (timestamp.get(), user_id.get());
                Self::DirectDelivery { timestamp, user_id, part, from: first, content: second }
            }
            MessageType::Challenge => {
                let fixed::Handshake { capabilities, nonce } = fixed::read(fixed);
                let capabilities = Capabilities::from_bits(capabilities.get());
                Self::Challenge { capabilities, server_nonce: nonce }
            }
            MessageType::ListEnd => {
                let fixed::End { count, more } = fixed::read(fixed);
                Self::ListEnd { count: count.get(), more: more != 0 }
            }
            MessageType::ServerPing => Self::ServerPing { data },
            MessageType::Ack => {
                let fixed::Time { timestamp } = fixed::read(fixed);
                Self::Ack { timestamp: timestamp.get() }
            }
            _ => {
                let fixed::Refusal { code, retry_after_ms } = fixed::read(fixed);
                let code = ErrorCode::from_wire(code.get());
                Self::Error { code, retry_after_ms: retry_after_ms.get(), message: first }
            }
        }
    }

    /// The way back.
    pub(super) fn fields(&self) -> Fields<'a> {
        let (fixed, texts): (Fixed, [&str; PARTS]) = match *self {
            Self::Disconnect
            | Self::Authenticate
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::ServerPing { .. }
            | Self::ClientPong { .. } => (Fixed::NONE, [""; PARTS]),
            Self::SendMessage { room, content } => (Fixed::NONE, [room, content, ""]),
            Self::DirectMessage { to, content } => (Fixed::NONE, [to, content, ""]),
            Self::LeaveRoom { room } => (Fixed::NONE, [room, "", ""]),
            Self::Connect { capabilities, client_nonce, username } => {
                (handshake(capabilities, client_nonce), [username, "", ""])
            }
            Self::Challenge { capabilities, server_nonce } => {
                (handshake(capabilities, server_nonce), [""; PARTS])
            }
            Self::JoinRoom { resume, replay, room } => {
                let (epoch, after) =
                    resume.map_or((0, 0), |Resume { epoch, after }| (epoch.get(), after));
                let (epoch, after) = (U32::new(epoch), U64::new(after));
                let join = fixed::Join { epoch, after, replay: U16::new(replay) };
                (Fixed::of(&join), [room, "", ""])
            }
            Self::ListRooms { count, after } => {
                (Fixed::of(&fixed::Count { count: U16::new(count) }), [after, "", ""])
            }
            Self::ListMembers { count, room, after } => {
                (Fixed::of(&fixed::Count { count: U16::new(count) }), [room, after, ""])
            }
            Self::History { before, count, room } => {
                let (before, count) = (U64::new(before), U16::new(count));
                (Fixed::of(&fixed::Before { before, count }), [room, "", ""])
            }
            Self::ConnectAck { user_id, capabilities, server_info } => {
                let user_id = U32::new(user_id);
                let capabilities = U16::new(capabilities.bits());
                (Fixed::of(&fixed::Acknowledged { user_id, capabilities }), [server_info, "", ""])
            }
            Self::MessageBroadcast {
                sequence,
                previous,
                timestamp,
                user_id,
                origin,
                part,
                username,
                room,
                content,
            } => {
                let broadcast = fixed::Broadcast {
                    sequence: U64::new(sequence),
                    previous: U64::new(previous),
                    timestamp: U64::new(timestamp),
                    user_id: U32::new(user_id),
                    origin: U16::new(origin),
                    part,
                };
                (Fixed::of(&broadcast), [username, room, content])
            }
            Self::UserJoined { user_id, members, username, room }
            | Self::UserLeft { user_id, members, username, room } => {
                let (user_id, members) = (U32::new(user_id), U32::new(members));
                (Fixed::of(&fixed::Membership { user_id, members }), [username, room, ""])
            }
            Self::Joined { epoch, sequence, replay_from, members, presence, room } => {
                let joined = fixed::Joined {
                    epoch: U32::new(epoch),
                    sequence: U64::new(sequence),
                    replay_from: U64::new(replay_from),
                    members: U32::new(members),
                    presence: presence.into(),
                };
                (Fixed::of(&joined), [room, "", ""])
            }
            Self::RoomInfo { members, presence, room } => {
                let (members, presence) = (U32::new(members), presence.into());
                (Fixed::of(&fixed::Room { members, presence }), [room, "", ""])
            }
            Self::MemberInfo { user_id, username, room } => {
                let user_id = U32::new(user_id);
                (Fixed::of(&fixed::User { user_id }), [username, room, ""])
            }
            Self::DirectDelivery { timestamp, user_id, part, from, content } => {
                let (timestamp, user_id) = (U64::new(timestamp), U32::new(user_id));
                let delivery = fixed::Delivery { timestamp, user_id, part };
                (Fixed::of(&delivery), [from, content, ""])
            }
            Self::ListEnd { count, more } => {
                let (count, more) = (U16::new(count), more.into());
                (Fixed::of(&fixed::End { count, more }), [""; PARTS])
            }
            Self::Ack { timestamp } => {
                let timestamp = U64::new(timestamp);
                (Fixed::of(&fixed::Time { timestamp }), [""; PARTS])
            }
            Self::Error { code, retry_after_ms, message } => {
                let code = U16::new(code.to_wire());
                let retry_after_ms = U32::new(retry_after_ms);
                (Fixed::of(&fixed::Refusal { code, retry_after_ms }), [message, "", ""])
            }
        };
        let data = match *self {
            Self::Ping { data }
            | Self::Pong { data }
            | Self::ServerPing { data }
            | Self::ClientPong { data } => data,
            _ => &[],
        };
        Fields { fixed, texts, data }
    }
}

fn handshake(capabilities: Capabilities, nonce: [u8; NONCE_SIZE]) -> Fixed {
    Fixed::of(&fixed::Handshake { capabilities: U16::new(capabilities.bits()), nonce })
}
