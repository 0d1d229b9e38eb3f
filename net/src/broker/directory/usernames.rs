//! Who is signed in under which name. A name is kept once, with its member; the table here finds
//! members by name and holds their ids alone. Both are small, for they make up much of what an idle
//! connection costs.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::broker::ids::ConnectionId;

/// What fits beside its length into as much room as a pointer and the distinction between the two
/// take.
const INLINE_MAX: usize = 14;

/// A user's name. Most are short and need no memory of their own.
#[derive(Clone, Debug)]
pub(super) enum Username {
    Inline {
        len: u8,
        bytes: [u8; INLINE_MAX],
    },
    /// Twice, for a pointer that knows no length takes half the room.
    #[allow(clippy::redundant_allocation)]
    Boxed(Box<Box<str>>),
}

impl Username {
    pub(super) fn as_str(&self) -> &str {
        match self {
            // Never the default: the bytes came from a string. Checking some few of them again is
            // cheaper than fetching a longer name from elsewhere.
            Self::Inline { len, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default()
            }
            Self::Boxed(name) => name,
        }
    }
}

impl From<&str> for Username {
    fn from(name: &str) -> Self {
        match u8::try_from(name.len()) {
            Ok(len) if name.len() <= INLINE_MAX => {
                let mut bytes = [0; INLINE_MAX];
                bytes[..name.len()].copy_from_slice(name.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Boxed(Box::new(name.into())),
        }
    }
}

/// Ids by name. The caller says what name an id has now.
#[derive(Debug, Default)]
pub(super) struct Usernames {
    ids: HashTable<ConnectionId>,
    // Keyed at random, so that users cannot choose names that collide.
    hasher: RandomState,
}

impl Usernames {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn find<'m>(
        &self,
        name: &str,
        name_of: impl Fn(ConnectionId) -> &'m str,
    ) -> Option<ConnectionId> {
        self.ids.find(self.hasher.hash_one(name), |&id| name_of(id) == name).copied()
    }

    /// Adds a member whose name is free.
    pub(super) fn insert<'m>(
        &mut self,
        id: ConnectionId,
        name_of: impl Fn(ConnectionId) -> &'m str,
    ) {
        let hash = |&id: &ConnectionId| self.hasher.hash_one(name_of(id));
        self.ids.insert_unique(hash(&id), id, hash);
    }

    pub(super) fn remove(&mut self, id: ConnectionId, name: &str) {
        if let Ok(entry) = self.ids.find_entry(self.hasher.hash_one(name), |&other| other == id) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cafewire_core::chat::MAX_USERNAME_SIZE;
    use slotmap::SlotMap;

    #[test]
    fn a_name_of_any_length_is_kept_as_it_is() {
        for len in 0..=MAX_USERNAME_SIZE {
            let name: String = "ä23456789012345678901234567890äx".chars().take(len).collect();
            assert_eq!(Username::from(name.as_str()).as_str(), name);
        }
        assert_eq!(size_of::<Username>(), INLINE_MAX + 2);
    }

    #[test]
    fn names_lead_to_their_members_and_nowhere_else_once_they_have_gone() {
        let mut members: SlotMap<ConnectionId, Username> = SlotMap::with_key();
        let mut names = Usernames::default();
        let ids: Vec<_> = (0..1000)
            .map(|number| {
                let id = members.insert(Username::from(format!("user {number}").as_str()));
                names.insert(id, |id| members[id].as_str());
                id
            })
            .collect();
        for (number, &id) in ids.iter().enumerate() {
            assert_eq!(names.find(&format!("user {number}"), |id| members[id].as_str()), Some(id));
            names.remove(id, members[id].as_str());
            assert_eq!(names.find(&format!("user {number}"), |id| members[id].as_str()), None);
        }
        assert_eq!(names.len(), 0);
    }
}
