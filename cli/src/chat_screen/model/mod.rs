//! The chat screen's state: everything that is shown, and requests under way. Pure: it takes events
//! and their times, and returns effects.

mod commands;
mod connection;
mod conversation;
mod prompts;
mod scroll;
#[cfg(test)]
mod tests;
mod typing;

use std::collections::BTreeSet;

use cafewire_net::Address;
use crossterm::event::{MouseButton, MouseEventKind};
use jiff::tz::TimeZone;

use super::clock::Now;
use super::complete::Candidates;
use super::connection_state::ConnectionState;
use super::editor::Editor;
use super::effect::{Effect, Input};
use super::history::History;
use super::keys;
use super::room::{Content, Membership, NoteKind, Room};
use super::view::layout::Areas;
use super::view::theme::Theme;

pub(crate) use prompts::Prompt;

/// Initial values of the screen.
pub(crate) struct Setup {
    pub(crate) address: Address,
    /// `None` makes the screen ask for a name.
    pub(crate) username: Option<String>,
    /// Rooms to join; the first is shown.
    pub(crate) rooms: Vec<String>,
    pub(crate) history: History,
    pub(crate) theme: Theme,
    pub(crate) time_zone: TimeZone,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    /// Seed of random numbers.
    pub(crate) seed: u64,
    pub(crate) detail: Detail,
}

/// Amount of notes beside the messages of the rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// No hints.
    Less,
    #[default]
    Usual,
    /// The address of each connection, and each attempt that failed.
    More,
}

pub(crate) struct Model {
    pub(crate) connection: ConnectionState,
    /// The first is this client's own page and always there.
    pub(crate) rooms: Vec<Room>,
    /// Index of the room that is shown.
    pub(crate) current: usize,
    pub(crate) editor: Editor,
    pub(crate) history: History,
    pub(crate) prompt: Option<Prompt>,
    /// Set while Tab is pressed again and again.
    completing: Option<Completing>,
    pub(crate) ignored: BTreeSet<String>,
    /// Events are shown as the server sent them.
    pub(crate) is_raw: bool,
    is_focused: bool,
    detail: Detail,
    pub(crate) size: (u16, u16),
    pub(crate) time_zone: TimeZone,
    pub(crate) theme: Theme,
    /// The server's reason for closing the connection.
    last_words: Option<String>,
    /// The last line or Ctrl-D asked to leave while messages were under way.
    has_asked_to_quit: bool,
    /// The last key was Ctrl-C.
    was_interrupted: bool,
}

struct Completing {
    candidates: Candidates,
    chosen: usize,
}

impl Model {
    /// The initial state, and its first effects.
    pub(crate) fn new(setup: Setup, now: Now) -> (Self, Vec<Effect>) {
        let Setup { address, username, rooms, history, theme, time_zone, size, seed, detail } =
            setup;
        let mut model = Self {
            connection: ConnectionState::new(address, username, seed),
            rooms: vec![Room::new("", Membership::Home)],
            current: 0,
            editor: Editor::default(),
            history,
            prompt: None,
            completing: None,
            ignored: BTreeSet::new(),
            is_raw: false,
            is_focused: true,
            detail,
            size,
            time_zone,
            theme,
            last_words: None,
            has_asked_to_quit: false,
            was_interrupted: false,
        };
        for room in rooms {
            // Too many rooms: the first page has the note.
            let _ = model.open_room(&room, now);
        }
        model.current = usize::from(model.rooms.len() > 1);
        if detail != Detail::Less {
            model.hint(now);
        }
        if model.connection.username.is_none() {
            model.ask_for_name(now, "Under which name do you want to sign in? Up to 32 bytes.");
        }
        let effects = model.connection.connect();
        (model, effects)
    }

    /// Hints for a first-time user.
    fn hint(&mut self, now: Now) {
        let hint = "Tab completes, PgUp scrolls, /help lists all keys and commands.".to_owned();
        self.note_in(0, now, NoteKind::Plain, hint);
        if self.current == 0 {
            self.note_in(0, now, NoteKind::Plain, "/join ROOM to talk.".to_owned());
        }
    }

    /// Applies an event that happened at `now`. Returns its effects.
    pub(crate) fn update(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let read_before = self.room_being_read().map(|room| room.name.clone());
        let effects = self.take(now, input);
        let read_now = self.room_being_read().map(|room| room.name.clone());
        if read_before != read_now {
            if let Some(room) = read_before.and_then(|name| self.room_mut(&name)) {
                room.stop_reading();
            }
            if let Some(room) = read_now.and_then(|name| self.room_mut(&name)) {
                room.begin_reading();
            }
        }
        effects
    }

    fn take(&mut self, now: Now, input: Input) -> Vec<Effect> {
        match input {
            Input::Key(key) => {
                keys::action(key).map_or_else(Vec::new, |action| self.act(now, action))
            }
            Input::Paste(text) => self.paste(now, &text),
            Input::Mouse(mouse) => {
                match mouse.kind {
                    MouseEventKind::ScrollUp => self.scroll_up(scroll::WHEEL_ROWS),
                    MouseEventKind::ScrollDown => self.scroll_down(scroll::WHEEL_ROWS),
                    MouseEventKind::Down(MouseButton::Left) => self.click(mouse.column, mouse.row),
                    _ => {}
                }
                Vec::new()
            }
            Input::Resized { width, height } => {
                self.size = (width, height);
                Vec::new()
            }
            Input::Focused(is_focused) => {
                self.is_focused = is_focused;
                Vec::new()
            }
            Input::Connection { number, event } if number == self.connection.number => {
                self.handle_connection_event(now, event)
            }
            Input::Connection { .. } => Vec::new(),
            Input::Tick => self.tick(now),
            Input::NotRemembered(why) => {
                let why = format!("typed lines are not kept for the next time: {why}");
                self.note(now, NoteKind::Warning, why);
                Vec::new()
            }
        }
    }

    pub(crate) fn room(&self) -> &Room {
        &self.rooms[self.current]
    }

    pub(crate) fn areas(&self) -> Areas {
        Areas::of(self.size)
    }

    /// The name that we have, or sign in with next.
    pub(crate) fn username(&self) -> &str {
        self.connection.username.as_deref().unwrap_or_default()
    }

    fn room_mut(&mut self, name: &str) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.name == name)
    }

    fn room_index(&self, name: &str) -> Option<usize> {
        self.rooms.iter().position(|room| room.name == name && room.membership != Membership::Home)
    }

    fn room_being_read(&self) -> Option<&Room> {
        Some(self.room()).filter(|room| self.is_focused && room.scroll.is_none())
    }

    /// Adds a line to a room, after a date if that has changed.
    fn push(&mut self, index: usize, now: Now, content: Content) {
        let is_read = self
            .room_being_read()
            .is_some_and(|room| std::ptr::eq(room, &raw const self.rooms[index]));
        let date = crate::format::local_date(now.unix_ms, &self.time_zone);
        let room = &mut self.rooms[index];
        if room.last_date.as_ref().is_some_and(|last| *last != date) {
            room.push(now.unix_ms, Content::NewDay(date.clone()), is_read);
        }
        room.last_date = Some(date);
        room.push(now.unix_ms, content, is_read);
    }

    /// Adds a note for the user to the page that is shown.
    fn note(&mut self, now: Now, kind: NoteKind, text: String) {
        self.note_in(self.current, now, kind, text);
    }

    fn note_in(&mut self, index: usize, now: Now, kind: NoteKind, text: String) {
        self.push(index, now, Content::Note(kind, text));
    }
}
