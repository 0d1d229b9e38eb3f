//! Commands, and their answers.

use super::Model;
use crate::chat_line::Intent;
use crate::chat_screen::bounds::MAX_IGNORED;
use crate::chat_screen::clock::Now;
use crate::chat_screen::command::{self, COMMANDS, Command, KEYS};
use crate::chat_screen::effect::Effect;
use crate::chat_screen::room::{Membership, NoteKind};

impl Model {
    /// Runs the command of a line. An `Err` is a sentence for the user, and then no state changed.
    pub(super) fn run_command(&mut self, now: Now, line: &str) -> Result<Vec<Effect>, String> {
        match command::parse(line)? {
            Command::Basic(intent) => return self.run_intent(now, intent),
            Command::Who => self.who(now),
            Command::Rooms => self.list_rooms(now),
            Command::Message => {
                return Err(
                    "not sent: protocol version 1 has no messages to one person, only to rooms"
                        .to_owned(),
                );
            }
            Command::Ignore(Some(name)) => self.ignore(now, name)?,
            Command::Ignore(None) => {
                let names: Vec<&str> = self.ignored.iter().map(String::as_str).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                self.note(now, NoteKind::Plain, format!("ignored: {names}"));
            }
            Command::Clear => self.rooms[self.current].clear(),
            Command::Raw => self.is_raw = !self.is_raw,
            Command::Connect(address) => return Ok(self.connect(now, address)),
        }
        Ok(Vec::new())
    }

    fn run_intent(&mut self, now: Now, intent: Intent<'_>) -> Result<Vec<Effect>, String> {
        match intent {
            Intent::Nothing => Ok(Vec::new()),
            Intent::Say(text) => self.say(now, text),
            Intent::Join(room) => self.join(now, room),
            Intent::Leave(room) => self.leave(now, room),
            Intent::Switch(room) => match self.room_index(room) {
                Some(index) => {
                    self.switch_to(index);
                    Ok(Vec::new())
                }
                None => Err(format!("you are not in {room}: /join {room}")),
            },
            Intent::Quit => Ok(self.quit(now)),
            Intent::Help => {
                self.help(now);
                Ok(Vec::new())
            }
            Intent::Unclear(why) => Err(why),
        }
    }

    /// Leaves; while messages are under way, only when asked a second time.
    pub(super) fn quit(&mut self, now: Now) -> Vec<Effect> {
        let undelivered = self.connection.undelivered();
        if undelivered > 0 && !self.has_asked_to_quit {
            self.has_asked_to_quit = true;
            let note =
                format!("{undelivered} not delivered yet; leave again to leave all the same");
            self.note(now, NoteKind::Warning, note);
            return Vec::new();
        }
        vec![Effect::Quit]
    }

    fn connect(&mut self, now: Now, address: Option<cafewire_net::Address>) -> Vec<Effect> {
        if self.connection.is_online() {
            self.leave_rooms_unwillingly(now, "connecting again");
        }
        let (uncertain, effects) = self.connection.choose(address, None);
        self.report_uncertain(now, uncertain);
        effects
    }

    fn who(&mut self, now: Now) {
        if self.room().membership == Membership::Home {
            self.note(now, NoteKind::Plain, "this page is no room: it has no members".to_owned());
            return;
        }
        let members = &self.room().members;
        let mut names: Vec<&str> = members.names().collect();
        if members.is_overfull() {
            names.push("and more");
        }
        let note = format!(
            "seen here: {}. Protocol version 1 has no list of members: those that came before you \
             and are silent are not known",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
        self.note(now, NoteKind::Plain, note);
    }

    fn list_rooms(&mut self, now: Now) {
        let rooms: Vec<String> = self
            .rooms
            .iter()
            .filter(|room| room.membership != Membership::Home)
            .map(|room| match (room.membership, room.unread) {
                (Membership::Out, _) => format!("{} (not in it)", room.name),
                (Membership::Wanted, _) => format!("{} (to be joined)", room.name),
                (_, 0) => room.name.clone(),
                (_, unread) => format!("{} ({unread} unread)", room.name),
            })
            .collect();
        let note = format!(
            "your rooms: {}. Protocol version 1 has no list of all rooms",
            if rooms.is_empty() { "none".to_owned() } else { rooms.join(", ") }
        );
        self.note(now, NoteKind::Plain, note);
    }

    fn ignore(&mut self, now: Now, name: &str) -> Result<(), String> {
        let note = if self.ignored.remove(name) {
            format!("what {name} says is shown again")
        } else if self.ignored.len() == MAX_IGNORED {
            return Err(format!(
                "{MAX_IGNORED} names are ignored, and no more can be; \
                 /ignore NAME frees one of them"
            ));
        } else {
            self.ignored.insert(name.to_owned());
            format!("what {name} says is hidden from now on; /ignore {name} shows it again")
        };
        self.note(now, NoteKind::Plain, note);
        Ok(())
    }

    fn help(&mut self, now: Now) {
        let commands = COMMANDS.iter().map(|entry| format!("{:<24} {}", entry.usage, entry.does));
        let text = ["//TEXT                   say a text that begins with /".to_owned()];
        let keys = KEYS.iter().map(|(keys, does)| format!("{keys:<24} {does}"));
        for line in commands.chain(text).chain(keys) {
            self.note(now, NoteKind::Plain, line);
        }
    }
}
