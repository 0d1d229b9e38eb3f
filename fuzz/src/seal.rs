//! Target `seal`: frames that one side seals, and an attacker without the key between it and the
//! other: what is opened is what was sealed next, to the last bit, and nothing else.

use arbitrary::Unstructured;
use cafewire_core::chat::Username;
use cafewire_core::chat::v2::{
    Agreement, Capabilities, ClientSignIn, ClientStep, Header, Key, MessagePayload, Opener,
    SEAL_SIZE, Sealer, ServerSignIn, SessionKeys, Terms, ZeroCopyMessage, check as header_check,
};

const STEPS_MAX: usize = 100;
const NAME: &str = "ada";
const CLIENT_NONCE: [u8; 16] = [1; 16];
const SERVER_NONCE: [u8; 16] = [2; 16];

/// The input is a byte, of which the bits that follow are options, the capabilities that the client
/// asks for (two bytes), those that the server offers (two bytes), and then steps.
///
/// | bit | what an attacker does with the sign-in |
/// |---|---|
/// | 0 | one bit of what Connect asks for changes; a byte that follows says which |
/// | 1 | one bit of what Challenge grants changes; likewise |
/// | 2 | the name in Connect is another |
///
/// A step is a byte, `what << 3 | kind`:
///
/// | kind | bytes | what happens |
/// |---|---|---|
/// | 0, 1 | | the client seals a Ping with `what` bytes of data |
/// | 2, 3 | | the next frame arrives |
/// | 4 | | frame number `what` arrives |
/// | 5 | place, mask | the next frame arrives with a byte changed, its sums put right |
/// | 6 | count, then so many | these bytes arrive, with a header and sums that are right |
/// | 7 | | the next frame arrives without its last `what` bytes |
pub(crate) fn check(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    let options: u8 = data.arbitrary()?;
    let Some((sealer, opener)) = sign_in(options, &mut data)? else { return Ok(()) };
    let mut line = Line { sealer, opener, sealed: Vec::new(), next: 1, ended: false };
    for _ in 0..STEPS_MAX {
        if data.is_empty() {
            break;
        }
        line.step(&mut data)?;
    }
    Ok(())
}

/// The halves of the direction from client to server, after Authenticate; `None` if the sign-in
/// failed, as it must where anything was changed, and only there.
fn sign_in(
    options: u8,
    data: &mut Unstructured<'_>,
) -> arbitrary::Result<Option<(Sealer, Opener)>> {
    let key = Key::new(&[7; 32]).expect("32 bytes");
    let name = Username::new(NAME).expect("a name");
    let mut client = ClientSignIn::new(Capabilities::from_bits(data.arbitrary()?), CLIENT_NONCE, 2);
    let offered = Capabilities::from_bits(data.arbitrary()?).union(Capabilities::SIGN);
    let mut change = |bit: u8, capabilities: Capabilities| {
        if options & bit == 0 {
            return Ok(capabilities);
        }
        let changed: u8 = data.arbitrary()?;
        Ok(Capabilities::from_bits(capabilities.bits() ^ 1 << (changed % 16)))
    };
    let heard = change(1, client.asked())?;
    let Ok(server) = ServerSignIn::new(heard, CLIENT_NONCE, offered, SERVER_NONCE) else {
        assert!(!heard.contains(Capabilities::SIGN), "SIGN was asked for and is offered");
        return Ok(None);
    };
    let granted = server.granted();
    let told = change(2, granted)?;
    let mut buffer = [0; 64];
    let challenge = MessagePayload::Challenge { capabilities: told, server_nonce: SERVER_NONCE };
    let challenge = challenge.encode_into(1, &mut buffer).expect("it fits");
    let Ok(step) = client.receive(name, &key, &view(challenge).expect("good")) else {
        assert!(options & 3 != 0, "an honest Challenge was refused");
        return Ok(None);
    };
    let ClientStep::Authenticate(frame) = step else { panic!("{step:?} after Challenge") };
    let heard_name = Username::new(if options & 4 == 0 { NAME } else { "bob" }).expect("a name");
    let signed_in = server.authenticate(heard_name, Some(&key), &view(&frame).expect("good"));
    assert_eq!(signed_in.is_ok(), options & 7 == 0, "a tampered sign-in, or an honest one");
    let Ok(session) = signed_in else { return Ok(None) };
    let agreement = Agreement {
        asked: client.asked(),
        granted,
        client_nonce: CLIENT_NONCE,
        server_nonce: SERVER_NONCE,
        username: NAME,
    };
    // The client's own half, which it keeps until ConnectAck: the same keys give the same.
    let (mut sealer, _) = SessionKeys::derive(&key, &agreement).for_client();
    sealer.advance(1).expect("there are more numbers");
    Ok(Some((sealer, session.opener)))
}

fn view(bytes: &[u8]) -> Option<ZeroCopyMessage<'_>> {
    ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).ok()
}

/// One direction of a connection.
struct Line {
    sealer: Sealer,
    opener: Opener,
    /// All that was sealed; the first has the number 1.
    sealed: Vec<Vec<u8>>,
    /// Number of the frame that the receiver waits for.
    next: usize,
    ended: bool,
}

impl Line {
    fn step(&mut self, data: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        let step: u8 = data.arbitrary()?;
        let what = usize::from(step >> 3);
        match step & 7 {
            0 | 1 => self.seal(what),
            2 | 3 => self.arrives(&self.sent(self.next)),
            4 => self.arrives(&self.sent(what)),
            5 => {
                let (place, mask): (u8, u8) = data.arbitrary()?;
                let mut bytes = self.sent(self.next);
                if let Some(byte) = bytes.get_mut(usize::from(place)) {
                    *byte ^= mask;
                    self.arrives(&mended(bytes));
                }
            }
            6 => {
                let count: u8 = data.arbitrary()?;
                let count = usize::from(count).min(data.len());
                self.arrives(&mended(data.bytes(count)?.to_vec()));
            }
            _ => {
                let bytes = self.sent(self.next);
                self.arrives(&bytes[..bytes.len().saturating_sub(what)]);
            }
        }
        Ok(())
    }

    fn seal(&mut self, size: usize) {
        let data = vec![b'a'; size];
        let mut buffer = vec![0; 64 + SEAL_SIZE];
        let ping = MessagePayload::Ping { data: &data };
        let frame_size = ping.encode_into(3, &mut buffer).expect("it fits").len();
        let mut again = buffer.clone();
        let ahead = self.sealer.seal_ahead(0, &mut again, frame_size).expect("it fits").to_vec();
        let sealed = self.sealer.seal(&mut buffer, frame_size).expect("it fits").to_vec();
        assert_eq!(sealed, ahead, "sealing twice gave other bytes");
        self.sealed.push(sealed);
    }

    /// The frame with that number; no bytes if there is none.
    fn sent(&self, number: usize) -> Vec<u8> {
        number.checked_sub(1).and_then(|at| self.sealed.get(at)).cloned().unwrap_or_default()
    }

    fn arrives(&mut self, bytes: &[u8]) {
        let Some(frame) = view(bytes) else { return };
        let is_next = !bytes.is_empty() && bytes == self.sent(self.next);
        let is_next = is_next || (cfg!(feature = "canary-seal") && self.was_there(bytes));
        let opened = self.opener.open(&frame);
        let wanted = is_next && !self.ended;
        assert_eq!(opened.is_ok(), wanted, "what was opened is not what was sealed next");
        self.ended |= opened.is_err();
        self.next += usize::from(opened.is_ok());
        assert_eq!(self.opener.has_ended(), self.ended);
        assert_eq!(self.opener.counter(), self.next as u64);
    }

    fn was_there(&self, bytes: &[u8]) -> bool {
        self.sealed[..self.next - 1].iter().any(|sealed| sealed == bytes)
    }
}

/// The same with check, length and checksum put right.
fn mended(mut bytes: Vec<u8>) -> Vec<u8> {
    let Ok(length) = u16::try_from(bytes.len().saturating_sub(8)) else { return bytes };
    if bytes.len() < 12 {
        return bytes;
    }
    (bytes[0], bytes[2], bytes[3]) = (2, length.to_be_bytes()[0], length.to_be_bytes()[1]);
    bytes[5] = header_check([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]]);
    assert!(Header::parse(&bytes).is_ok(), "the header was put right");
    let covered = bytes.len() - 4;
    let sum = crate::reference::crc32(&bytes[..covered]);
    bytes[covered..].copy_from_slice(&sum.to_be_bytes());
    bytes
}
