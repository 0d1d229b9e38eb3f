//! Room frames that clients got, each kept once and named by a number, so that what thousands of
//! clients saw fits in memory and is compared exactly.

use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Joined,
    Left,
    Said,
}

#[derive(Debug, Default)]
pub(crate) struct Frames {
    numbers: HashMap<Box<[u8]>, u32>,
    known: Vec<(Kind, u32, Box<[u8]>)>,
}

impl Frames {
    /// The number of these bytes.
    pub(crate) fn number(&mut self, bytes: &[u8], kind: Kind, user_id: u32) -> u32 {
        if let Some(&number) = self.numbers.get(bytes) {
            return number;
        }
        let number = u32::try_from(self.known.len()).unwrap();
        self.numbers.insert(bytes.into(), number);
        self.known.push((kind, user_id, bytes.into()));
        number
    }

    pub(crate) fn kind(&self, number: u32) -> (Kind, u32) {
        let (kind, user_id, _) = self.known[number as usize];
        (kind, user_id)
    }

    pub(crate) fn show(&self, number: Option<&u32>) -> String {
        number.map_or("nothing".into(), |&number| {
            self.known[number as usize].2.escape_ascii().to_string()
        })
    }
}
