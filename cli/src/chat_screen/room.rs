//! One room as this client has seen it: its lines, its unread count, its members. Pure; how a line
//! looks is the view's business.

use std::collections::VecDeque;

use super::bounds::MAX_ROOM_LINES;
use super::members::Members;

/// Our membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// The client's own page, which cannot be joined.
    Home,
    /// Not joined, and not to be joined until asked.
    Out,
    /// To be joined, once the server is connected and answers.
    Wanted,
    In,
}

/// Weight of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteKind {
    Plain,
    /// An action failed, or lines may be missing.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Said {
        user_id: u32,
        timestamp_ms: u64,
        username: String,
        text: String,
        is_own: bool,
        is_mention: bool,
    },
    Joined {
        user_id: u32,
        username: String,
    },
    Left {
        user_id: u32,
        username: String,
    },
    /// A note of this client. May hold text from the server: it is escaped when shown.
    Note(NoteKind, String),
    /// The local date changed.
    NewDay(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Number of the line in its room, from 0 up.
    pub(crate) number: u64,
    /// Time of arrival.
    pub(crate) unix_ms: u64,
    pub(crate) content: Content,
}

/// A scroll position other than the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scroll {
    /// The last visible line.
    pub(crate) line: u64,
    /// How many of its rows are below the edge.
    pub(crate) rows_below: usize,
}

#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) membership: Membership,
    /// Time since which the connection has been lost, in milliseconds since 1970-01-01 UTC.
    pub(crate) away_since: Option<u64>,
    pub(crate) members: Members,
    pub(crate) lines: VecDeque<Line>,
    next_number: u64,
    /// The local date of the last line.
    pub(crate) last_date: Option<String>,
    /// Lines of others that arrived while the room was not shown.
    pub(crate) unread: usize,
    /// Number of these that hold our name.
    pub(crate) unread_mentions: usize,
    /// The number of the line before which reading stopped.
    read_until: Option<u64>,
    /// Whether another member has sent anything since.
    has_news: bool,
    /// `None` follows the end.
    pub(crate) scroll: Option<Scroll>,
}

impl Room {
    pub(crate) fn new(name: &str, membership: Membership) -> Self {
        Self {
            name: name.to_owned(),
            membership,
            away_since: None,
            members: Members::default(),
            lines: VecDeque::new(),
            next_number: 0,
            last_date: None,
            unread: 0,
            unread_mentions: 0,
            read_until: None,
            has_news: false,
            scroll: None,
        }
    }

    /// Adds a line; `is_read` says whether the room is shown to a focused user.
    pub(crate) fn push(&mut self, unix_ms: u64, content: Content, is_read: bool) {
        if let Content::Said { is_own: false, is_mention, .. } = &content {
            self.has_news = true;
            if !is_read {
                self.unread += 1;
                self.unread_mentions += usize::from(*is_mention);
            }
        }
        if self.lines.len() == MAX_ROOM_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { number: self.next_number, unix_ms, content });
        self.next_number += 1;
    }

    /// The room is shown, or its end again.
    pub(crate) const fn begin_reading(&mut self) {
        self.unread = 0;
        self.unread_mentions = 0;
    }

    /// The end of the room is no longer shown: the mark goes here.
    pub(crate) const fn stop_reading(&mut self) {
        self.read_until = Some(self.next_number);
        self.has_news = false;
    }

    /// Number of the line that the mark stands before: the first that came after reading stopped,
    /// if there is one.
    pub(crate) fn mark(&self) -> Option<u64> {
        self.read_until.filter(|_| self.has_news)
    }

    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.scroll = None;
        self.read_until = None;
        self.last_date = None;
    }

    /// Index in `lines` of the line with this number, or of the nearest that is still kept.
    pub(crate) fn position(&self, number: u64) -> usize {
        let first = self.lines.front().map_or(0, |line| line.number);
        let position = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        position.min(self.lines.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(is_own: bool, is_mention: bool) -> Content {
        let (username, text) = ("bob".to_owned(), "hello".to_owned());
        Content::Said { user_id: 1, timestamp_ms: 0, username, text, is_own, is_mention }
    }

    #[test]
    fn what_others_say_unread_is_counted_and_marked() {
        let mut room = Room::new("lobby", Membership::In);
        room.push(0, said(false, false), true);
        assert_eq!((room.unread, room.mark()), (0, None));
        room.stop_reading();
        room.push(0, said(true, false), false);
        room.push(0, Content::Joined { user_id: 2, username: "eve".to_owned() }, false);
        assert_eq!((room.unread, room.mark()), (0, None), "nothing that one has to read");
        room.push(0, said(false, false), false);
        room.push(0, said(false, true), false);
        assert_eq!((room.unread, room.unread_mentions, room.mark()), (2, 1, Some(1)));
        room.begin_reading();
        assert_eq!(
            (room.unread, room.unread_mentions, room.mark()),
            (0, 0, Some(1)),
            "the mark stays while one reads"
        );
        room.stop_reading();
        assert_eq!(room.mark(), None);
    }

    #[test]
    fn the_lines_are_bounded_and_the_oldest_go() {
        let mut room = Room::new("lobby", Membership::In);
        for _ in 0..MAX_ROOM_LINES + 3 {
            room.push(0, said(false, false), true);
        }
        assert_eq!((room.lines.len(), room.lines[0].number), (MAX_ROOM_LINES, 3));
        assert_eq!(
            (room.position(0), room.position(5), room.position(u64::MAX)),
            (0, 2, MAX_ROOM_LINES - 1)
        );
    }
}
