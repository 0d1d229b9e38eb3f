//! cafewire-core by its public API: framing, checksum, every field as a borrowed, checked view. It
//! checks more than its peers do: bounds of every length, and names for control characters.

use cafewire_core::{Decoded, MessagePayload};
use cafewire_kernel::Level;

use super::Contender;
use crate::message::{Broadcast, Message, SendMessage, Sink};

/// The core, held to the instructions of one level.
#[derive(Debug)]
pub(super) struct Cafewire {
    pub(super) level: Level,
}

impl Contender for Cafewire {
    type Value<'m> = MessagePayload<'m>;

    fn value<'m>(message: &Message<'m>) -> MessagePayload<'m> {
        match *message {
            Message::SendMessage(SendMessage { room, content }) => {
                MessagePayload::SendMessage { room, content }
            }
            Message::Broadcast(Broadcast { user_id, timestamp, username, room, content }) => {
                MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            }
        }
    }

    fn prepare(&self) {
        self.level.select();
    }

    #[inline]
    fn encode(&mut self, value: &MessagePayload<'_>, buffer: &mut [u8]) -> Option<usize> {
        value.encode_into(buffer).ok().map(<[u8]>::len)
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Option<usize> {
        let Decoded::Chat { message, consumed } = Decoded::of(bytes) else { return None };
        match message {
            MessagePayload::SendMessage { room, content } => {
                sink.send_message(SendMessage { room, content });
            }
            MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content } => {
                sink.broadcast(Broadcast { user_id, timestamp, username, room, content });
            }
            _ => return None,
        }
        Some(consumed)
    }
}
