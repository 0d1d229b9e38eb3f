//! What an idle connection costs in the broker, part by part, held to what `ARCHITECTURE.md` says
//! of it. Sizes of types only: `idle-cost` in the benches measures the whole server.

use slotmap::SecondaryMap;

use super::directory::MEMBER_BYTES;
use super::fanout::ENTRY_BYTES;
use super::lifecycle::TIMER_BYTES;
use super::{ConnectionId, Peer};

/// A table of connections keeps the generation beside each value.
pub(in crate::broker) const fn slot_bytes<T>() -> usize {
    size_of::<(T, u32)>()
}

#[test]
fn an_idle_connection_is_small() {
    let parts = [
        ("ingress, stage, address", slot_bytes::<Peer>(), 40),
        ("member of the hub, with a name of up to 14 bytes", MEMBER_BYTES, 40),
        ("entry for an outbox", ENTRY_BYTES, 12),
        ("timer", TIMER_BYTES, 12),
        ("place in the table of names", size_of::<ConnectionId>() + 1, 9),
    ];
    for (part, bytes, expected) in parts {
        assert_eq!(bytes, expected, "{part}: mend ARCHITECTURE.md");
    }
    assert_eq!(parts.iter().map(|(_, bytes, _)| bytes).sum::<usize>(), 113);
    // What is apart for most connections takes nothing while there is none.
    assert_eq!(SecondaryMap::<ConnectionId, super::TokenBucket>::new().capacity(), 0);
}
