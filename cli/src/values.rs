//! Values that more than one command takes: their rules, and sentences for those that break them.
//! Reads nothing.

use std::time::Duration;

use cafewire_core::{FieldError, MessagePayload};

/// Whether `content` can be sent to `room`, by the core's own rules.
pub(crate) fn content(content: &str, room: &str) -> Result<(), FieldError> {
    MessagePayload::SendMessage { room, content }.validate()
}

/// A room's name, by the core's own rules.
pub(crate) fn room(room: &str) -> Result<String, FieldError> {
    MessagePayload::JoinRoom { room }.validate().map(|()| room.to_owned())
}

pub(crate) fn username(username: &str) -> Result<String, FieldError> {
    MessagePayload::Connect { username }.validate().map(|()| username.to_owned())
}

/// A number of seconds, fractions allowed.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 =
        text.parse().map_err(|_| "a number of seconds is wanted, such as 0.2".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a number of seconds from 0 up is wanted".to_owned())
}
