//! For tests: a user at the chat screen. Types, waits, delivers events of the server, and reads the
//! screen.

use std::net::SocketAddr;
use std::time::Duration;

use cafewire_core::ErrorCode;
use cafewire_net::PeerAddress;
use cafewire_net::client::Event;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use unicode_width::UnicodeWidthStr as _;

use super::clock::Now;
use super::effect::{ConnectionEvent, Effect, Input};
use super::history::History;
use super::model::{Detail, Model, Setup};
use super::view;
use super::view::theme::{ColourDepth, Theme};
use crate::requests::Request;
use crate::requests::test_session::TestSession;
use crate::theme_name::ThemeName;

/// 2026-05-01 12:00:00 UTC.
pub(super) const NOON_MS: u64 = 1_777_636_800_000;

pub(super) const OWN_ID: u32 = 7;

pub(super) struct Harness {
    pub(super) model: Model,
    pub(super) now: Now,
    /// Effects that no test has consumed yet.
    pub(super) effects: Vec<Effect>,
    /// Of the latest sign-in.
    session: TestSession,
}

impl Harness {
    /// A screen before the server has answered.
    pub(super) fn new(username: Option<&str>, rooms: &[&str]) -> Self {
        Self::with(Detail::Usual, username, rooms)
    }

    pub(super) fn with(detail: Detail, username: Option<&str>, rooms: &[&str]) -> Self {
        let now = Now { running: Duration::ZERO, unix_ms: NOON_MS };
        let setup = Setup {
            address: "127.0.0.1:8080".parse().unwrap(),
            username: username.map(str::to_owned),
            rooms: rooms.iter().map(|&room| room.to_owned()).collect(),
            history: History::default(),
            theme: Theme::new(ThemeName::Dark, ColourDepth::TwoHundredFiftySix),
            time_zone: TimeZone::UTC,
            size: (80, 24),
            seed: 1,
            detail,
        };
        let (model, effects) = Model::new(setup, now);
        Self { model, now, effects, session: TestSession::signed_in(OWN_ID) }
    }

    /// Signed in as ada, in these rooms.
    pub(super) fn in_rooms(rooms: &[&str]) -> Self {
        let mut harness = Self::new(Some("ada"), rooms);
        harness.sign_in();
        harness
    }

    /// Signs in, and answers all requests.
    pub(super) fn sign_in(&mut self) {
        self.signed_in();
        self.answer_all();
    }

    pub(super) fn signed_in(&mut self) {
        let peer = Some(PeerAddress::from(SocketAddr::from(([127, 0, 0, 1], 8080))));
        self.session = TestSession::signed_in(OWN_ID);
        self.handle_connection_event(ConnectionEvent::SignedIn {
            server_info: String::new(),
            peer,
        });
    }

    pub(super) fn give(&mut self, input: Input) {
        let effects = self.model.update(self.now, input);
        for effect in &effects {
            if let Effect::Send { request, .. } = effect {
                self.session.send(request);
            }
        }
        self.effects.extend(effects);
    }

    pub(super) fn handle_connection_event(&mut self, event: ConnectionEvent) {
        self.give(Input::Connection { number: self.model.connection.number, event });
    }

    pub(super) fn event(&mut self, event: Event) {
        let received = self.session.receive(event);
        self.handle_connection_event(ConnectionEvent::Chat(received));
    }

    pub(super) fn refuse(&mut self, code: ErrorCode, message: &str) {
        self.event(Event::Error { code, message: message.to_owned() });
    }

    pub(super) fn lose(&mut self, why: &str) {
        self.handle_connection_event(ConnectionEvent::Ended { why: why.to_owned(), code: None });
    }

    pub(super) fn refuse_name(&mut self, code: ErrorCode) {
        self.handle_connection_event(ConnectionEvent::Ended {
            why: format!("the server refused: {code}"),
            code: Some(code),
        });
    }

    /// A member sends a text, a second later.
    pub(super) fn said(&mut self, name: &str, room: &str, text: &str) {
        self.pass(1000);
        let user_id = if name == self.model.username() { OWN_ID } else { 8 };
        let (username, room, content) = (name.to_owned(), room.to_owned(), text.to_owned());
        self.event(Event::Message {
            user_id,
            timestamp_ms: self.now.unix_ms,
            username,
            room,
            content,
        });
    }

    pub(super) fn joined(&mut self, name: &str, room: &str) {
        self.event(Event::Joined { user_id: 8, username: name.to_owned(), room: room.to_owned() });
    }

    pub(super) fn left(&mut self, name: &str, room: &str) {
        self.event(Event::Left { user_id: 8, username: name.to_owned(), room: room.to_owned() });
    }

    /// Answers every request with success.
    pub(super) fn answer_all(&mut self) {
        while let Some(request) = self.take_request() {
            let username = self.model.username().to_owned();
            match request {
                Request::Join { room } => {
                    self.event(Event::Joined { user_id: OWN_ID, username, room });
                }
                Request::Leave { room } => {
                    self.event(Event::Left { user_id: OWN_ID, username, room });
                }
                Request::Send { room, content } => self.said(&username, &room, &content),
            }
        }
    }

    /// The oldest request that was sent and not consumed yet.
    pub(super) fn take_request(&mut self) -> Option<Request> {
        let position =
            self.effects.iter().position(|effect| matches!(effect, Effect::Send { .. }))?;
        match self.effects.remove(position) {
            Effect::Send { request, .. } => Some(request),
            _ => None,
        }
    }

    /// All requests sent and not consumed yet.
    pub(super) fn take_requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.take_request()).collect()
    }

    /// Advances both clocks.
    pub(super) fn pass(&mut self, millis: u64) {
        self.now.running += Duration::from_millis(millis);
        self.now.unix_ms += millis;
    }

    /// Advances both clocks and delivers a tick.
    pub(super) fn wait(&mut self, millis: u64) {
        self.pass(millis);
        self.give(Input::Tick);
    }

    /// Ticks whenever the state wants to be woken, until it connects. Returns the milliseconds
    /// passed.
    pub(super) fn wait_until_it_connects(&mut self) -> u64 {
        let start = self.now.unix_ms;
        self.effects.clear();
        while !self.effects.iter().any(|effect| matches!(effect, Effect::Connect { .. })) {
            let wake_up = self
                .model
                .connection
                .next_wake_up(self.now.running)
                .expect("it waits for something");
            self.wait(u64::try_from((wake_up - self.now.running).as_millis()).unwrap().max(1));
        }
        self.now.unix_ms - start
    }

    pub(super) fn press(&mut self, code: KeyCode) {
        self.give(Input::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub(super) fn ctrl(&mut self, letter: char) {
        self.give(Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    pub(super) fn alt(&mut self, letter: char) {
        self.give(Input::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::ALT)));
    }

    pub(super) fn types(&mut self, text: &str) {
        for scalar in text.chars() {
            self.press(KeyCode::Char(scalar));
        }
    }

    pub(super) fn enters(&mut self, line: &str) {
        self.types(line);
        self.press(KeyCode::Enter);
    }

    pub(super) fn pastes(&mut self, text: &str) {
        self.give(Input::Paste(text.to_owned()));
    }

    /// The screen at this size, a line per row without the spaces at its end. The cursor is not
    /// shown.
    pub(super) fn screen(&mut self, width: u16, height: u16) -> String {
        let buffer = self.draw(width, height);
        let mut rows = Vec::new();
        for y in 0..height {
            let mut row = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(symbol.width().max(1)).unwrap();
            }
            rows.push(row.trim_end().to_owned());
        }
        rows.join("\n")
    }

    /// The same with its styles.
    pub(super) fn draw(&mut self, width: u16, height: u16) -> ratatui::buffer::Buffer {
        self.give(Input::Resized { width, height });
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view::draw(frame, &self.model, self.now)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The row of an 80-column screen that holds this text.
    pub(super) fn row_with(&mut self, needle: &str) -> String {
        let screen = self.screen(80, 24);
        let row = screen.lines().find(|row| row.contains(needle));
        row.unwrap_or_else(|| panic!("no {needle:?} in\n{screen}")).to_owned()
    }

    /// Whether the text is on a screen wide enough that nothing is wrapped or cut. The size stays
    /// as it was.
    pub(super) fn shows(&mut self, needle: &str) -> bool {
        let (width, height) = self.model.size;
        let shown = self.screen(300, 60).contains(needle);
        self.give(Input::Resized { width, height });
        shown
    }

    /// Whether the text is on a screen of 80 by 24.
    pub(super) fn sees(&mut self, needle: &str) -> bool {
        self.screen(80, 24).contains(needle)
    }
}
