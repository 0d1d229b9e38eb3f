//! The keyed sum over a sealed frame, and the keys of the two directions. The one file that calls
//! the hash functions.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroize as _;

use super::{Agreement, Key};
use crate::chat::v2::TAG_SIZE;

/// What the keys of this protocol are made of that no other's are.
const LABEL: &[u8] = b"cafewire v2";
const HASH_SIZE: usize = 32;
const BLOCK_SIZE: usize = 64;

/// HMAC-SHA-256 under the key of one direction. Holds the two states that the key gives, so that a
/// frame costs no more than its own blocks; hmac overwrites them when they are dropped.
pub(super) struct FrameMac(Hmac<Sha256>);

impl FrameMac {
    /// The tag over all of a frame from its version through its counter.
    pub(super) fn tag(&self, covered: &[u8]) -> [u8; TAG_SIZE] {
        let sum = finished(self.0.clone(), &[covered]);
        let mut tag = [0; TAG_SIZE];
        for (place, byte) in tag.iter_mut().zip(sum) {
            *place = byte;
        }
        tag
    }

    /// Whether that is the tag, in a time that does not depend on how much of it is right.
    pub(super) fn verify(&self, covered: &[u8], tag: &[u8; TAG_SIZE]) -> Choice {
        self.tag(covered).ct_eq(tag)
    }
}

/// The keys of both directions of a connection.
pub(super) struct DirectionKeys {
    pub(super) client: FrameMac,
    pub(super) server: FrameMac,
}

impl DirectionKeys {
    /// HKDF (RFC 5869). Extract is one HMAC and Expand, for no more bytes than a hash has, another;
    /// so they share what seals frames, which keeps them small.
    pub(super) fn derive(key: &Key, agreement: &Agreement<'_>) -> Self {
        let salt = [agreement.client_nonce, agreement.server_nonce];
        let mut secret = finished(keyed(salt.as_flattened()), &[key.as_bytes()]);
        let expander = keyed(&secret);
        secret.zeroize();
        Self {
            client: expand(&expander, b'c', agreement),
            server: expand(&expander, b's', agreement),
        }
    }
}

fn expand(expander: &Hmac<Sha256>, direction: u8, agreement: &Agreement<'_>) -> FrameMac {
    let (asked, granted) = (agreement.asked.bits(), agreement.granted.bits());
    let mut key = finished(
        expander.clone(),
        &[
            LABEL,
            &[direction],
            &asked.to_be_bytes(),
            &granted.to_be_bytes(),
            agreement.username.as_bytes(),
            &[1], // the first block of output, and the only one
        ],
    );
    let mac = FrameMac(keyed(&key));
    key.zeroize();
    mac
}

/// HMAC under a key of no more bytes than a block. Not inlined, as [`finished`] is not: the hash is
/// linked once for each.
#[inline(never)]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // HMAC fills a key that is shorter than a block with zeros.
    let mut block = [0; BLOCK_SIZE];
    for (place, &byte) in block.iter_mut().zip(key) {
        *place = byte;
    }
    let mac = Hmac::new(&block.into());
    block.zeroize();
    mac
}

/// The sum over those bytes, one after another.
#[inline(never)]
fn finished(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; HASH_SIZE] {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
