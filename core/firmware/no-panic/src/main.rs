//! Calls every public function of the core, with inputs unknown to the compiler. Code that can
//! panic is then linked, and its panic with it; `.ci/no-panic` searches the linked program's
//! symbols for that. It is not for running.
//!
//! Functions that need an allocator are left out: a full heap ends in a panic. So are the async
//! ports: a future that is polled after its end panics, whatever it holds. They share all but the
//! waiting with the blocking ones.
//!
//! Formatting (`Debug`, `Display`) is left out: it is for hosts, and the standard library's own
//! formatting can panic.

#![no_std]
#![no_main]
// For the name `main` and for linking the C library; nothing unsafe is called.
#![allow(unsafe_code)]

mod sealed;
mod version_2;

use core::hint::black_box;

use cafewire_core::chat::{
    self, Content, ErrorCode, MessagePayload, RoomName, Username, ValidMessage,
};
use cafewire_core::client::{End, Liveness, RequestError, Session, Slot};
use cafewire_core::dissect::{AnyFraming, Dissected, Dissector, fields};
use cafewire_core::echo::{self, Message};
use cafewire_core::io::{Compat06, FrameReader, FrameWriter, ResyncError, ResyncReader};
use cafewire_core::{
    Decoded, Direction, Family, Field, FieldError, Frame, FrameDecoder, Framing, ParseError,
    ProtocolError, ProtocolParser,
};

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    #[cfg(feature = "canary")]
    canary();
    framing();
    connection();
    echo_frame();
    chat_frame();
    version_2::all();
    sealed::all();
    serial_line::<{ chat::MAX_FRAME_SIZE }>();
    serial_line::<8>();
    port();
    port_of_06();
    noisy_port::<{ chat::MAX_FRAME_SIZE }>();
    noisy_port::<8>();
    liveness();
    dissection();
    session(black_box([Slot::EMPTY; 8]));
    session(black_box(&mut [][..]));
    numbers();
    0
}

/// Bytes of unknown content and length.
fn bytes<'a>() -> &'a [u8] {
    black_box(&[])
}

/// A buffer of unknown length.
fn buffer<'a>() -> &'a mut [u8] {
    black_box(&mut [])
}

/// A text of unknown content and length.
fn text<'a>() -> &'a str {
    black_box("")
}

/// Like `black_box`, for results that the program does not need.
fn use_up<T>(value: T) {
    black_box(value);
}

#[cfg(feature = "canary")]
fn canary() {
    use_up(black_box(Some(1)).unwrap());
}

fn framing() {
    let framing = black_box(Framing::of(bytes()));
    use_up(framing.consumed());
    use_up(black_box(framing) == black_box(framing));
    match black_box(framing) {
        Framing::Frame { frame, .. } => use_up(frame.encoded_len()),
        Framing::Incomplete { needed } => use_up(needed),
        Framing::Corrupt { error } => errors(error),
    }
    let decoded = black_box(Decoded::of(bytes()));
    use_up(decoded.consumed());
    use_up(black_box(decoded) == black_box(decoded));
}

fn connection() {
    let mut reader = black_box(FrameDecoder::new(black_box(Direction::ToServer)));
    use_up(reader.next_frame(bytes()));
    let mut reader = black_box(reader);
    use_up(reader.next_frame(bytes()));
    let mut reader = black_box(reader);
    use_up(reader.next_message(bytes()));
    use_up((reader.family(), reader.stream_offset()));
    use_up(FrameDecoder::resume(black_box(Direction::Either), black_box(None), black_box(0)));
}

fn errors(error: ParseError) {
    let reader = black_box(FrameDecoder::new(black_box(Direction::Either)));
    use_up(reader.stream_offset_of(&error));
    use_up((error.offset(), error.code()));
    use_up(error == black_box(error));
    use_up(black_box(FieldError::ControlCharacter { field: Field::Username, position: 0 }).field());
    use_up(ProtocolError::from(black_box(FieldError::ControlCharacter {
        field: Field::Username,
        position: 0,
    })));
}

fn echo_frame() {
    use_up(echo::ZeroCopyMessage::parse_from_bytes(bytes()));
    let view = black_box(echo::ZeroCopyMessage {
        message_type: echo::MessageType::Ping,
        payload: bytes(),
    });
    use_up(view.message());
    use_up(view.encoded_len());
    use_up(view.header());
    use_up(view.encode_into(buffer()));

    let message = black_box(Message::Ping(bytes()));
    use_up(message.frame());
    use_up(message.encoded_len());
    use_up(message.encode_into(buffer()));
    use_up(message == black_box(message));
    use_up((
        Message::ping(),
        Message::pong(),
        Message::echo(bytes()),
        Message::data(bytes()),
        Message::error(text()),
    ));
}

fn chat_frame() {
    use_up(chat::ZeroCopyMessage::parse_from_bytes(bytes()));
    let message_type = black_box(chat::MessageType::Connect);
    let view =
        black_box(chat::ZeroCopyMessage { version: black_box(1), message_type, payload: bytes() });
    use_up(view.parse_payload());
    use_up(view.encoded_len());
    use_up(view.encode_into(buffer()));

    // Opaque: it may be of any type, with any fields.
    let message = black_box(MessagePayload::MessageBroadcast {
        user_id: black_box(0),
        timestamp: black_box(0),
        username: text(),
        room: text(),
        content: text(),
    });
    use_up(message.message_type());
    use_up(message.validate());
    use_up(message.encoded_len());
    use_up(message.encode_into(buffer()));
    use_up(message == black_box(message));
    every_type_by_itself();
    checked_parts();
}

fn checked_parts() {
    let (username, room) = (black_box(Username::new(text())), black_box(RoomName::new(text())));
    if let (Ok(username), Ok(room), Ok(content)) = (username, room, Content::new(text())) {
        use_up((username.as_str(), username.as_borrowed(), username.get()));
        use_up(username.to_kept::<&str>().into_inner());
        use_up(ValidMessage::user_joined(black_box(0), username, room).encode_into(buffer()));
        use_up(ValidMessage::user_left(black_box(0), username, room).encoded_len());
        let (user_id, timestamp) = (black_box(0), black_box(0));
        let valid = ValidMessage::message_broadcast(user_id, timestamp, username, room, content);
        use_up(black_box(valid).encode_into(buffer()));
        use_up(black_box(valid).payload());
    }
    use_up(ValidMessage::new(MessagePayload::Connect { username: text() }).is_ok());
}

/// The same once more with the type known, as in a device that sends only some.
fn every_type_by_itself() {
    let (user_id, timestamp) = (black_box(0), black_box(0));
    use_up(MessagePayload::Connect { username: text() }.encode_into(buffer()));
    use_up(MessagePayload::Disconnect.encode_into(buffer()));
    use_up(MessagePayload::SendMessage { room: text(), content: text() }.encode_into(buffer()));
    use_up(MessagePayload::JoinRoom { room: text() }.encode_into(buffer()));
    use_up(MessagePayload::LeaveRoom { room: text() }.encode_into(buffer()));
    use_up(MessagePayload::ConnectAck { user_id, server_info: text() }.encode_into(buffer()));
    let (username, room, content) = (text(), text(), text());
    use_up(
        MessagePayload::MessageBroadcast { user_id, timestamp, username, room, content }
            .encode_into(buffer()),
    );
    use_up(
        MessagePayload::UserJoined { user_id, username: text(), room: text() }
            .encode_into(buffer()),
    );
    use_up(
        MessagePayload::UserLeft { user_id, username: text(), room: text() }.encode_into(buffer()),
    );
    let code = ErrorCode::from_wire(black_box(0));
    use_up(MessagePayload::Error { code, message: text() }.encode_into(buffer()));
}

fn serial_line<const N: usize>() {
    let mut parser = black_box(ProtocolParser::<N>::for_family(
        black_box(Family::Echo),
        black_box(Direction::Either),
    ));
    use_up(parser.feed(bytes()));
    let mut parser = black_box(parser);
    match parser.try_parse() {
        Ok(Some(Frame::Echo(view))) => use_up(view),
        Ok(Some(Frame::Chat(view))) => use_up(view),
        Ok(None) => {}
        Err(error) => errors(error),
    }
    let mut parser = black_box(parser);
    parser.give_up();
    use_up((parser.skipped_bytes(), parser.losses(), parser.pending_bytes()));
    parser.reset();
    use_up(parser.clone());
    use_up(ProtocolParser::<N>::new());
    use_up(ProtocolParser::<N>::default());
}

/// A port that claims any number of bytes, more than the buffer has included.
struct AnyPort;

impl embedded_io::ErrorType for AnyPort {
    type Error = embedded_io::ErrorKind;
}

impl embedded_io::Read for AnyPort {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        black_box(space);
        black_box(Ok(0))
    }
}

impl embedded_io::ReadReady for AnyPort {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        black_box(Ok(true))
    }
}

impl embedded_io::Write for AnyPort {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        black_box(bytes);
        black_box(Ok(0))
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        black_box(Ok(()))
    }
}

fn port() {
    let mut receiver = black_box(FrameReader::new(AnyPort, buffer(), black_box(Direction::Either)));
    use_up(receiver.receive().is_ok_and(|frame| black_box(frame).is_some()));
    let receiver = black_box(receiver);
    use_up((receiver.reader(), receiver.pending()));
    use_up(receiver.into_inner());

    let mut sender = black_box(FrameWriter::new(AnyPort, buffer()));
    use_up(sender.queue_chat(&black_box(MessagePayload::Connect { username: text() })));
    let mut sender = black_box(sender);
    use_up(sender.queue_echo(&black_box(Message::Ping(bytes()))));
    let mut sender = black_box(sender);
    use_up(sender.flush().is_ok());
    let mut sender = black_box(sender);
    use_up(sender.write().is_ok());
    let sender = black_box(sender);
    use_up(sender.unsent());
    use_up(sender.into_inner());
}

/// Any port of embedded-io 0.6.
struct AnyPort06;

impl embedded_io_06::ErrorType for AnyPort06 {
    type Error = embedded_io_06::ErrorKind;
}

impl embedded_io_06::Read for AnyPort06 {
    fn read(&mut self, space: &mut [u8]) -> Result<usize, Self::Error> {
        black_box(space);
        black_box(Ok(0))
    }
}

impl embedded_io_06::Write for AnyPort06 {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        black_box(bytes);
        black_box(Ok(0))
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        black_box(Ok(()))
    }
}

fn port_of_06() {
    let port = Compat06(AnyPort06);
    let mut receiver = black_box(ResyncReader::new(port, ProtocolParser::<64>::new()));
    use_up(receiver.receive().is_ok_and(|frame| black_box(frame).is_some()));
    let mut sender = black_box(FrameWriter::new(Compat06(AnyPort06), buffer()));
    use_up(sender.flush().is_ok());
}

fn noisy_port<const N: usize>() {
    let parser = ProtocolParser::<N>::for_family(black_box(Family::ChatV1), Direction::Either);
    let mut receiver = black_box(ResyncReader::new(AnyPort, parser));
    match receiver.receive() {
        Ok(frame) => use_up(black_box(frame).is_some()),
        Err(ResyncError::Noise(error)) => errors(error),
        Err(error) => use_up(error),
    }
    let mut receiver = black_box(receiver);
    let polled = receiver.poll(black_box(0), black_box(0));
    use_up(polled.is_ok_and(|frame| black_box(frame).is_some()));
    let mut receiver = black_box(receiver);
    receiver.fell_silent();
    use_up(receiver.receive().is_ok_and(|frame| black_box(frame).is_some()));
    use_up(receiver.parser());
    use_up(receiver.into_inner());
}

/// A message of unknown type, with unknown fields.
fn message<'a>() -> MessagePayload<'a> {
    black_box(MessagePayload::JoinRoom { room: text() })
}

fn session<S: AsRef<[Slot]> + AsMut<[Slot]>>(slots: S) {
    let mut session = black_box(Session::with_probes(slots, black_box(None)));
    match session.request(&message(), buffer()) {
        Ok(encoded) => use_up((encoded.frame, encoded.id.get())),
        Err(RequestError::Ended(end)) => use_up(end),
        Err(error) => use_up(error),
    }
    let mut session = black_box(session);
    use_up(session.receive(&message(), black_box(0)));
    let mut session = black_box(session);
    use_up((session.next_deadline(), session.due(black_box(0))));
    let mut session = black_box(session);
    use_up(session.probe(buffer(), black_box(0)));
    let mut session = black_box(session);
    use_up((session.end(black_box(End::Closed)), session.ended()));
    use_up((session.user_id(), session.username(), session.pending(), session.free()));
    session.invariants();
    use_up(black_box(session).with_slots(black_box([Slot::EMPTY; 4])).is_some());
    use_up(Session::new([Slot::default(); 2]).clone().pending());
}

fn liveness() {
    let mut liveness = black_box(Liveness::new(black_box(None)));
    liveness.heard(black_box(0));
    let mut liveness = black_box(liveness);
    use_up((liveness.next_deadline(), liveness.due(black_box(0))));
    liveness.probed(black_box(0));
    let liveness = black_box(liveness);
    use_up((liveness.is_probed(), liveness.due(black_box(0))));
}

fn dissection() {
    for field in fields(bytes()) {
        use_up(field);
    }
    let mut dissector = black_box(Dissector::new(black_box(Direction::Either)));
    let found = black_box(dissector.next(bytes(), black_box(false)));
    use_up(found.size());
    if let Dissected::Frame { frame, .. } = found {
        use_up((frame.family(), frame.type_name(), frame.is_sent(black_box(Direction::ToClient))));
    }
    use_up(dissector.framing(bytes()));
    use_up(AnyFraming::of(bytes()));
}

fn numbers() {
    use_up(Family::from_first_byte(black_box(0)));
    use_up(echo::MessageType::from_wire(black_box(0)).map(echo::MessageType::name));
    use_up(chat::MessageType::from_wire(black_box(0)));
    let message_type = black_box(chat::MessageType::Connect);
    use_up(message_type.is_sent(black_box(Direction::Either)));
    use_up((message_type.length_range(), message_type.name()));
    let code = black_box(ErrorCode::from_wire(black_box(0)));
    use_up((code.to_wire(), code.name(), code.closes()));
    use_up(black_box(Field::Username).length_range());
}

// On a host, the C library that the C runtime needs.
#[cfg(not(target_os = "none"))]
#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
