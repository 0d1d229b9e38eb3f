//! Selecting a level, in a process of its own: a selection is the whole process's.
#![cfg(feature = "std")]

use cafewire_kernel::{Kernel as _, Level};

#[test]
fn a_selected_level_is_given_until_another_is_selected() {
    let best = Level::detect();
    assert_eq!(Level::available().last(), Some(best));
    for level in Level::available() {
        level.select();
        for _ in 0..2 {
            assert_eq!(Level::detect(), level);
            assert_eq!(Level::detect().crc(b"123456789"), 0xCBF4_3926);
        }
    }
    best.select();
    assert_eq!(Level::detect(), best);
}
