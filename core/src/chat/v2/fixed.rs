//! The integers that a payload starts with, as they stand on the wire. One struct for each shape;
//! which type has which, `message.rs` says, and that each is as long as the table has it is checked
//! when a payload is written.

use zerocopy::byteorder::big_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::NONCE_SIZE;
use super::layout::FIXED_SIZE_MAX;

macro_rules! fixed_parts {
    ($($name:ident { $($field:ident: $of:ty),* })*) => {$(
        #[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub(super) struct $name {
            $(pub(super) $field: $of,)*
        }
    )*};
}

fixed_parts! {
    Handshake { capabilities: U16, nonce: [u8; NONCE_SIZE] }
    Join { epoch: U32, after: U64, replay: U16 }
    Count { count: U16 }
    Before { before: U64, count: U16 }
    Acknowledged { user_id: U32, capabilities: U16 }
    Broadcast {
        sequence: U64,
        previous: U64,
        timestamp: U64,
        user_id: U32,
        origin: U16,
        part: u8
    }
    Membership { user_id: U32, members: U32 }
    Joined {
        epoch: U32,
        sequence: U64,
        replay_from: U64,
        members: U32,
        presence: u8
    }
    Room { members: U32, presence: u8 }
    User { user_id: U32 }
    Delivery { timestamp: U64, user_id: U32, part: u8 }
    End { count: U16, more: u8 }
    Time { timestamp: U64 }
    Refusal { code: U16, retry_after_ms: U32 }
}

/// The integers of a payload; zeros if there are too few bytes, which a layout does not let happen.
#[inline]
pub(super) fn read<T: FromBytes>(bytes: &[u8]) -> T {
    T::read_from_prefix(bytes).map_or_else(|_| T::new_zeroed(), |(fixed, _)| fixed)
}

/// The integers of a payload that is to be written.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    bytes: [u8; FIXED_SIZE_MAX],
    len: usize,
}

impl Fixed {
    pub(super) const NONE: Self = Self { bytes: [0; FIXED_SIZE_MAX], len: 0 };

    #[inline]
    pub(super) fn of<T: IntoBytes + Immutable>(fixed: &T) -> Self {
        const { assert!(size_of::<T>() <= FIXED_SIZE_MAX) };
        let mut bytes = [0; FIXED_SIZE_MAX];
        for (place, &byte) in bytes.iter_mut().zip(fixed.as_bytes()) {
            *place = byte;
        }
        Self { bytes, len: size_of::<T>() }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.bytes.iter().copied().take(self.len)
    }
}
