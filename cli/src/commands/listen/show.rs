//! What `listen` prints: text or JSON on standard output, and remarks on standard error.

use std::time::{SystemTime, UNIX_EPOCH};

use cafewire_net::client::{ChatClient, Event};

use super::ListenArgs;
use crate::escape;
use crate::failure::Failure;
use crate::format::{self, EventJson};
use crate::output;

pub(super) struct Show<'a> {
    /// Each of them once.
    rooms: Vec<&'a str>,
    as_json: bool,
    /// Of the last line, at first today's.
    day: Option<String>,
}

impl<'a> Show<'a> {
    pub(super) fn new(args: &'a ListenArgs) -> Self {
        let mut rooms: Vec<&str> = Vec::new();
        for room in &args.rooms {
            if !rooms.contains(&room.as_str()) {
                rooms.push(room);
            }
        }
        let day = format::local_day(unix_ms(SystemTime::now()));
        Self { rooms, as_json: args.json, day }
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.rooms.clone().into_iter()
    }

    /// Announces, on standard error, that messages of all rooms are complete from here on.
    pub(super) fn joined(&self, client: &ChatClient) {
        let rooms: Vec<_> =
            self.rooms.iter().map(|room| format!("[{}]", escape::room(room))).collect();
        let name = escape::username(client.username());
        output::notice(format_args!("listening to {} as <{name}>", rooms.join(", ")));
    }

    /// Between these times a connection was lost, and made again.
    pub(super) fn missing(since: SystemTime, until: SystemTime) {
        output::remark(format_args!(
            "cafewire: connected again; from {} to {} something may be missing",
            format::local_moment(unix_ms(since)),
            format::local_moment(unix_ms(until))
        ));
    }

    /// The same of one room, for programs.
    pub(super) fn gap(
        &self,
        room: &str,
        since: SystemTime,
        until: SystemTime,
    ) -> Result<(), Failure> {
        if !self.as_json {
            return Ok(());
        }
        output::json(&EventJson::Gap { room, from_ms: unix_ms(since), until_ms: unix_ms(until) })
    }

    pub(super) fn event(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            event if self.as_json => {
                EventJson::of(event).map_or(Ok(()), |event| output::json(&event))
            }
            Event::Message { timestamp_ms, username, room, content, .. } => {
                let said = format::said(username, content);
                let mut time = format::local_time(*timestamp_ms);
                let day = format::local_day(*timestamp_ms);
                if let Some(changed) = day.filter(|day| self.day.as_ref() != Some(day)) {
                    time = format!("{changed} {time}");
                    self.day = Some(changed);
                }
                if self.rooms.len() > 1 {
                    output::line(format_args!("{time} [{}] {said}", escape::room(room)))
                } else {
                    output::line(format_args!("{time} {said}"))
                }
            }
            _ => Ok(()),
        }
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
