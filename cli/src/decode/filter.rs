//! Which of the frames found are shown: those of a room, of a user. Pure. Everything is counted,
//! shown or not.

use std::collections::HashMap;

use cafewire_core::MessagePayload;
use cafewire_core::chat::v2;
use cafewire_core::dissect::{AnyFrame, FieldValue, fields};

use super::report::{Content, Item, Side};

/// Connections whose user is remembered. Of those that are forgotten only the frames that name the
/// user are shown.
const MAX_USERS: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct Filter {
    room: Option<String>,
    user: Option<String>,
    /// By connection, 0 where there is but one: whether its client signed in as that user.
    is_users: HashMap<u64, bool>,
}

impl Filter {
    pub(crate) fn new(room: Option<String>, user: Option<String>) -> Self {
        Self { room, user, is_users: HashMap::new() }
    }

    /// Whether an item is to be shown. Without a room and a user everything is.
    pub(crate) fn shows(&mut self, item: &Item<'_>) -> bool {
        if self.room.is_none() && self.user.is_none() {
            return true;
        }
        let named = match item.content {
            Content::Frame { frame: AnyFrame::Chat(view), .. } => match view.parse_payload() {
                Ok(message) => Named::of(&message),
                Err(_) => return false,
            },
            Content::Frame { frame: AnyFrame::ChatV2(view), bytes, error: None } => {
                Named::of_fields(bytes, view.message_type())
            }
            _ => return false,
        };
        self.is_of_user(&named, item)
            && self.room.as_deref().is_none_or(|wanted| named.room == Some(wanted))
    }

    /// What names the user, and what the user's own client sent.
    fn is_of_user(&mut self, named: &Named<'_>, item: &Item<'_>) -> bool {
        let Some(wanted) = self.user.as_deref() else { return true };
        let connection = item.place.map_or(0, |place| place.conversation);
        let names = named.user.map(|user| user == wanted);
        if let (true, Some(is_users)) = (named.is_connect, names)
            && (self.is_users.len() < MAX_USERS || self.is_users.contains_key(&connection))
        {
            self.is_users.insert(connection, is_users);
        }
        let is_from_server = item.from == Some(Side::Server);
        names.unwrap_or_else(|| {
            !is_from_server && self.is_users.get(&connection).copied().unwrap_or_default()
        })
    }
}

/// What a frame names.
struct Named<'a> {
    room: Option<&'a str>,
    user: Option<&'a str>,
    is_connect: bool,
}

impl<'a> Named<'a> {
    fn of(message: &MessagePayload<'a>) -> Self {
        let is_connect = matches!(message, MessagePayload::Connect { .. });
        Self { room: room_of(message), user: user_of(message), is_connect }
    }

    /// Of a frame of version 2. A compressed one names nothing that could be read.
    fn of_fields(bytes: &'a [u8], message_type: v2::MessageType) -> Self {
        let text = |names: &[&str]| {
            fields(bytes).find_map(|field| match field.value {
                FieldValue::Text(text) if names.contains(&field.name) => Some(text),
                _ => None,
            })
        };
        let is_connect = message_type == v2::MessageType::Connect;
        Self { room: text(&["room"]), user: text(&["username", "from", "to"]), is_connect }
    }
}

const fn room_of<'a>(message: &MessagePayload<'a>) -> Option<&'a str> {
    match *message {
        MessagePayload::SendMessage { room, .. }
        | MessagePayload::JoinRoom { room }
        | MessagePayload::LeaveRoom { room }
        | MessagePayload::MessageBroadcast { room, .. }
        | MessagePayload::UserJoined { room, .. }
        | MessagePayload::UserLeft { room, .. } => Some(room),
        _ => None,
    }
}

const fn user_of<'a>(message: &MessagePayload<'a>) -> Option<&'a str> {
    match *message {
        MessagePayload::Connect { username }
        | MessagePayload::MessageBroadcast { username, .. }
        | MessagePayload::UserJoined { username, .. }
        | MessagePayload::UserLeft { username, .. } => Some(username),
        _ => None,
    }
}
