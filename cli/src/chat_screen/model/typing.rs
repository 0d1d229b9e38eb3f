//! Keys: the input line, and all other actions of keys.

use super::{Completing, Model, Prompt};
use crate::chat_screen::clock::Now;
use crate::chat_screen::complete;
use crate::chat_screen::editor::{Editor, Full};
use crate::chat_screen::effect::Effect;
use crate::chat_screen::keys::Action;
use crate::chat_screen::room::{Membership, NoteKind};

impl Model {
    pub(super) fn act(&mut self, now: Now, action: Action) -> Vec<Effect> {
        let was_interrupted = std::mem::take(&mut self.was_interrupted);
        if !matches!(action, Action::Complete | Action::CompleteBackwards) {
            self.completing = None;
        }
        match &self.prompt {
            Some(Prompt::Paste { .. }) if !matches!(action, Action::Redraw | Action::Suspend) => {
                return self.answer_paste(now, action);
            }
            Some(Prompt::Search { .. }) => {
                if let Some(effects) = self.answer_search(action) {
                    return effects;
                }
            }
            _ => {}
        }
        match action {
            Action::Enter => return self.enter(now),
            Action::Interrupt => return self.interrupt(now, was_interrupted),
            Action::EndOfInput if self.editor.is_empty() => return self.quit(now),
            Action::EndOfInput => self.editor.delete(),
            Action::Suspend => return vec![Effect::Suspend],
            Action::Redraw => return vec![Effect::Redraw],
            Action::Complete => self.complete(now, true),
            Action::CompleteBackwards => self.complete(now, false),
            Action::Search => {
                self.prompt = Some(Prompt::Search { query: String::new(), found: None });
            }
            Action::Older => {
                if let Some(line) = self.history.older(self.editor.text()) {
                    self.editor.replace(line);
                }
            }
            Action::Newer => {
                if let Some(line) = self.history.newer() {
                    self.editor.replace(line);
                }
            }
            Action::Room(index) => self.switch_to(index),
            Action::NextActiveRoom => self.switch_to_active(),
            Action::PreviousRoom => self.switch_by_one(false),
            Action::NextRoom => self.switch_by_one(true),
            Action::PageUp => self.scroll_up(self.page_rows()),
            Action::PageDown => self.scroll_down(self.page_rows()),
            Action::ScrollToEnd | Action::Escape => self.scroll_to_end(),
            _ => self.edit(now, action),
        }
        Vec::new()
    }

    /// Inserts text at the cursor, if there is room for it.
    pub(super) fn type_text(&mut self, now: Now, text: &str) {
        if self.editor.insert(text) == Err(Full) {
            self.line_is_full(now);
        }
    }

    fn edit(&mut self, now: Now, action: Action) {
        let mut buffer = [0; 4];
        let edited = match action {
            Action::Insert(scalar) => self.editor.insert(scalar.encode_utf8(&mut buffer)),
            Action::PutBack => self.editor.yank(),
            _ => {
                let edit = match action {
                    Action::Left => Editor::left,
                    Action::Right => Editor::right,
                    Action::WordLeft => Editor::word_left,
                    Action::WordRight => Editor::word_right,
                    Action::Home => Editor::home,
                    Action::End => Editor::end,
                    Action::Backspace => Editor::backspace,
                    Action::Delete => Editor::delete,
                    Action::CutToStart => Editor::cut_to_start,
                    Action::CutToEnd => Editor::cut_to_end,
                    Action::CutWord => Editor::cut_word,
                    _ => return,
                };
                edit(&mut self.editor);
                Ok(())
            }
        };
        if edited == Err(Full) {
            self.line_is_full(now);
        }
    }

    /// Runs the entered line, or notes why it cannot. A refused text or name stays in the line to
    /// be corrected; a refused command is removed, so that the next line is not appended to it, and
    /// Up brings it back.
    fn enter(&mut self, now: Now) -> Vec<Effect> {
        self.scroll_to_end();
        let line = self.editor.take();
        let done = if matches!(self.prompt, Some(Prompt::Name)) && !line.starts_with('/') {
            if line.is_empty() { Ok(Vec::new()) } else { self.choose_name(now, &line) }
        } else {
            self.has_asked_to_quit &= line == "/quit";
            self.run_command(now, &line).map(|mut effects| {
                effects.extend(self.remember(&line));
                effects
            })
        };
        done.unwrap_or_else(|why| {
            self.note(now, NoteKind::Warning, why);
            if is_command(&line) {
                return self.remember(&line).into_iter().collect();
            }
            self.editor.replace(&line);
            Vec::new()
        })
    }

    /// Lines with control characters come from pastes and would not be single lines in the
    /// history's file.
    fn remember(&mut self, line: &str) -> Option<Effect> {
        (!line.contains(char::is_control) && self.history.push(line))
            .then(|| Effect::Remember(line.to_owned()))
    }

    fn interrupt(&mut self, now: Now, was_interrupted: bool) -> Vec<Effect> {
        if !self.editor.is_empty() {
            self.editor.take();
            return Vec::new();
        }
        if was_interrupted {
            return vec![Effect::Quit];
        }
        self.was_interrupted = true;
        self.note(now, NoteKind::Plain, "Ctrl-C again leaves".to_owned());
        Vec::new()
    }

    fn complete(&mut self, now: Now, is_forward: bool) {
        let completing = match self.completing.take() {
            Some(Completing { candidates, chosen }) => {
                let count = candidates.texts.len();
                let chosen = (chosen + if is_forward { 1 } else { count - 1 }) % count;
                Completing { candidates, chosen }
            }
            None => {
                let before = &self.editor.text()[..self.editor.cursor()];
                let own = self.username();
                let members = self.room().members.names_by_last_heard();
                let names: Vec<&str> = members.into_iter().filter(|&name| name != own).collect();
                let is_room = |membership| membership != Membership::Home;
                let rooms = self.rooms.iter().filter(|room| is_room(room.membership));
                let rooms: Vec<&str> = rooms.map(|room| room.name.as_str()).collect();
                let candidates = complete::candidates(before, &names, &rooms);
                if candidates.texts.is_empty() {
                    return;
                }
                let chosen = if is_forward { 0 } else { candidates.texts.len() - 1 };
                Completing { candidates, chosen }
            }
        };
        let text = &completing.candidates.texts[completing.chosen];
        match self.editor.replace_before_cursor(completing.candidates.start, text) {
            Ok(()) => self.completing = Some(completing),
            Err(Full) => self.line_is_full(now),
        }
    }

    fn line_is_full(&mut self, now: Now) {
        let note = format!(
            "the line is full: {} bytes are kept",
            crate::chat_screen::bounds::MAX_INPUT_BYTES
        );
        self.note(now, NoteKind::Warning, note);
    }
}

/// A line that the history can hold, so that Up can bring it back, is a command; any other line
/// that begins with / is a text.
fn is_command(line: &str) -> bool {
    line.starts_with('/') && !line.starts_with("//") && !line.contains(char::is_control)
}
