//! Arithmetic modulo the CRC's polynomial, when the crate is compiled: the constants of the folding
//! loops. No number in here was typed in but the polynomial; `tests/crc.rs` holds what comes out to
//! the bitwise definition.
//!
//! The method is that of Gopal et al., "Fast CRC Computation for Generic Polynomials Using
//! PCLMULQDQ Instruction" (Intel, 2009), with one difference: a frame is short, so that its blocks
//! are not folded into each other one by one but each multiplied by the constant of its own place.
//! The products do not wait for each other.
//!
//! A checksum's first bit is the lowest of its byte, so polynomials are held in reverse: bit `i` of
//! a 64-bit word is the coefficient of x^(63 - i), bit `i` of a 32-bit word that of x^(31 - i).
//!
//! ```text
//! sum  = XOR over the words w, each d words before the end, of  w · (x^(64·d + 32) mod P)
//! q    = (sum div x^32) · MU div x^63           Barrett; the sum has 96 bits
//! crc0 = sum + q · P                            its low 32 bits
//! crc  = crc0 + (crc of as many zero bytes)     the start value's share
//! ```

/// x^32 + x^26 + … + 1 without its highest term, in reverse.
pub(crate) const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The longest input whose blocks are multiplied in place, in bytes: the longest frame of version 1
/// has 585. Longer ones are folded until they are this short.
pub(crate) const PLACES_LEN: usize = 640;

/// For each 64-bit word of an input of [`PLACES_LEN`] bytes, in their order, what to multiply it
/// by. A shorter input takes the last of them.
#[cfg_attr(not(all(feature = "simd", target_arch = "x86_64", not(miri))), allow(dead_code))]
pub(crate) static PLACES: Places = Places::new();

/// On one cache line each block of 64 bytes.
#[repr(align(64))]
pub(crate) struct Places(pub(crate) [u64; PLACES_LEN / 8]);

impl Places {
    const fn new() -> Self {
        let mut words = [0; PLACES_LEN / 8];
        let mut power = 31;
        let mut index = words.len();
        while index > 0 {
            index -= 1;
            // A product of reversed words is one bit too low: hence x^(64·d + 31), not 32.
            words[index] = power_of_x(power) as u64;
            power += 64;
        }
        Self(words)
    }
}

/// For each number of bytes behind a 64-bit word, what to multiply it by, as in [`PLACES`]: for
/// words that stand anywhere.
#[cfg_attr(not(all(feature = "simd", target_arch = "x86_64", not(miri))), allow(dead_code))]
pub(crate) static DISTANCES: [u32; PLACES_LEN + 8] = {
    let mut distances = [0; PLACES_LEN + 8];
    let mut remainder = power_of_x(31);
    let mut bytes = 0;
    while bytes < distances.len() {
        distances[bytes] = remainder;
        remainder = shift_by_a_byte(remainder);
        bytes += 1;
    }
    distances
};

/// x^95 div P: 64 bits, in reverse.
pub(crate) const MU: u64 = {
    let polynomial = (POLYNOMIAL.reverse_bits() as u128) | 1 << 32;
    let (mut dividend, mut quotient, mut degree) = (1_u128 << 95, 0_u64, 95);
    while degree >= 32 {
        if dividend >> degree & 1 == 1 {
            dividend ^= polynomial << (degree - 32);
            quotient |= 1 << (degree - 32);
        }
        degree -= 1;
    }
    quotient.reverse_bits()
};

/// The polynomial with all of its 33 coefficients: bit `i` is that of x^(32 - i).
pub(crate) const POLYNOMIAL_33: u64 = (POLYNOMIAL as u64) << 1 | 1;

/// What moves 16 bytes by `distance_bytes` towards the end: for the first 8 of them, and for the
/// others.
pub(crate) const fn fold(distance_bytes: u32) -> [u64; 2] {
    let bits = distance_bytes * 8;
    [(power_of_x(bits + 63) as u64) << 32, (power_of_x(bits - 1) as u64) << 32]
}

/// The longest input with an entry in [`ZEROS`].
pub(crate) const ZEROS_MAX: usize = 128;

/// The checksum of as many zero bytes as the index says.
pub(crate) static ZEROS: [u32; ZEROS_MAX + 1] = {
    let mut table = [0; ZEROS_MAX + 1];
    let (mut remainder, mut len) = (!0, 0);
    while len < table.len() {
        table[len] = !remainder;
        remainder = shift_by_a_byte(remainder);
        len += 1;
    }
    table
};

/// x^`power` mod P.
const fn power_of_x(power: u32) -> u32 {
    let mut remainder = 1 << 31;
    let mut bits = 0;
    while bits < power % 8 {
        remainder = shift(remainder);
        bits += 1;
    }
    let mut bytes = 0;
    while bytes < power / 8 {
        remainder = shift_by_a_byte(remainder);
        bytes += 1;
    }
    remainder
}

/// Times x^8.
const fn shift_by_a_byte(remainder: u32) -> u32 {
    let mut shifted = remainder;
    let mut bits = 0;
    while bits < 8 {
        shifted = shift(shifted);
        bits += 1;
    }
    shifted
}

/// Times x.
pub(crate) const fn shift(remainder: u32) -> u32 {
    (remainder >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(remainder & 1))
}

/// The four bytes that, put before an input, do what the start value does: all ones · x^-32 mod P.
pub(crate) const START: [u8; 4] = {
    let mut remainder: u32 = !0;
    let mut bits = 0;
    while bits < 32 {
        let odd = remainder >> 31;
        remainder = (remainder ^ (POLYNOMIAL & 0_u32.wrapping_sub(odd))) << 1 | odd;
        bits += 1;
    }
    remainder.to_le_bytes()
};
