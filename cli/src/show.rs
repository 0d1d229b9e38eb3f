//! How what happens in a room is shown to people, and how to programs. Pure, but for the time zone.

use cafewire_net::client::Event;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::escape;

/// An event as one JSON object; `--help` of `listen` documents the fields.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum EventJson<'a> {
    Message { user_id: u32, timestamp_ms: u64, username: &'a str, room: &'a str, content: &'a str },
    Joined { user_id: u32, username: &'a str, room: &'a str },
    Left { user_id: u32, username: &'a str, room: &'a str },
}

/// The time of day here, as `12:34:56`. A server can claim any time: one that no calendar has is shown as dashes.
pub(crate) fn local_time(timestamp_ms: u64) -> String {
    i64::try_from(timestamp_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).map_or_else(
        || "--:--:--".to_owned(),
        |timestamp| timestamp.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string(),
    )
}

/// The time of day here, now.
pub(crate) fn local_time_now() -> String {
    Timestamp::now().to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// `<name> text`, both escaped.
pub(crate) fn said(username: &str, content: &str) -> String {
    format!("<{}> {}", escape::username(username), escape::text(content))
}

impl<'a> EventJson<'a> {
    /// `None` for errors: they are no part of what a room says.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Message { user_id, timestamp_ms, username, room, content } => {
                Self::Message { user_id: *user_id, timestamp_ms: *timestamp_ms, username, room, content }
            }
            Event::Joined { user_id, username, room } => Self::Joined { user_id: *user_id, username, room },
            Event::Left { user_id, username, room } => Self::Left { user_id: *user_id, username, room },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_shown() {
        let is_time = |text: &str| text.len() == 8 && text.chars().filter(|&scalar| scalar == ':').count() == 2;
        for timestamp_ms in [0, 1_700_000_000_000, u64::MAX, i64::MAX as u64] {
            assert!(is_time(&local_time(timestamp_ms)), "{timestamp_ms}");
        }
        assert_eq!(local_time(u64::MAX), "--:--:--");
        assert!(is_time(&local_time_now()));
    }

    #[test]
    fn a_line_holds_both_names_and_texts_in_check() {
        assert_eq!(said("a>b", "hi\x1b"), "<a\\u{3e}b> hi\\u{1b}");
    }
}
