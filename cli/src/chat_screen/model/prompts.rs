//! Prompts that take the place of the input line: for a name, for a line of the history, for
//! whether to send a paste.

use super::Model;
use crate::chat_screen::bounds::MAX_PASTE_BYTES;
use crate::chat_screen::clock::Now;
use crate::chat_screen::effect::Effect;
use crate::chat_screen::keys::Action;
use crate::chat_screen::room::{Membership, NoteKind};
use crate::values;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// The name to sign in under.
    Name,
    /// Ctrl-R: the text searched for, and the number of the line found.
    Search { query: String, found: Option<usize> },
    /// Whether to send all these lines.
    Paste { lines: Vec<String> },
}

impl Model {
    pub(super) fn ask_for_name(&mut self, now: Now, why: &str) {
        self.note(now, NoteKind::Warning, why.to_owned());
        self.prompt = Some(Prompt::Name);
    }

    /// A name was entered.
    pub(super) fn choose_name(&mut self, now: Now, name: &str) -> Result<Vec<Effect>, String> {
        let name =
            values::username(name).map_err(|error| format!("this name cannot be: {error}"))?;
        self.prompt = None;
        let (uncertain, effects) = self.connection.choose(None, Some(name));
        self.report_uncertain(now, uncertain);
        Ok(effects)
    }

    pub(super) fn paste(&mut self, now: Now, text: &str) -> Vec<Effect> {
        if text.len() > MAX_PASTE_BYTES {
            let note = format!(
                "not pasted: {} bytes are too many, {MAX_PASTE_BYTES} are allowed",
                text.len()
            );
            self.note(now, NoteKind::Warning, note);
            return Vec::new();
        }
        self.completing = None;
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim_end_matches('\n');
        match &mut self.prompt {
            Some(Prompt::Search { query, .. }) => {
                query.push_str(text.lines().next().unwrap_or_default());
                self.search_again(None);
            }
            Some(Prompt::Paste { .. }) => {}
            Some(Prompt::Name) => self.type_text(now, text.lines().next().unwrap_or_default()),
            None if text.contains('\n') => self.ask_about_paste(now, text),
            None => self.type_text(now, text),
        }
        Vec::new()
    }

    fn ask_about_paste(&mut self, now: Now, text: &str) {
        let lines: Vec<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let room = &self.room().name;
        let too_long = lines.iter().find_map(|line| values::content(line, room).err());
        let problem = if self.room().membership == Membership::Home {
            Some("this page is no room; /join ROOM first".to_owned())
        } else if lines.len() > self.connection.free() {
            Some(format!(
                "{} lines are too many, {} more can wait to be sent",
                lines.len(),
                self.connection.free()
            ))
        } else {
            too_long.map(|error| format!("in one of {} lines the {error}", lines.len()))
        };
        match problem {
            Some(problem) => self.note(now, NoteKind::Warning, format!("not pasted: {problem}")),
            None => self.prompt = Some(Prompt::Paste { lines }),
        }
    }

    /// A key, while the paste waits for an answer.
    pub(super) fn answer_paste(&mut self, now: Now, action: Action) -> Vec<Effect> {
        match action {
            Action::Insert('y' | 'Y') => {
                let Some(Prompt::Paste { lines }) = self.prompt.take() else { return Vec::new() };
                let mut effects = Vec::new();
                for line in lines {
                    match self.say(now, &line) {
                        Ok(more) => effects.extend(more),
                        Err(why) => self.note(now, NoteKind::Warning, format!("{why}: {line}")),
                    }
                }
                effects
            }
            Action::Insert('n' | 'N') | Action::Escape | Action::Interrupt => {
                self.prompt = None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// A key, while the history is searched. `None` leaves the key its usual meaning.
    pub(super) fn answer_search(&mut self, action: Action) -> Option<Vec<Effect>> {
        let Some(Prompt::Search { query, found }) = &mut self.prompt else { return None };
        match action {
            Action::Insert(scalar) if query.len() < crate::chat_screen::bounds::MAX_INPUT_BYTES => {
                query.push(scalar);
                self.search_again(None);
            }
            Action::Backspace => {
                query.pop();
                self.search_again(None);
            }
            Action::Search => {
                let before = *found;
                self.search_again(before);
            }
            Action::Escape | Action::Interrupt => self.prompt = None,
            Action::Enter
            | Action::Left
            | Action::Right
            | Action::Home
            | Action::End
            | Action::Complete => {
                let line = found.and_then(|number| self.history.line(number)).map(str::to_owned);
                self.prompt = None;
                if let Some(line) = line {
                    self.editor.replace(&line);
                }
            }
            Action::Redraw | Action::Suspend => return None,
            _ => {}
        }
        Some(Vec::new())
    }

    /// Finds the latest line before that one; if there is none, the one found stays.
    fn search_again(&mut self, before: Option<usize>) {
        if let Some(Prompt::Search { query, found }) = &mut self.prompt {
            let next = self.history.search(query, before).map(|(number, _)| number);
            *found = if before.is_some() { next.or(*found) } else { next };
        }
    }
}
