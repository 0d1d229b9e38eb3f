//! Known members of a room. Version 1 of the protocol has no list of members: they are learnt from
//! joins, leaves and messages, so members that joined earlier and are silent are unknown. Pure.

use std::collections::BTreeMap;

use super::bounds::MAX_MEMBERS;

#[derive(Debug, Default)]
pub(crate) struct Members {
    /// By name; the value grows with each event, so that the latest speaker can be found first.
    last_heard: BTreeMap<String, u64>,
    signs_of_life: u64,
    is_overfull: bool,
}

impl Members {
    /// Records a join or a message of this name.
    pub(crate) fn heard(&mut self, name: &str) {
        self.signs_of_life += 1;
        if let Some(last_heard) = self.last_heard.get_mut(name) {
            *last_heard = self.signs_of_life;
        } else if self.last_heard.len() < MAX_MEMBERS {
            self.last_heard.insert(name.to_owned(), self.signs_of_life);
        } else {
            self.is_overfull = true;
        }
    }

    pub(crate) fn left(&mut self, name: &str) {
        self.last_heard.remove(name);
    }

    pub(crate) fn clear(&mut self) {
        self.last_heard.clear();
        self.is_overfull = false;
    }

    pub(crate) fn len(&self) -> usize {
        self.last_heard.len()
    }

    /// Whether the room has, or had, more members than are kept.
    pub(crate) const fn is_overfull(&self) -> bool {
        self.is_overfull
    }

    /// By name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.last_heard.keys().map(String::as_str)
    }

    /// Names, the latest speaker first.
    pub(crate) fn names_by_last_heard(&self) -> Vec<&str> {
        let mut names: Vec<(u64, &str)> =
            self.last_heard.iter().map(|(name, &heard)| (heard, name.as_str())).collect();
        names.sort_unstable_by_key(|&(heard, _)| std::cmp::Reverse(heard));
        names.into_iter().map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_speaker_comes_first() {
        let mut members = Members::default();
        for name in ["ada", "bob", "eve", "bob"] {
            members.heard(name);
        }
        members.left("eve");
        assert_eq!(members.names().collect::<Vec<_>>(), ["ada", "bob"]);
        assert_eq!(members.names_by_last_heard(), ["bob", "ada"]);
    }

    #[test]
    fn it_is_bounded_and_says_so() {
        let mut members = Members::default();
        for number in 0..MAX_MEMBERS {
            members.heard(&number.to_string());
        }
        assert!(!members.is_overfull());
        members.heard("one more");
        assert_eq!((members.len(), members.is_overfull()), (MAX_MEMBERS, true));
        members.heard("0");
        assert_eq!(members.names_by_last_heard()[0], "0");
        members.clear();
        assert_eq!((members.len(), members.is_overfull()), (0, false));
    }
}
