//! UTF-8 judged by an automaton, one shift for each byte: whether, not where it goes wrong. Safe
//! code without branches.
//!
//! A state is an offset into a word, six bits wide. Each byte has a word that holds, at the offset
//! of each state, the state that follows: one shift is one step (Per Vognsen, "Shift-based DFAs",
//! 2020). The states are those of the Unicode Standard's table 3-7, "Well-Formed UTF-8 Byte
//! Sequences".

/// Bits of a state in a word.
const WIDTH: u32 = 6;

/// A character is complete. The state of a good text's start and end.
const COMPLETE: u64 = 0;
/// So many more continuation bytes, any.
const ONE_MORE: u64 = WIDTH as u64;
const TWO_MORE: u64 = 2 * WIDTH as u64;
const THREE_MORE: u64 = 3 * WIDTH as u64;
/// After E0, ED, F0 and F4 the next byte is bounded: else the character would be encoded too long,
/// a surrogate, or beyond U+10FFFF.
const AFTER_E0: u64 = 4 * WIDTH as u64;
const AFTER_ED: u64 = 5 * WIDTH as u64;
const AFTER_F0: u64 = 6 * WIDTH as u64;
const AFTER_F4: u64 = 7 * WIDTH as u64;
/// No way back.
const WRONG: u64 = 8 * WIDTH as u64;

static STEPS: [u64; 256] = {
    let mut steps = [0; 256];
    let mut byte = 0;
    while byte < steps.len() {
        let mut state = COMPLETE;
        while state <= WRONG {
            steps[byte] |= step(state, byte) << state;
            state += WIDTH as u64;
        }
        byte += 1;
    }
    steps
};

/// The state that follows.
const fn step(state: u64, byte: usize) -> u64 {
    match (state, byte) {
        (COMPLETE, 0x00..=0x7F) | (ONE_MORE, 0x80..=0xBF) => COMPLETE,
        (COMPLETE, 0xC2..=0xDF)
        | (TWO_MORE, 0x80..=0xBF)
        | (AFTER_E0, 0xA0..=0xBF)
        | (AFTER_ED, 0x80..=0x9F) => ONE_MORE,
        (COMPLETE, 0xE1..=0xEC | 0xEE..=0xEF)
        | (THREE_MORE, 0x80..=0xBF)
        | (AFTER_F0, 0x90..=0xBF)
        | (AFTER_F4, 0x80..=0x8F) => TWO_MORE,
        (COMPLETE, 0xF1..=0xF3) => THREE_MORE,
        (COMPLETE, 0xE0) => AFTER_E0,
        (COMPLETE, 0xED) => AFTER_ED,
        (COMPLETE, 0xF0) => AFTER_F0,
        (COMPLETE, 0xF4) => AFTER_F4,
        _ => WRONG,
    }
}

/// Whether the bytes are UTF-8.
pub(crate) fn is_utf8(bytes: &[u8]) -> bool {
    let mut state = COMPLETE;
    for &byte in bytes {
        // Bits above the state's own are other states: a shift counts its lowest six.
        state = STEPS[usize::from(byte)] >> (state & 63);
    }
    state & 63 == COMPLETE
}
