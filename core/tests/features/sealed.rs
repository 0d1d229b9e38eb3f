//! `sign`: the conversations of `vectors/conversations.json`, whose keys and tags are those of
//! Python's hmac, through both sides of a sign-in and the sessions that follow it.

use cafewire_core::ParseError;
use cafewire_core::chat::Username;
use cafewire_core::chat::v2::{
    Agreement, Capabilities, ClientSignIn, ClientStep, Flags, Header, Key, MessagePayload,
    NONCE_SIZE, OpenError, SEAL_SIZE, ServerSignIn, SessionKeys, SignInError, SignedIn, Terms,
    ZeroCopyMessage,
};
use serde_json::Value;

use crate::corpus::unfold;

static CONVERSATIONS: &str = include_str!("../../vectors/conversations.json");

pub(crate) fn conversations() -> Vec<Value> {
    serde_json::from_str(CONVERSATIONS).unwrap()
}

fn capabilities(case: &Value, member: &str) -> Capabilities {
    Capabilities::from_bits(u16::try_from(case[member].as_u64().unwrap()).unwrap())
}

fn nonce(case: &Value, member: &str) -> [u8; NONCE_SIZE] {
    unfold(&case[member]).try_into().unwrap()
}

fn key(case: &Value, member: &str) -> Option<Key> {
    case[member].as_str().map(|digits| Key::from_hex(digits).unwrap())
}

fn username(bytes: &[u8]) -> Username<&str> {
    Username::new(str::from_utf8(bytes).unwrap()).unwrap()
}

/// What a side has to say of a frame: its name in the vectors, and the code that answers it.
type Judgement = Result<(), (&'static str, u64)>;

fn of_opening(error: OpenError) -> (&'static str, u64) {
    let name = match error {
        OpenError::NotSealed => "NotSealed",
        OpenError::WrongTag => "WrongTag",
        OpenError::Replay { expected, actual } => {
            assert!(actual < expected);
            "Replay"
        }
        OpenError::FrameLost { expected, actual } => {
            assert!(actual > expected);
            "FrameLost"
        }
        other => panic!("{other:?}"),
    };
    (name, u64::from(error.code().to_wire()))
}

fn of_sign_in(error: SignInError) -> (&'static str, u64) {
    let name = match error {
        SignInError::Open(error) => return of_opening(error),
        SignInError::UnexpectedType => "UnexpectedType",
        SignInError::NotGranted => "NotGranted",
        SignInError::UnknownName => "UnknownName",
        other => panic!("{other:?}"),
    };
    (name, u64::from(error.code().to_wire()))
}

/// The frame, as the framing gives it before anything is known of a session.
fn framed(bytes: &[u8]) -> Result<ZeroCopyMessage<'_>, (&'static str, u64)> {
    ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).map_err(|error| {
        // That an Authenticate is sealed is a question of its type already.
        let is_unsealed = matches!(error, ParseError::UnsupportedFlags { .. });
        let name = if is_unsealed { "NotSealed" } else { "NotAFrame" };
        (name, u64::from(error.code().to_wire()))
    })
}

struct Client<'c> {
    name: Username<&'c str>,
    key: Key,
    sign_in: ClientSignIn,
    authenticate: Option<Vec<u8>>,
    session: Option<SignedIn>,
}

impl Client<'_> {
    fn receive(&mut self, bytes: &[u8]) -> Judgement {
        let frame = framed(bytes)?;
        if let Some(session) = &mut self.session {
            return session.opener.open(&frame).map(drop).map_err(of_opening);
        }
        match self.sign_in.receive(self.name, &self.key, &frame).map_err(of_sign_in)? {
            ClientStep::Authenticate(bytes) => self.authenticate = Some(bytes.to_vec()),
            ClientStep::SignedIn { session, user_id, server_info } => {
                assert_eq!((user_id, server_info), (7, "cafewire"));
                self.session = Some(session);
            }
            ClientStep::Refused { is_proved, code, message, .. } => {
                assert_eq!(is_proved, frame.header().flags.contains(Flags::SEALED));
                let payload = frame.parse_payload().unwrap();
                let error = MessagePayload::Error { code, retry_after_ms: 0, message };
                assert_eq!(payload, error);
                let again = self.sign_in.receive(self.name, &self.key, &frame);
                assert_eq!(again.unwrap_err(), SignInError::Over);
            }
        }
        Ok(())
    }
}

struct Server {
    key: Option<Key>,
    offered: Capabilities,
    nonce: [u8; NONCE_SIZE],
    name: Vec<u8>,
    sign_in: Option<ServerSignIn>,
    session: Option<SignedIn>,
}

impl Server {
    fn receive(&mut self, bytes: &[u8]) -> Judgement {
        let frame = framed(bytes)?;
        if let Some(session) = &mut self.session {
            return session.opener.open(&frame).map(drop).map_err(of_opening);
        }
        if let Some(sign_in) = self.sign_in.take() {
            let session = sign_in.authenticate(username(&self.name), self.key.as_ref(), &frame);
            self.session = Some(session.map_err(of_sign_in)?);
            return Ok(());
        }
        match frame.parse_payload().unwrap() {
            MessagePayload::Connect { capabilities, client_nonce, username } => {
                self.name = username.as_bytes().to_vec();
                let sign_in =
                    ServerSignIn::new(capabilities, client_nonce, self.offered, self.nonce);
                self.sign_in = Some(sign_in.map_err(of_sign_in)?);
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

/// The message is the frame of that place in the conversation, before an attacker had it.
fn is_what_was_sent(case: &Value, index: usize, message: &MessagePayload<'_>) {
    let frame = &case["frames"][index];
    let sent = if frame["sent"].is_null() { &frame["hex"] } else { &frame["sent"] };
    let mut buffer = [0; 64];
    assert_eq!(message.encode_into(1, &mut buffer), Ok(&unfold(sent)[..]), "{}", case["name"]);
}

#[test]
fn both_sides_come_to_the_judgement_of_every_conversation() {
    let mut refused = 0;
    for case in conversations() {
        let what = case["name"].as_str().unwrap();
        let name = unfold(&case["username"]);
        let asked = capabilities(&case, "asked");
        let mut client = Client {
            name: username(&name),
            key: key(&case, "key").unwrap(),
            sign_in: ClientSignIn::new(asked, nonce(&case, "client_nonce"), 2),
            authenticate: None,
            session: None,
        };
        is_what_was_sent(
            &case,
            0,
            &MessagePayload::Connect {
                capabilities: client.sign_in.asked(),
                client_nonce: client.sign_in.client_nonce(),
                username: client.name.get(),
            },
        );
        let mut server = Server {
            key: key(&case, "server_key"),
            offered: capabilities(&case, "granted"),
            nonce: nonce(&case, "server_nonce"),
            name: Vec::new(),
            sign_in: None,
            session: None,
        };
        for frame in case["frames"].as_array().unwrap() {
            let (bytes, is_from_client) = (unfold(&frame["hex"]), frame["from"] == "client");
            // A client answers Challenge with exactly the Authenticate of the vectors.
            if frame["what"] == "Authenticate" && what != "an-authenticate-of-an-earlier-sign-in" {
                assert_eq!(client.authenticate.as_ref(), Some(&bytes), "{what}");
            }
            if frame["what"] == "Challenge"
                && let Some(sign_in) = &server.sign_in
            {
                let (capabilities, server_nonce) = (sign_in.granted(), sign_in.server_nonce());
                let challenge = MessagePayload::Challenge { capabilities, server_nonce };
                is_what_was_sent(&case, 1, &challenge);
            }
            let found =
                if is_from_client { server.receive(&bytes) } else { client.receive(&bytes) };
            let wanted = match frame["refused"].as_str() {
                None => Ok(()),
                Some(reason) => {
                    refused += 1;
                    Err((reason.to_owned(), frame["code"].as_u64().unwrap()))
                }
            };
            let found = found.map_err(|(reason, code)| (reason.to_owned(), code));
            assert_eq!(found, wanted, "{what}: {}", frame["what"]);
        }
        if let (Some(client), Some(server)) = (&client.session, &server.session) {
            assert_eq!(client.granted, server.granted, "{what}");
        }
    }
    assert!(refused >= 40, "only {refused} conversations are refused");
}

/// Without its seal, as it was before.
fn unsealed(frame: &[u8]) -> Vec<u8> {
    let mut header = Header::parse(frame).unwrap();
    header.length -= u16::try_from(SEAL_SIZE).unwrap();
    header.flags = Flags::from_bits(header.flags.bits() & !Flags::SEALED.bits());
    let payload = &frame[8..frame.len() - 4 - SEAL_SIZE];
    let covered = [&header.to_bytes()[..], payload].concat();
    let sum = crc32fast::hash(&covered).to_be_bytes();
    [&covered[..], &sum].concat()
}

#[test]
fn every_genuine_frame_is_sealed_to_the_bytes_of_the_vectors() {
    let mut sealed_frames = 0;
    for case in conversations() {
        let what = case["name"].as_str().unwrap();
        let name = unfold(&case["username"]);
        let agreement = Agreement {
            asked: capabilities(&case, "asked"),
            granted: capabilities(&case, "granted"),
            client_nonce: nonce(&case, "client_nonce"),
            server_nonce: nonce(&case, "server_nonce"),
            username: username(&name).get(),
        };
        let key = key(&case, "key").unwrap();
        let (mut client, _) = SessionKeys::derive(&key, &agreement).for_client();
        let (mut server, _) = SessionKeys::derive(&key, &agreement).for_server();
        let frames = case["frames"].as_array().unwrap();
        for frame in frames.iter().filter(|frame| frame["refused"].is_null()) {
            let bytes = unfold(&frame["hex"]);
            if Header::parse(&bytes).is_ok_and(|header| !header.flags.contains(Flags::SEALED)) {
                continue;
            }
            let plain = unsealed(&bytes);
            let mut buffer = vec![0xA5; bytes.len() + 1];
            buffer[..plain.len()].copy_from_slice(&plain);
            let sealer = if frame["from"] == "client" { &mut client } else { &mut server };
            assert_eq!(sealer.seal(&mut buffer, plain.len()), Ok(&bytes[..]), "{what}");
            assert_eq!(buffer.last(), Some(&0xA5), "{what}: wrote past the frame");
            sealed_frames += 1;
        }
    }
    assert!(sealed_frames >= 300, "only {sealed_frames} sealed frames");
}

#[test]
fn a_server_without_signing_and_a_client_that_does_not_ask_for_it_have_no_such_sign_in() {
    let nonce = [0; NONCE_SIZE];
    for (asked, offered) in [
        (Capabilities::SIGN, Capabilities::NONE),
        (Capabilities::NONE, Capabilities::SIGN),
        (Capabilities::TAKEOVER, Capabilities::TAKEOVER),
    ] {
        let error = ServerSignIn::new(asked, nonce, offered, nonce).unwrap_err();
        assert_eq!((error, error.code().to_wire()), (SignInError::NotGranted, 28));
    }
}

#[test]
fn a_sign_in_that_failed_takes_no_further_frame() {
    let case = &conversations()[0];
    let frames: Vec<Vec<u8>> =
        case["frames"].as_array().unwrap().iter().map(|frame| unfold(&frame["hex"])).collect();
    let [connect, challenge, authenticate, acknowledgement] = &frames[..] else { panic!() };
    let key = key(case, "key").unwrap();
    let ada = username(b"ada");
    let view = |bytes| ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).unwrap();
    for wrong in [connect, authenticate, acknowledgement] {
        let client_nonce = nonce(case, "client_nonce");
        let mut sign_in = ClientSignIn::new(Capabilities::SIGN, client_nonce, 2);
        assert!(sign_in.receive(ada, &key, &view(wrong)).is_err());
        let error = sign_in.receive(ada, &key, &view(challenge)).unwrap_err();
        assert!(matches!(error, SignInError::Over), "{error:?}");
    }
}

#[test]
fn the_specification_shows_the_worked_example() {
    let specification: String =
        include_str!("../../PROTOCOL.md").split_whitespace().collect::<String>().to_lowercase();
    let case = &conversations()[0];
    assert_eq!(case["name"], "the-worked-example");
    for key in ["client_to_server", "server_to_client"] {
        assert!(specification.contains(case[key].as_str().unwrap()), "{key}");
    }
    for frame in case["frames"].as_array().unwrap() {
        assert!(specification.contains(frame["hex"].as_str().unwrap()), "{}", frame["what"]);
    }
}
