//! Which of the frames found are shown: those of a room, of a user. Pure. Everything is counted,
//! shown or not.

use std::collections::HashMap;

use cafewire_core::{Frame, MessagePayload};

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
        let Content::Frame { frame: Frame::Chat(view), .. } = item.content else { return false };
        let Ok(message) = view.parse_payload() else { return false };
        self.is_of_user(&message, item) && self.is_of_room(&message)
    }

    fn is_of_room(&self, message: &MessagePayload<'_>) -> bool {
        self.room.as_deref().is_none_or(|wanted| room_of(message) == Some(wanted))
    }

    /// What names the user, and what the user's own client sent.
    fn is_of_user(&mut self, message: &MessagePayload<'_>, item: &Item<'_>) -> bool {
        let Some(wanted) = self.user.as_deref() else { return true };
        let connection = item.place.map_or(0, |place| place.conversation);
        let names = user_of(message).map(|user| user == wanted);
        if let (MessagePayload::Connect { .. }, Some(is_users)) = (message, names)
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
