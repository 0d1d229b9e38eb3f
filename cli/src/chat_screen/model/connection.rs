//! Changes of the connection, and their consequences for the rooms and the status.

use cafewire_core::ErrorCode;
use cafewire_net::PeerAddress;

use super::{Detail, Model, Prompt};
use crate::chat_screen::clock::Now;
use crate::chat_screen::effect::{ConnectionEvent, Effect};
use crate::chat_screen::room::{Membership, NoteKind};
use crate::requests::Request;

impl Model {
    pub(super) fn handle_connection_event(
        &mut self,
        now: Now,
        event: ConnectionEvent,
    ) -> Vec<Effect> {
        match event {
            ConnectionEvent::SignedIn { server_info, peer } => {
                self.signed_in(now, &server_info, peer)
            }
            ConnectionEvent::Chat(received) => {
                let mut effects = self.take_event(now, &received);
                effects.extend(self.connection.heard(now.running));
                effects
            }
            ConnectionEvent::Ended {
                why,
                code: Some(code @ (ErrorCode::UsernameTaken | ErrorCode::InvalidUsername)),
            } if !self.connection.is_online() => {
                self.name_refused(now, why, code);
                Vec::new()
            }
            ConnectionEvent::Ended { why, .. } => {
                self.lost(now, why);
                Vec::new()
            }
        }
    }

    pub(super) fn tick(&mut self, now: Now) -> Vec<Effect> {
        match self.connection.tick(now.running) {
            Ok(effects) => effects,
            Err(why) => {
                let number = self.connection.number;
                self.lost(now, why);
                vec![Effect::HangUp { number }]
            }
        }
    }

    fn signed_in(&mut self, now: Now, server_info: &str, peer: Option<PeerAddress>) -> Vec<Effect> {
        if matches!(self.prompt, Some(Prompt::Name)) {
            self.prompt = None;
        }
        let greeting = format!("connected as {} to {}", self.username(), self.connection.address);
        let greeting =
            if server_info.is_empty() { greeting } else { format!("{greeting} ({server_info})") };
        self.note_in(0, now, NoteKind::Plain, greeting);
        if let (Detail::More, Some(peer)) = (self.detail, peer) {
            self.note_in(
                0,
                now,
                NoteKind::Plain,
                format!("{} was found at {peer}", self.connection.address),
            );
        }
        self.last_words = None;
        let rooms = self.rooms.iter().filter(|room| room.membership == Membership::Wanted);
        let rooms = rooms.map(|room| room.name.clone()).collect();
        self.connection.signed_in(now.running, rooms)
    }

    fn lost(&mut self, now: Now, why: String) {
        // The server's own reason says more than the closed connection.
        let why = self.last_words.take().unwrap_or(why);
        let was_online = self.connection.is_online();
        let is_first_failure = self.connection.failures() == 0;
        let uncertain = self.connection.lost(now.running, why.clone());
        if was_online {
            self.leave_rooms_unwillingly(now, &format!("connection lost: {why}"));
        } else if is_first_failure || self.detail == Detail::More {
            if self.current != 0 {
                // An empty room needs a reason too.
                self.note(now, NoteKind::Warning, why.clone());
            }
            self.note_in(0, now, NoteKind::Warning, why);
        }
        self.report_uncertain(now, uncertain);
    }

    /// Marks all rooms as left, to be joined again.
    pub(super) fn leave_rooms_unwillingly(&mut self, now: Now, why: &str) {
        for index in 0..self.rooms.len() {
            let room = &mut self.rooms[index];
            match room.membership {
                Membership::In => {
                    room.membership = Membership::Wanted;
                    room.away_since = Some(now.unix_ms);
                }
                Membership::Home | Membership::Wanted => {}
                Membership::Out => continue,
            }
            self.note_in(index, now, NoteKind::Warning, why.to_owned());
        }
    }

    pub(super) fn report_uncertain(
        &mut self,
        now: Now,
        uncertain: impl IntoIterator<Item = Request>,
    ) {
        for request in uncertain {
            if let Request::Send { room, content } = request
                && let Some(index) = self.room_index(&room)
            {
                let note = format!("perhaps not delivered, and not sent again: {content}");
                self.note_in(index, now, NoteKind::Warning, note);
            }
        }
    }

    fn name_refused(&mut self, now: Now, why: String, code: ErrorCode) {
        self.connection.name_refused(now.running, why.clone());
        let is_retried = !matches!(
            self.connection.phase,
            crate::chat_screen::connection_state::Phase::NeedsName
        );
        let advice = match code {
            ErrorCode::UsernameTaken if is_retried => {
                "Perhaps your own lost connection still holds it: it is tried again. \
                 Or type another name."
            }
            _ => "Type another name.",
        };
        if matches!(self.prompt, Some(Prompt::Name)) && is_retried {
            return;
        }
        self.ask_for_name(now, &format!("{why}. {advice}"));
    }

    /// Our join was answered, the first one or one after a lost connection.
    pub(super) fn entered(&mut self, now: Now, index: usize) {
        let name = self.username().to_owned();
        let room = &mut self.rooms[index];
        room.membership = Membership::In;
        let known: Vec<String> =
            room.members.names().filter(|known| *known != name).map(str::to_owned).collect();
        room.members.clear();
        room.members.heard(&name);
        let Some(away_since) = self.rooms[index].away_since.take() else {
            self.note_in(index, now, NoteKind::Plain, "you joined".to_owned());
            return;
        };
        let seconds = now.unix_ms.saturating_sub(away_since).div_ceil(1000);
        let note = format!(
            "back after {}; what was said meanwhile is not here: protocol version 1 has no history",
            crate::format::rough_span(seconds)
        );
        self.note_in(index, now, NoteKind::Warning, note);
        self.warn_of_an_empty_room(now, index, &known);
    }

    /// What waited is said now. The members of before may be back or not: nothing tells, until they
    /// speak or join.
    fn warn_of_an_empty_room(&mut self, now: Now, index: usize, known: &[String]) {
        let unsent = self.connection.unsent_in(&self.rooms[index].name);
        if unsent == 0 || known.is_empty() {
            return;
        }
        let what = if unsent == 1 {
            "1 line that waited is".to_owned()
        } else {
            format!("{unsent} lines that waited are")
        };
        let note = format!(
            "{what} said now, but {} not been seen here since the connection was lost",
            have(known)
        );
        self.note_in(index, now, NoteKind::Warning, note);
    }
}

/// Names of members, few of them by name, and the verb.
fn have(names: &[String]) -> String {
    const NAMED_MAX: usize = 3;
    let named = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>();
    match (named.as_slice(), names.len().saturating_sub(NAMED_MAX)) {
        ([one], _) => format!("{one} has"),
        ([all @ .., last], 0) => format!("{} and {last} have", all.join(", ")),
        (named, more) => format!("{} and {more} more have", named.join(", ")),
    }
}
