//! Lines typed before: visited with the arrows, and searched. Pure; `history_file` keeps them.

use std::collections::VecDeque;

use super::bounds::MAX_HISTORY_LINES;

/// Oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    /// The line that the arrows have reached; `None` is the line being typed.
    position: Option<usize>,
    /// The line being typed, while an older one is shown.
    draft: String,
}

impl History {
    pub(crate) fn new(lines: impl IntoIterator<Item = String>) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.push(&line);
        }
        history
    }

    /// Adds a line, unless it equals the last one. Returns whether it was added.
    pub(crate) fn push(&mut self, line: &str) -> bool {
        self.position = None;
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return false;
        }
        if self.lines.len() == MAX_HISTORY_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
        true
    }

    /// The line before the one shown; `typed` is what the input line holds.
    pub(crate) fn older(&mut self, typed: &str) -> Option<&str> {
        let older = self.position.unwrap_or(self.lines.len()).checked_sub(1)?;
        if self.position.is_none() {
            typed.clone_into(&mut self.draft);
        }
        self.position = Some(older);
        self.lines.get(older).map(String::as_str)
    }

    /// The line after the one shown; after the last comes the draft.
    pub(crate) fn newer(&mut self) -> Option<&str> {
        let newer = self.position? + 1;
        if newer < self.lines.len() {
            self.position = Some(newer);
            return self.lines.get(newer).map(String::as_str);
        }
        self.position = None;
        Some(&self.draft)
    }

    /// The line with this number.
    pub(crate) fn line(&self, number: usize) -> Option<&str> {
        self.lines.get(number).map(String::as_str)
    }

    /// The latest line that holds `query` and is older than number `before`, with its number.
    pub(crate) fn search(&self, query: &str, before: Option<usize>) -> Option<(usize, &str)> {
        let end = before.unwrap_or(self.lines.len()).min(self.lines.len());
        let query = query.to_lowercase();
        self.lines
            .iter()
            .enumerate()
            .take(end)
            .rev()
            .find(|(_, line)| line.to_lowercase().contains(&query))
            .map(|(number, line)| (number, line.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lines: &[&str]) -> History {
        History::new(lines.iter().map(|&line| line.to_owned()))
    }

    #[test]
    fn the_arrows_go_back_and_come_home_to_what_was_being_typed() {
        let mut history = history(&["one", "two"]);
        assert_eq!(history.newer(), None);
        assert_eq!(history.older("dra"), Some("two"));
        assert_eq!(history.older("two"), Some("one"));
        assert_eq!(history.older("one"), None);
        assert_eq!(history.newer(), Some("two"));
        assert_eq!(history.newer(), Some("dra"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn a_line_is_kept_once_in_a_row_and_begins_at_the_end_again() {
        let mut history = history(&["one", "one", "", "two"]);
        assert_eq!(history.older(""), Some("two"));
        assert_eq!(history.older(""), Some("one"));
        assert!(!history.push("two"));
        assert_eq!(history.older(""), Some("two"));
    }

    #[test]
    fn a_search_finds_the_latest_first_whatever_the_case() {
        let history = history(&["Tea at five", "coffee", "no tea"]);
        assert_eq!(history.search("tea", None), Some((2, "no tea")));
        assert_eq!(history.search("tea", Some(2)), Some((0, "Tea at five")));
        assert_eq!(history.search("tea", Some(0)), None);
        assert_eq!(history.search("milk", None), None);
    }

    #[test]
    fn it_is_bounded() {
        let mut history = History::new((0..MAX_HISTORY_LINES + 5).map(|number| number.to_string()));
        assert_eq!(history.lines.len(), MAX_HISTORY_LINES);
        assert_eq!(history.lines[0], "5");
        assert_eq!(history.older(""), Some((MAX_HISTORY_LINES + 4).to_string().as_str()));
    }
}
