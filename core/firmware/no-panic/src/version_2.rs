//! Every public function of chat version 2.

use core::hint::black_box;

use cafewire_core::Direction;
use cafewire_core::chat::v2::{
    self, Capabilities, Flags, FrameDecoder, Framing, Header, MessagePayload, MessageType, Terms,
    ZeroCopyMessage,
};

use crate::{buffer, bytes, errors, text, use_up};

pub(crate) fn all() {
    header();
    agreement();
    frame();
    message();
    connection();
}

fn header() {
    if let Ok(header) = black_box(Header::parse(bytes())) {
        use_up((header.to_bytes(), header.frame_size(), header.payload_size()));
    }
    use_up(v2::check(black_box([0; 5])));
    let flags = Flags::from_bits(black_box(0)).union(black_box(Flags::SEALED));
    use_up((flags.bits(), flags.contains(black_box(Flags::COMPRESSED))));
}

fn agreement() {
    let asked = black_box(Capabilities::from_bits(black_box(0)));
    let granted = Capabilities::granted(asked, black_box(Capabilities::SIGN));
    use_up((granted.bits(), granted.contains(asked), granted.union(asked)));
    use_up((granted.intersection(asked), granted.difference(asked)));
    let terms = black_box(Terms::signed_in(granted));
    let message_type = black_box(MessageType::Connect);
    use_up((terms.allowed_flags(message_type), terms.required_flags(message_type)));
    use_up(terms.is_small());
}

fn frame() {
    if let Ok(view) = black_box(ZeroCopyMessage::parse_from_bytes(bytes(), terms())) {
        use_up((view.message_type(), view.header(), view.payload(), view.seal()));
        use_up(view.encoded_len());
        use_up(view == black_box(view));
        match view.parse_payload() {
            Ok(message) => use_up(message),
            Err(error) => errors(error),
        }
    }
    let message_type = MessageType::from_wire(black_box(0)).unwrap_or(MessageType::Ack);
    use_up((message_type.payload_range(), message_type.small_payload_range()));
    use_up((message_type.name(), message_type.is_sent(black_box(Direction::ToServer))));
    use_up(MessagePayload::parse(message_type, bytes()));
}

fn message() {
    let room = text();
    // Opaque: it may be of any type, with any fields.
    let message = black_box(MessagePayload::LeaveRoom { room });
    use_up((message.message_type(), message.encoded_len()));
    use_up(message.validate());
    use_up(message.encode_into(black_box(0), buffer()));
    use_up(message == black_box(message));
    use_up(MessagePayload::SendMessage { room, content: text() }.encode_into(1, buffer()));
}

fn connection() {
    let mut decoder = black_box(FrameDecoder::new(black_box(Direction::ToClient), terms()));
    let framing = black_box(decoder.next_frame(bytes()));
    use_up(framing.consumed());
    if let Framing::Corrupt { error } = framing {
        use_up(decoder.stream_offset_of(&error));
        use_up(decoder.skip(bytes(), &error));
    }
    decoder.set_terms(terms());
    let (terms, offset) = (decoder.terms(), decoder.stream_offset());
    use_up(FrameDecoder::resume(black_box(Direction::Either), terms, offset));
    use_up(Framing::of(bytes(), black_box(Direction::ToServer), terms));
}

fn terms() -> Terms {
    black_box(Terms::UNKNOWN)
}
