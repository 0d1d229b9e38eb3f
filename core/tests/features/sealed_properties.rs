//! `sign`: what holds for every frame and every conversation, not only those of the vectors.

use cafewire_core::chat::Username;
use cafewire_core::chat::v2::{
    Agreement, Capabilities, ClientSignIn, ClientStep, Flags, Header, Key, NONCE_SIZE, OpenError,
    Opener, SEAL_SIZE, ServerSignIn, SessionKeys, Terms, ZeroCopyMessage,
};
use proptest::prelude::*;

fn keys(secret: &[u8; 32]) -> SessionKeys {
    let agreement = Agreement {
        asked: Capabilities::SIGN,
        granted: Capabilities::SIGN,
        client_nonce: [1; NONCE_SIZE],
        server_nonce: [2; NONCE_SIZE],
        username: "ada",
    };
    SessionKeys::derive(&Key::new(secret).unwrap(), &agreement)
}

fn opener(secret: &[u8; 32]) -> Opener {
    keys(secret).for_server().1
}

/// Whether the bytes are opened: framing first, then the seal.
fn opened(opener: &mut Opener, bytes: &[u8]) -> Option<Result<u64, OpenError>> {
    let frame = ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).ok()?;
    Some(opener.open(&frame))
}

fn is_opened(secret: &[u8; 32], bytes: &[u8]) -> bool {
    matches!(opened(&mut opener(secret), bytes), Some(Ok(_)))
}

/// A frame, its header and checksum right, whatever is in it.
fn plain(type_code: u8, request: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).unwrap();
    let header = Header { type_code, length, flags: Flags::NONE, request };
    with_checksum([&header.to_bytes()[..], payload].concat())
}

fn with_checksum(mut covered: Vec<u8>) -> Vec<u8> {
    covered.extend(crc32fast::hash(&covered).to_be_bytes());
    covered
}

/// Those frames, sealed one after another.
fn sealed(secret: &[u8; 32], frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut sealer, _) = keys(secret).for_client();
    let seal = |frame: &Vec<u8>| {
        let mut buffer = frame.clone();
        buffer.resize(frame.len() + SEAL_SIZE, 0);
        sealer.seal(&mut buffer, frame.len()).unwrap().to_vec()
    };
    frames.iter().map(seal).collect()
}

prop_compose! {
    fn frame()(
        type_code in prop::sample::select(vec![0x03, 0x05, 0x06, 0x82, 0x86]),
        request in any::<u16>(),
        payload in prop::collection::vec(any::<u8>(), 1..33),
    ) -> Vec<u8> {
        // A broadcast has 33 bytes before its texts.
        let payload = if type_code == 0x82 { [&[0; 33][..], &payload].concat() } else { payload };
        plain(type_code, request, &payload)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Also where an attacker puts check and checksum right after it.
    #[test]
    fn any_flipped_bit_in_a_sealed_frame_is_refused(secret: [u8; 32], frame in frame()) {
        let genuine = &sealed(&secret, &[frame])[0];
        prop_assert!(is_opened(&secret, genuine));
        for bit in 0..8 * genuine.len() {
            let mut flipped = genuine.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_opened(&secret, &flipped), "bit {}", bit);

            let mut header = [0; 8];
            header.copy_from_slice(&flipped[..8]);
            let [version, code, high, low, flags, check, ..] = &mut header;
            *check = cafewire_core::chat::v2::check([*version, *code, *high, *low, *flags]);
            flipped[..8].copy_from_slice(&header);
            flipped.truncate(genuine.len() - 4);
            let mended = with_checksum(flipped);
            if mended != *genuine {
                prop_assert!(!is_opened(&secret, &mended), "bit {} and sums", bit);
            }
        }
    }

    /// Replay, reordering, loss: what is opened is the start of what was sealed.
    #[test]
    fn what_is_opened_is_a_prefix_of_what_was_sealed(
        secret: [u8; 32],
        frames in prop::collection::vec(frame(), 1..12),
        arrival in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 0..16),
    ) {
        let genuine = sealed(&secret, &frames);
        let mut opener = opener(&secret);
        let mut next = 0;
        let mut ended = false;
        // Mostly the next one; now and then any.
        for (index, kind) in arrival {
            let last = genuine.len() - 1;
            let at = if kind == 0 { index.index(last + 1) } else { next.min(last) };
            let cut = &genuine[at][..genuine[at].len() - 1 - index.index(12)];
            prop_assert!(ZeroCopyMessage::parse_from_bytes(cut, Terms::UNKNOWN).is_err());
            let found = opened(&mut opener, &genuine[at]);
            let wanted = match at {
                _ if ended => Err(OpenError::Ended),
                at if at == next => Ok(next as u64),
                at => {
                    let (expected, actual) = (next as u64, at as u64);
                    Err(if at < next {
                        OpenError::Replay { expected, actual }
                    } else {
                        OpenError::FrameLost { expected, actual }
                    })
                }
            };
            prop_assert_eq!(found, Some(wanted));
            ended |= wanted.is_err();
            next += usize::from(wanted.is_ok());
            prop_assert_eq!((opener.counter(), opener.has_ended()), (next as u64, ended));
        }
    }

    /// Whatever is changed between Connect and Authenticate, or in the user's key.
    #[test]
    fn a_tampered_negotiation_is_refused(
        asked: u16,
        offered: u16,
        secret: [u8; 32],
        client_nonce: [u8; NONCE_SIZE],
        server_nonce: [u8; NONCE_SIZE],
        what in 0..7,
        bit in any::<prop::sample::Index>(),
    ) {
        let offered = Capabilities::from_bits(offered).union(Capabilities::SIGN);
        let key = Key::new(&secret).unwrap();
        let (mut name, mut other) = (*b"ada", secret);
        let mut client = ClientSignIn::new(Capabilities::from_bits(asked), client_nonce, 2);
        let (mut asked, mut seen) = (client.asked().bits(), client_nonce);
        match what {
            0 => asked ^= 1 << bit.index(16),
            1 => seen[bit.index(NONCE_SIZE)] ^= 0x10,
            // Letters stay letters.
            2 => name[bit.index(3)] ^= 0x03,
            3 => other[bit.index(32)] ^= 0x80,
            _ => {}
        }
        let asked = Capabilities::from_bits(asked);
        let Ok(server) = ServerSignIn::new(asked, seen, offered, server_nonce) else {
            prop_assert!(what == 0 && !asked.contains(Capabilities::SIGN));
            return Ok(());
        };
        let granted = server.granted().bits();
        let (mut told, mut nonce) = (granted, server_nonce);
        match what {
            4 => told ^= 1 << bit.index(16),
            5 => nonce[bit.index(NONCE_SIZE)] ^= 0x01,
            _ => {}
        }
        let challenge = plain(0x8A, 1, &[&told.to_be_bytes()[..], &nonce].concat());
        let ada = Username::new("ada").unwrap();
        let view = ZeroCopyMessage::parse_from_bytes(&challenge, Terms::UNKNOWN).unwrap();
        let Ok(step) = client.receive(ada, &key, &view) else {
            prop_assert!(matches!(what, 0 | 4), "an honest Challenge was refused");
            return Ok(());
        };
        let ClientStep::Authenticate(bytes) = step else { panic!("{step:?}") };
        let frame = ZeroCopyMessage::parse_from_bytes(&bytes, Terms::CHALLENGED).unwrap();
        let (name, key) = (str::from_utf8(&name).unwrap(), Key::new(&other).unwrap());
        let signed_in = server.authenticate(Username::new(name).unwrap(), Some(&key), &frame);
        prop_assert_eq!(signed_in.is_ok(), what == 6);
        if let Ok(session) = signed_in {
            prop_assert_eq!(session.granted.bits(), granted);
        }
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        code in prop::sample::select(vec![0x06, 0x0A, 0x81, 0x8A, 0xFF]),
        mend: bool,
    ) {
        let mut bytes = bytes;
        if mend && bytes.len() >= 12 {
            let length = u16::try_from(bytes.len() - 8).unwrap();
            let flags = Flags::from_bits(bytes[4] & 3);
            let header = Header { type_code: code, length, flags, request: 0 };
            bytes[..8].copy_from_slice(&header.to_bytes());
            bytes.truncate(bytes.len() - 4);
            bytes = with_checksum(bytes);
        }
        if let Ok(frame) = ZeroCopyMessage::parse_from_bytes(&bytes, Terms::UNKNOWN) {
            prop_assert!(opener(&[7; 32]).open(&frame).is_err());
            let (ada, key) = (Username::new("ada").unwrap(), Key::new(&[7; 32]).unwrap());
            let nonce = [0; NONCE_SIZE];
            let mut client = ClientSignIn::new(Capabilities::SIGN, nonce, 2);
            let _ = client.receive(ada, &key, &frame);
            let _ = client.receive(ada, &key, &frame);
            let server = ServerSignIn::new(Capabilities::SIGN, nonce, Capabilities::SIGN, nonce);
            prop_assert!(server.unwrap().authenticate(ada, Some(&key), &frame).is_err());
        }
        let (mut sealer, _) = keys(&[7; 32]).for_client();
        let size = bytes.len();
        let _ = sealer.seal(&mut bytes, size.saturating_sub(SEAL_SIZE));
    }
}
