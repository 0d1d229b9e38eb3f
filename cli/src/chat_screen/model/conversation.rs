//! Messages, joins and leaves in the rooms, of others and our own.

use cafewire_core::ErrorCode;
use cafewire_net::client::{Event, Received};

use super::Model;
use crate::chat_screen::bounds::{MAX_ROOMS, MAX_UNSENT};
use crate::chat_screen::clock::Now;
use crate::chat_screen::connection_state::QueueFull;
use crate::chat_screen::effect::Effect;
use crate::chat_screen::room::{Content, Membership, NoteKind, Room};
use crate::requests::{Answer, Request};
use crate::values;

impl Model {
    pub(super) fn take_event(&mut self, now: Now, received: &Received) -> Vec<Effect> {
        let answer = self.connection.requests().answer(received);
        let is_own = answer != Answer::Unrelated;
        match &received.event {
            Event::Message { user_id, timestamp_ms, username, room, content } => {
                let Some(index) = self.room_index(room) else { return Vec::new() };
                self.rooms[index].members.heard(username);
                if !self.ignored.contains(username) {
                    let is_mention = !is_own && mentions(content, self.username());
                    let (username, text) = (username.clone(), content.clone());
                    let (user_id, timestamp_ms) = (*user_id, *timestamp_ms);
                    self.push(
                        index,
                        now,
                        Content::Said { user_id, timestamp_ms, username, text, is_own, is_mention },
                    );
                }
                Vec::new()
            }
            Event::Joined { user_id, username, room } => {
                match self.room_index(room) {
                    Some(index) if is_own => self.entered(now, index),
                    Some(index) => self.came_or_went(now, index, *user_id, username, true),
                    // The room was left again before the server signed us in.
                    None => {}
                }
                Vec::new()
            }
            Event::Left { user_id, username, room } => {
                match self.room_index(room) {
                    Some(index) if answer == Answer::OutOfOrder => {
                        self.rooms[index].membership = Membership::Out;
                        let note = "the server has taken you out of this room; \
                                    /join ROOM tries to go back";
                        self.note_in(index, now, NoteKind::Warning, note.to_owned());
                    }
                    // The room was left and joined again before the answer came.
                    Some(_) if is_own => {}
                    Some(index) => self.came_or_went(now, index, *user_id, username, false),
                    None => {}
                }
                Vec::new()
            }
            Event::Error { code, message } if code.closes() => {
                self.last_words = Some(format!("{message} [{code}]"));
                Vec::new()
            }
            Event::Error { code, message } => {
                self.refused(now, answer, *code, message);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn came_or_went(&mut self, now: Now, index: usize, user_id: u32, username: &str, came: bool) {
        let members = &mut self.rooms[index].members;
        if came {
            members.heard(username);
        } else {
            members.left(username);
        }
        if !self.ignored.contains(username) {
            let username = username.to_owned();
            let content = if came {
                Content::Joined { user_id, username }
            } else {
                Content::Left { user_id, username }
            };
            self.push(index, now, content);
        }
    }

    fn refused(&mut self, now: Now, answer: Answer, code: ErrorCode, message: &str) {
        let why = format!("{message} [{code}]");
        match answer {
            Answer::Refused(Request::Join { room }) => {
                let Some(index) = self.room_index(&room) else { return };
                if code == ErrorCode::AlreadyInRoom {
                    self.entered(now, index);
                    return;
                }
                self.rooms[index].membership = Membership::Out;
                let unsaid = self.connection.drop_unsent(&room);
                let unsaid = if unsaid == 0 {
                    String::new()
                } else {
                    format!("; lines that were not said: {unsaid}")
                };
                let note = format!(
                    "not joined: {why}{unsaid}. /join {room} tries again, /leave closes this page"
                );
                self.note_in(index, now, NoteKind::Warning, note);
            }
            Answer::Refused(Request::Send { room, content }) => {
                let index = self.room_index(&room).unwrap_or(self.current);
                self.note_in(index, now, NoteKind::Warning, format!("not said: {why}: {content}"));
            }
            // The refused Leave was for a room that we were not in, so the state is the wanted one.
            Answer::Refused(Request::Leave { .. }) if code == ErrorCode::NotInRoom => {}
            Answer::Refused(Request::Leave { room }) => {
                self.note(now, NoteKind::Warning, format!("cannot leave {room}: {why}"));
            }
            Answer::Done(_) | Answer::OutOfOrder | Answer::Unrelated => {
                self.note(now, NoteKind::Warning, format!("the server complains: {why}"));
            }
        }
    }

    /// Sends a text to the current room, now or after the next sign-in. An `Err` is a sentence for
    /// the user.
    pub(super) fn say(&mut self, now: Now, text: &str) -> Result<Vec<Effect>, String> {
        let room = self.room();
        match room.membership {
            Membership::Home => {
                return Err("not said: this page is no room; /join ROOM, or Alt-1".to_owned());
            }
            Membership::Out => {
                return Err(format!("not said: you are not in this room; /join {}", room.name));
            }
            Membership::Wanted | Membership::In => {}
        }
        let room = room.name.clone();
        values::content(text, &room).map_err(|error| format!("not said: {error}"))?;
        let request = Request::Send { room, content: text.to_owned() };
        self.connection.ask(now.running, request).map_err(|QueueFull| queue_full())
    }

    /// Joins a room, or switches to it if it is joined.
    pub(super) fn join(&mut self, now: Now, name: &str) -> Result<Vec<Effect>, String> {
        if let Some(index) = self.room_index(name) {
            self.switch_to(index);
            if self.rooms[index].membership != Membership::Out {
                return Ok(Vec::new());
            }
            self.rooms[index].membership = Membership::Wanted;
        } else {
            let index = self.open_room(name, now)?;
            self.switch_to(index);
        }
        if !self.connection.is_online() {
            return Ok(Vec::new());
        }
        self.connection
            .ask(now.running, Request::Join { room: name.to_owned() })
            .map_err(|QueueFull| queue_full())
    }

    /// Leaves a room and closes its page.
    pub(super) fn leave(&mut self, now: Now, name: Option<&str>) -> Result<Vec<Effect>, String> {
        let name = name.unwrap_or(&self.room().name).to_owned();
        let Some(index) = self.room_index(&name) else {
            return Err(if name.is_empty() {
                "this page is no room: there is nothing to leave".to_owned()
            } else {
                format!("you are not in {name}")
            });
        };
        let was_asked_for = self.rooms[index].membership != Membership::Out;
        let unsaid = self.connection.drop_unsent(&name);
        self.rooms.remove(index);
        if self.current > index || self.current == self.rooms.len() {
            self.current -= 1;
        }
        if unsaid > 0 {
            self.note(
                now,
                NoteKind::Warning,
                format!("lines for {name} that were not said: {unsaid}"),
            );
        }
        if !was_asked_for || !self.connection.is_online() {
            return Ok(Vec::new());
        }
        self.connection
            .ask(now.running, Request::Leave { room: name })
            .map_err(|QueueFull| queue_full())
    }

    /// Opens a page for a room to be joined. `Err`, and a note on the first page, if there are too
    /// many rooms.
    pub(super) fn open_room(&mut self, name: &str, now: Now) -> Result<usize, String> {
        if self.rooms.len() > MAX_ROOMS {
            let why = format!(
                "not joined: {name}: {MAX_ROOMS} rooms are open, and no more can be; \
                 /leave one first"
            );
            self.note_in(0, now, NoteKind::Warning, why.clone());
            return Err(why);
        }
        self.rooms.push(Room::new(name, Membership::Wanted));
        Ok(self.rooms.len() - 1)
    }
}

fn queue_full() -> String {
    format!(
        "not sent: {MAX_UNSENT} lines wait to be sent already, and no more can; \
         try again when they are gone"
    )
}

/// Whether a text holds a name as a word, in any case.
fn mentions(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    text.match_indices(&name).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + name.len()..].chars().next();
        [before, after].into_iter().flatten().all(|neighbour| !neighbour.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_mention_is_a_word() {
        for text in ["ada", "Ada: hello", "ask @ADA!", "no adam, but ada"] {
            assert!(mentions(text, "ada"), "{text}");
        }
        for text in ["", "adam", "canada", "a da"] {
            assert!(!mentions(text, "ada"), "{text}");
        }
        assert!(!mentions("anything", ""));
    }
}
