//! What is to be said, and how far it came: which messages wait, which are under way, which the
//! server refused for now, and how many it confirmed. Pure.

use std::collections::VecDeque;

use super::message::{Label, Message, named};

#[derive(Default)]
pub(super) struct Outbox {
    /// At most those of a lost connection, and of a line that came meanwhile.
    unsent: VecDeque<Message>,
    /// Those without an answer, in the order of their requests.
    sent: VecDeque<Message>,
    /// Those that the server refused, in that order; they stand before all others.
    refused: VecDeque<Message>,
    /// Those that were done although one before them had been refused.
    overtook: Vec<Message>,
    /// Lines, or 1 for the text of the command line, of which every message was confirmed.
    lines_said: u64,
    was_any_said: bool,
    /// Lines that were read only so that their writer is not ended.
    pub(super) lines_ignored: u64,
    pub(super) lines_left_out: u64,
}

impl Outbox {
    pub(super) fn push(&mut self, messages: impl IntoIterator<Item = Message>) {
        self.unsent.extend(messages);
    }

    /// Whether another line may be asked for.
    pub(super) fn has_none_waiting(&self) -> bool {
        self.unsent.is_empty() && self.refused.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.has_none_waiting() && self.sent.is_empty()
    }

    /// The next one, which counts as sent from here on.
    pub(super) fn send(&mut self) -> Option<&Message> {
        let message = self.unsent.pop_front()?;
        self.sent.push_back(message);
        self.sent.back()
    }

    /// The oldest of those under way.
    pub(super) fn oldest(&self) -> Label {
        self.sent.front().map_or(Label::Text, |message| message.label)
    }

    /// The server confirmed the oldest one.
    pub(super) fn said(&mut self) {
        let Some(message) = self.sent.pop_front() else { return };
        self.was_any_said = true;
        let next = self.sent.front().or(self.unsent.front());
        let is_refused = |other: &Message| other.label == message.label;
        if next.is_none_or(|next| next.label != message.label)
            && !self.refused.iter().any(is_refused)
        {
            self.lines_said += 1;
        }
        if !self.refused.is_empty() {
            self.overtook.push(message);
        }
    }

    /// The server refused the oldest one.
    pub(super) fn refused(&mut self) {
        self.refused.extend(self.sent.pop_front());
    }

    /// The server refused the oldest one, and it is not said again.
    pub(super) fn leave_out(&mut self) {
        self.sent.pop_front();
        self.lines_left_out += 1;
    }

    /// All requests are answered: what was refused comes next. A sentence if the order was broken.
    pub(super) fn take_up_refused(&mut self) -> Option<String> {
        let overtook = std::mem::take(&mut self.overtook);
        let sentence = named(overtook.iter()).zip(self.refused.front()).map(|(later, first)| {
            let among = if overtook.len() > 1 { "some of " } else { "" };
            format!("{among}{later} came before {}", first.label)
        });
        while let Some(message) = self.refused.pop_back() {
            self.unsent.push_front(message);
        }
        sentence
    }

    /// The connection is over: what was under way comes first on the next one.
    pub(super) fn take_back(&mut self) {
        while let Some(message) = self.sent.pop_back() {
            self.unsent.push_front(Message { was_sent: true, ..message });
        }
        self.take_up_refused();
    }

    /// Those that may be said twice.
    pub(super) fn perhaps_twice(&self) -> Option<String> {
        named(self.unsent.iter().filter(|message| message.was_sent))
    }

    /// How far it came, when nothing more is said.
    pub(super) fn account(&self, is_input_left: bool) -> String {
        let all = || self.refused.iter().chain(&self.sent).chain(&self.unsent);
        let in_flight = self.refused.len()..self.refused.len() + self.sent.len();
        let (mut perhaps, mut not) = (Vec::new(), Vec::new());
        for (index, message) in all().enumerate() {
            let is_perhaps = message.was_sent || in_flight.contains(&index);
            if is_perhaps { perhaps.push(message) } else { not.push(message) }
        }
        if all().any(|message| message.label == Label::Text) {
            self.account_of_text(&perhaps)
        } else {
            self.account_of_lines(&perhaps, &not, is_input_left)
        }
    }

    fn account_of_text(&self, perhaps: &[&Message]) -> String {
        match (self.was_any_said, perhaps.is_empty()) {
            (true, _) => "a part of the message was said, the rest perhaps",
            (false, false) => "the message may have been said or not",
            (false, true) => "the message was not said",
        }
        .to_owned()
    }

    fn account_of_lines(
        &self,
        perhaps: &[&Message],
        not: &[&Message],
        is_input_left: bool,
    ) -> String {
        let mut account = format!("lines said: {}", self.lines_said);
        if let Some(names) = named(perhaps.iter().copied()) {
            account += &format!("; perhaps said: {}, {names}", count_of_lines(perhaps));
        }
        let not_said = count_of_lines(not) + self.lines_ignored;
        if not_said > 0 || !is_input_left {
            account += &format!("; not said: {not_said}");
        }
        if let Some(first) = not.first().filter(|_| not_said > 0) {
            account += &format!(", from {} on", first.label);
        }
        if is_input_left {
            account += "; the rest of the input was not read";
        }
        if self.lines_left_out > 0 {
            account += &format!("; left out: {}", self.lines_left_out);
        }
        account
    }
}

/// How many lines these messages, which are in order, belong to.
fn count_of_lines(messages: &[&Message]) -> u64 {
    let labels: Vec<Label> = messages.iter().map(|message| message.label).collect();
    labels.chunk_by(|a, b| a == b).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(numbers: &[u64]) -> Outbox {
        let mut outbox = Outbox::default();
        outbox.push(
            numbers.iter().map(|&number| Message::new(Label::Line(number), format!("{number}"))),
        );
        outbox
    }

    fn order(outbox: &Outbox) -> Vec<&str> {
        outbox.unsent.iter().map(|message| message.content.as_str()).collect()
    }

    #[test]
    fn what_was_refused_comes_again_in_order_and_who_overtook_is_told() {
        let mut outbox = lines(&[1, 2, 3, 4, 5]);
        for _ in 0..4 {
            outbox.send();
        }
        outbox.said();
        outbox.refused();
        outbox.said();
        outbox.refused();
        assert!(!outbox.has_none_waiting());
        assert_eq!(outbox.take_up_refused().as_deref(), Some("line 3 came before line 2"));
        assert_eq!(order(&outbox), ["2", "4", "5"]);
        assert_eq!(outbox.take_up_refused(), None);
        assert_eq!(outbox.account(false), "lines said: 2; not said: 3, from line 2 on");
    }

    #[test]
    fn a_lost_connection_leaves_a_doubt_and_a_refusal_does_not() {
        let mut outbox = lines(&[1, 2, 3, 4]);
        for _ in 0..3 {
            outbox.send();
        }
        outbox.refused();
        let account = "lines said: 0; perhaps said: 2, lines 2 to 3; not said: 2, from line 1 on";
        assert_eq!(outbox.account(false), account);
        outbox.take_back();
        assert_eq!(order(&outbox), ["1", "2", "3", "4"]);
        assert_eq!(outbox.perhaps_twice().as_deref(), Some("lines 2 to 3"));
        assert_eq!(outbox.account(false), account);
        assert!(outbox.account(true).ends_with("; the rest of the input was not read"));
    }

    #[test]
    fn a_line_counts_once_all_of_its_pieces_are_said() {
        let mut outbox = lines(&[1, 1, 2]);
        outbox.send();
        outbox.said();
        assert_eq!(outbox.account(false), "lines said: 0; not said: 2, from line 1 on");
        outbox.send();
        outbox.said();
        assert_eq!(outbox.account(false), "lines said: 1; not said: 1, from line 2 on");
        assert!(!outbox.is_empty());
    }

    #[test]
    fn a_text_is_said_or_not_or_perhaps() {
        let mut outbox = Outbox::default();
        outbox.push([Message::new(Label::Text, "hello".to_owned())]);
        assert_eq!(outbox.account(false), "the message was not said");
        outbox.send();
        assert_eq!(outbox.account(false), "the message may have been said or not");
        outbox.refused();
        assert_eq!(outbox.account(false), "the message was not said");
    }
}
