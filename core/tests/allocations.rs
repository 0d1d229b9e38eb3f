//! Reading, refusing and writing allocate nothing. One test alone in its binary, with a count per
//! thread, so that allocations of the harness do not disturb it.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::hint::black_box;

use cafewire_core::chat::{self, MAX_FRAME_SIZE, v2};
use cafewire_core::{
    Direction, ErrorCode, Frame, FrameDecoder, Framing, Message, MessagePayload, MessageType,
    ParseError, echo,
};

struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    // Fails only during the teardown of the thread, after all measurements.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator with the arguments it came with; counting
// touches only a thread-local `Cell` that is initialised at compile time and so allocates nothing
// itself.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promises are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_one();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn nothing_is_allocated() {
    assert_eq!(allocations_of(|| drop(black_box(vec![1_u8]))), 1, "the counter counts");

    for payload in chat_messages() {
        let name = payload.message_type().name();
        assert_eq!(allocations_of(|| write_and_read_chat(payload)), 0, "{name}");
    }
    for message_type in echo::MessageType::ALL {
        let name = message_type.name();
        assert_eq!(allocations_of(|| write_and_read_echo(message_type)), 0, "echo family's {name}");
    }
    for (what, bytes) in bad_frames() {
        assert_eq!(allocations_of(|| refuse(&bytes)), 0, "refusing: {what}");
    }
    assert_eq!(allocations_of(refuse_to_write), 0, "refusing to write");
    assert_eq!(allocations_of(write_and_read_version_2), 0, "version 2");
    assert_eq!(allocations_of(refuse_version_2), 0, "refusing version 2");
    #[cfg(feature = "sign")]
    assert_eq!(allocations_of(sign_in_and_seal), 0, "signing in, sealing, opening");
    #[cfg(feature = "lz4")]
    assert_eq!(allocations_of(compress_and_inflate), 0, "compressing, inflating");
}

#[cfg(feature = "sign")]
fn sign_in_and_seal() {
    use chat::v2::{
        Capabilities, ClientSignIn, ClientStep, Key, MessagePayload, ServerSignIn, Terms,
        ZeroCopyMessage,
    };

    let key = Key::new(&[7; 32]).expect("32 bytes");
    let name = chat::Username::new("ada").expect("a name");
    let mut client = ClientSignIn::new(Capabilities::SIGN, [1; 16], 2);
    let asked = client.asked();
    let server = ServerSignIn::new(asked, [1; 16], asked, [2; 16]).expect("SIGN is offered");
    let (capabilities, server_nonce) = (server.granted(), server.server_nonce());
    let challenge = MessagePayload::Challenge { capabilities, server_nonce };
    let mut buffer = [0; 128];
    let view = |bytes| ZeroCopyMessage::parse_from_bytes(bytes, Terms::UNKNOWN).expect("good");
    let frame = view(challenge.encode_into(1, &mut buffer).expect("it fits"));
    let Ok(ClientStep::Authenticate(bytes)) = client.receive(name, &key, &frame) else { panic!() };
    let mut session = server.authenticate(name, Some(&key), &view(&bytes)).expect("the key");

    let (user_id, server_info) = (7, "cafewire");
    let ack = MessagePayload::ConnectAck { user_id, capabilities, server_info };
    let mut buffer = [0; 128];
    let size = ack.encode_into(2, &mut buffer).expect("it fits").len();
    let sealed = session.sealer.seal(&mut buffer, size).expect("it fits");
    let Ok(ClientStep::SignedIn { session: mut own, .. }) =
        client.receive(name, &key, &view(sealed))
    else {
        panic!()
    };
    assert!(own.opener.open(&view(sealed)).is_err(), "it is a replay");
}

#[cfg(feature = "lz4")]
fn compress_and_inflate() {
    use chat::v2::{MessagePayload, Terms, ZeroCopyMessage, compress, inflate};

    let message = MessagePayload::Pong { data: b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    let (mut plain, mut buffer) = ([0; 64], [0; 128]);
    let plain = message.encode_into(1, &mut plain).expect("it fits");
    let compressed = compress(plain, &mut buffer).expect("it fits").expect("it is shorter");
    let view = ZeroCopyMessage::parse_from_bytes(compressed, Terms::UNKNOWN).expect("good");
    let mut scratch = [0; 32];
    let range = view.message_type().payload_range();
    let inflated = inflate(view.payload(), range, &mut scratch).expect("a good block");
    assert!(MessagePayload::parse(view.message_type(), inflated) == Ok(message));
    assert!(inflate(b"\x00\x20\x1Fa\x01\x00\xFF\xFF\x00", range, &mut scratch).is_err());
}

fn chat_messages() -> [MessagePayload<'static>; 10] {
    let (user_id, username, room, content) = (7, "Zoë", "日本", "naïve – 🦀");
    let messages = [
        MessagePayload::Connect { username },
        MessagePayload::Disconnect,
        MessagePayload::SendMessage { room, content },
        MessagePayload::JoinRoom { room },
        MessagePayload::LeaveRoom { room },
        MessagePayload::ConnectAck { user_id, server_info: content },
        MessagePayload::MessageBroadcast {
            user_id,
            timestamp: 1_700_000_000_000,
            username,
            room,
            content,
        },
        MessagePayload::UserJoined { user_id, username, room },
        MessagePayload::UserLeft { user_id, username, room },
        MessagePayload::Error { code: ErrorCode::UsernameTaken, message: content },
    ];
    assert_eq!(
        messages.map(|message| message.message_type()),
        MessageType::ALL,
        "one of every type"
    );
    messages
}

fn write_and_read_chat(message: MessagePayload<'_>) {
    let mut buffer = [0; MAX_FRAME_SIZE];
    let frame = message.encode_into(&mut buffer).expect("a valid message");
    let view = chat::ZeroCopyMessage::parse_from_bytes(frame).expect("the frame is good");
    assert!(view.parse_payload() == Ok(message));
    for cut in 0..=frame.len() {
        let framing = FrameDecoder::new(Direction::Either).next_frame(&frame[..cut]);
        assert!(
            matches!(framing, Framing::Frame { frame: Frame::Chat(_), .. }) == (cut == frame.len())
        );
    }
    let mut again = [0; MAX_FRAME_SIZE];
    assert!(view.encode_into(&mut again) == Ok(frame));
}

fn write_and_read_version_2() {
    let (username, room, content) = ("Zoë", "日本", "naïve – 🦀");
    let messages = [
        v2::MessagePayload::Connect {
            capabilities: v2::Capabilities::SIGN,
            client_nonce: [7; 16],
            username,
        },
        v2::MessagePayload::SendMessage { room, content },
        v2::MessagePayload::MessageBroadcast {
            sequence: 42,
            previous: 41,
            timestamp: 1_700_000_000_000,
            user_id: 7,
            origin: 2,
            part: 0,
            username,
            room,
            content,
        },
        v2::MessagePayload::Pong { data: &[0xFF; 32] },
        v2::MessagePayload::Error { code: ErrorCode::Replay, retry_after_ms: 0, message: content },
    ];
    for message in messages {
        let mut buffer = [0; v2::MAX_FRAME_SIZE];
        let frame = message.encode_into(3, &mut buffer).expect("a valid message");
        let mut decoder = v2::FrameDecoder::new(Direction::Either, v2::Terms::UNKNOWN);
        let v2::Framing::Frame { frame: view, .. } = decoder.next_frame(frame) else {
            panic!("the frame is good")
        };
        assert!(view.parse_payload() == Ok(message) && view.seal().is_none());
    }
}

fn refuse_version_2() {
    let mut decoder = v2::FrameDecoder::new(Direction::ToServer, v2::Terms::BEFORE_SIGN_IN);
    let line = b"\x02\x06\x00\x05\x01\xF1\x00\x04?\xB2\x8D\x3D\xE7\x02\x0B";
    let v2::Framing::Corrupt { error } = decoder.next_frame(line) else {
        panic!("its check is wrong")
    };
    assert_eq!(decoder.skip(line, &error), 13);
    let long = v2::MessagePayload::LeaveRoom { room: "" };
    assert!(long.encode_into(1, &mut [0; 64]).is_err());
}

fn write_and_read_echo(message_type: echo::MessageType) {
    let mut buffer = [0; 64];
    let message: Message<'_> = echo::ZeroCopyMessage { message_type, payload: b"hello" }.message();
    let frame = message.encode_into(&mut buffer).expect("the buffer is large enough");
    let view = echo::ZeroCopyMessage::parse_from_bytes(frame).expect("the frame is good");
    assert!(view.message() == message);
    for cut in 0..=frame.len() {
        let framing = Framing::of(&frame[..cut]);
        assert!(
            matches!(framing, Framing::Frame { frame: Frame::Echo(_), .. }) == (cut == frame.len())
        );
    }
}

/// One for every error that bytes can give.
fn bad_frames() -> Vec<(&'static str, Vec<u8>)> {
    let body = |message_type, payload: &[u8]| {
        let mut buffer = [0; MAX_FRAME_SIZE];
        let view = chat::ZeroCopyMessage { version: 1, message_type, payload };
        view.encode_into(&mut buffer).expect("a length that the type allows").to_vec()
    };
    vec![
        ("Truncated", vec![0x01, 0x02]),
        ("BadMagic", vec![0xCA, 0xFF]),
        ("UnsupportedVersion", vec![0x02]),
        ("FamilyChanged", vec![0xCA, 0xFE, 0x01, 0x00, 0x00]),
        ("UnknownType", vec![0x01, 0x06]),
        ("WrongDirection", vec![0x01, 0x81]),
        ("LengthOutOfRange", vec![0x01, 0x02, 0xFF, 0xFF]),
        ("ChecksumMismatch", vec![0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x00]),
        ("FieldOverrun", body(MessageType::Connect, b"\x04ada")),
        ("InvalidUtf8", body(MessageType::Connect, b"\x03ad\xFF")),
        ("InvalidField, length", body(MessageType::Connect, b"\x00")),
        ("InvalidField, control character", body(MessageType::Connect, b"\x01\n")),
        ("TrailingBytes", body(MessageType::Connect, b"\x03ada!")),
    ]
}

/// Through every entry point, and the errors formatted too, into a buffer on the stack.
fn refuse(bytes: &[u8]) {
    let mut shown = StackText { bytes: [0; 256], len_bytes: 0 };
    let mut show = |error: ParseError| {
        shown.len_bytes = 0;
        write!(shown, "{error} {} {}", error.offset(), error.code()).expect("256 bytes are enough");
    };
    let mut refused = false;
    let mut note = |error| {
        show(error);
        refused = true;
    };
    let mut reader = FrameDecoder::new(Direction::ToServer);
    let first = reader.next_frame(&[0x01, 0x02, 0x00, 0x00, 0x9A, 0x7C, 0x6C, 0x17]);
    assert!(matches!(first, Framing::Frame { .. }));
    for framing in [Framing::of(bytes), reader.next_frame(bytes)] {
        if let Framing::Corrupt { error } = framing {
            note(error);
        }
    }
    match chat::ZeroCopyMessage::parse_from_bytes(bytes).and_then(|view| view.parse_payload()) {
        Ok(message) => drop(black_box(message)),
        Err(error) => note(error),
    }
    if let Err(error) = echo::ZeroCopyMessage::parse_from_bytes(bytes) {
        note(error);
    }
    assert!(refused);
}

fn refuse_to_write() {
    let mut buffer = [0; MAX_FRAME_SIZE];
    assert!(MessagePayload::Connect { username: "" }.encode_into(&mut buffer).is_err());
    assert!(MessagePayload::JoinRoom { room: "\n" }.encode_into(&mut buffer).is_err());
    assert!(MessagePayload::Disconnect.encode_into(&mut buffer[..7]).is_err());
    assert!(Message::ping().encode_into(&mut buffer[..4]).is_err());
}

struct StackText {
    bytes: [u8; 256],
    len_bytes: usize,
}

impl std::fmt::Write for StackText {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        let end = self.len_bytes + piece.len();
        self.bytes
            .get_mut(self.len_bytes..end)
            .ok_or(std::fmt::Error)?
            .copy_from_slice(piece.as_bytes());
        self.len_bytes = end;
        Ok(())
    }
}
