//! What the judges of UTF-8 share: their tables, and the end of a text.
//!
//! See Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021). Each
//! nibble of a pair of bytes says which faults it leaves possible; a fault that all three leave
//! possible is there.

const TOO_SHORT: u8 = 1 << 0; // a lead or an ASCII byte where a continuation must be
const TOO_LONG: u8 = 1 << 1; // a continuation after ASCII
const OVERLONG_3: u8 = 1 << 2; // E0 80..9F
const TOO_LARGE: u8 = 1 << 3; // F4 90..BF, F5..FF
const SURROGATE: u8 = 1 << 4; // ED A0..BF
const OVERLONG_2: u8 = 1 << 5; // C0, C1
const TOO_LARGE_1000: u8 = 1 << 6; // F5..FF 80..8F
const OVERLONG_4: u8 = 1 << 6; // F0 80..8F
const TWO_CONTINUATIONS: u8 = 1 << 7; // right only as the third or fourth byte
const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

/// By the high nibble of the first byte of the pair.
pub(super) static FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    let mut nibble = 0x8;
    while nibble < 0xC {
        table[nibble] = TWO_CONTINUATIONS;
        nibble += 1;
    }
    table[0xC] = TOO_SHORT | OVERLONG_2;
    table[0xD] = TOO_SHORT;
    table[0xE] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xF] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4;
    table
};

/// By its low nibble.
pub(super) static FIRST_LOW: [u8; 16] = {
    let mut table = [ANY | TOO_LARGE | TOO_LARGE_1000; 16];
    table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
    table[0x1] = ANY | OVERLONG_2;
    table[0x2] = ANY;
    table[0x3] = ANY;
    table[0x4] = ANY | TOO_LARGE;
    table[0xD] |= SURROGATE;
    table
};

/// By the high nibble of the second byte.
pub(super) static SECOND_HIGH: [u8; 16] = {
    let mut table = [TOO_SHORT; 16];
    let continuation = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    table[0x8] = continuation | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4;
    table[0x9] = continuation | OVERLONG_3 | TOO_LARGE;
    table[0xA] = continuation | SURROGATE | TOO_LARGE;
    table[0xB] = continuation | SURROGATE | TOO_LARGE;
    table
};

/// Whether the bytes end within a character, as far as its first byte tells.
#[inline(always)]
pub(super) fn is_cut_short(bytes: &[u8]) -> bool {
    let from_the_end =
        |count: usize| bytes.len().checked_sub(count).map_or(0, |index| bytes[index]);
    from_the_end(1) >= 0xC0 || from_the_end(2) >= 0xE0 || from_the_end(3) >= 0xF0
}
