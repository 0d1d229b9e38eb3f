//! Forms of a room's events for people, and for programs. Pure, but for the time zone and the
//! effect of `-v`.

use std::io;

use cafewire_net::client::Event;
use cafewire_net::{Address, PeerAddress};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::escape;
use crate::output;

/// An event as one JSON object; `--help` of `listen` documents the fields.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum EventJson<'a> {
    Message {
        user_id: u32,
        timestamp_ms: u64,
        username: &'a str,
        room: &'a str,
        content: &'a str,
    },
    Joined {
        user_id: u32,
        username: &'a str,
        room: &'a str,
    },
    Left {
        user_id: u32,
        username: &'a str,
        room: &'a str,
    },
    /// Events between these times may be missing.
    Gap {
        room: &'a str,
        from_ms: u64,
        until_ms: u64,
    },
}

/// Prints, with `-v`, the address of a connection: a name may have many.
pub(crate) fn connected(address: &Address, peer: io::Result<PeerAddress>) {
    match found(peer) {
        Some(peer) => output::detail(format_args!("connected to {address}, at {peer}")),
        None => output::detail(format_args!("connected to {address}")),
    }
}

/// The peer's address, if it is of the kind that names are resolved to.
pub(crate) fn found(peer: io::Result<PeerAddress>) -> Option<PeerAddress> {
    peer.ok().filter(|peer| peer.ip().is_some())
}

/// The local time of day, as `12:34:56`. A server can claim any time: one that no calendar has is
/// shown as dashes.
pub(crate) fn local_time(timestamp_ms: u64) -> String {
    time_of_day(timestamp_ms, &TimeZone::system())
}

/// The time of day in a time zone.
pub(crate) fn time_of_day(timestamp_ms: u64, time_zone: &TimeZone) -> String {
    format_time(timestamp_ms, time_zone, "%H:%M:%S").unwrap_or_else(|| "--:--:--".to_owned())
}

/// The date in a time zone, as `Friday, 2026-05-01`.
pub(crate) fn local_date(timestamp_ms: u64, time_zone: &TimeZone) -> String {
    format_time(timestamp_ms, time_zone, "%A, %Y-%m-%d")
        .unwrap_or_else(|| "a date that no calendar has".to_owned())
}

/// The date here, as `2026-05-01`; `None` if no calendar has it.
pub(crate) fn local_day(timestamp_ms: u64) -> Option<String> {
    format_time(timestamp_ms, &TimeZone::system(), "%Y-%m-%d")
}

/// Date and time of day, here, as `2026-05-01 12:34:56`.
pub(crate) fn local_moment(timestamp_ms: u64) -> String {
    format_time(timestamp_ms, &TimeZone::system(), "%Y-%m-%d %H:%M:%S")
        .unwrap_or_else(|| "a time that no calendar has".to_owned())
}

fn format_time(timestamp_ms: u64, time_zone: &TimeZone, format: &str) -> Option<String> {
    let timestamp = Timestamp::from_millisecond(i64::try_from(timestamp_ms).ok()?).ok()?;
    Some(timestamp.to_zoned(time_zone.clone()).strftime(format).to_string())
}

/// A number of seconds, rounded for people: `7 s`, `12 min`, `3 h`, `2 days`.
pub(crate) fn rough_span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The local time of day, now.
pub(crate) fn local_time_now() -> String {
    Timestamp::now().to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// `<name> text`, both escaped.
pub(crate) fn said(username: &str, content: &str) -> String {
    format!("<{}> {}", escape::username(username), escape::text(content))
}

impl<'a> EventJson<'a> {
    /// `None` for errors, which are not part of a room's messages.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Message { user_id, timestamp_ms, username, room, content } => Self::Message {
                user_id: *user_id,
                timestamp_ms: *timestamp_ms,
                username,
                room,
                content,
            },
            Event::Joined { user_id, username, room } => {
                Self::Joined { user_id: *user_id, username, room }
            }
            Event::Left { user_id, username, room } => {
                Self::Left { user_id: *user_id, username, room }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_shown() {
        let is_time = |text: &str| {
            text.len() == 8 && text.chars().filter(|&scalar| scalar == ':').count() == 2
        };
        for timestamp_ms in [0, 1_700_000_000_000, u64::MAX, i64::MAX as u64] {
            assert!(is_time(&local_time(timestamp_ms)), "{timestamp_ms}");
        }
        assert_eq!(local_time(u64::MAX), "--:--:--");
        assert!(is_time(&local_time_now()));
    }

    #[test]
    fn dates_and_spans_as_people_say_them() {
        let paris = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(local_date(1_777_593_600_000, &paris), "Friday, 2026-05-01");
        assert_eq!(time_of_day(1_777_593_600_000, &paris), "02:00:00");
        assert!(!local_date(u64::MAX, &paris).is_empty());
        for (seconds, said) in
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 days")]
        {
            assert_eq!(rough_span(seconds), said);
        }
    }

    #[test]
    fn a_line_holds_both_names_and_texts_in_check() {
        assert_eq!(said("a>b", "hi\x1b"), "<a\\u{3e}b> hi\\u{1b}");
    }
}
