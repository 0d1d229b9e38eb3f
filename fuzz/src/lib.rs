//! The fuzz targets: one function for each, which takes the fuzzer's bytes and panics when cafewire
//! does not do what it should. That is the finding. Bytes that form no input are ignored.

mod burst;
mod checks;
mod client;
mod codec;
mod inflate;
mod input;
mod kernel;
mod line;
mod proxy;
pub mod reference;
mod resync;
mod roundtrip;
mod seal;
mod serial;
mod session;
mod stream;
mod translate;
mod v2;

use input::Input;

/// Any bytes as the frames of a connection, compared with the reference parser.
///
/// # Panics
/// When a check fails.
pub fn parse(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    checks::frames_agree(&input.stream);
    checks::connections_agree(&input.stream, input.direction);
    checks::chunks_change_nothing(&input.stream, input.direction, &[input.chunk_size_bytes]);
}

/// Any bytes in chunks of any sizes, through `FrameDecoder` and through `ProtocolParser` with
/// buffers of several sizes: the result equals that of one pass over all of them.
///
/// # Panics
/// When a check fails.
pub fn stream(data: &[u8]) {
    let _ = stream::check(data);
}

/// Any message of either family into bytes, compared with the reference encoder, and back.
///
/// # Panics
/// When a check fails.
pub fn roundtrip(data: &[u8]) {
    let _ = roundtrip::check(data);
}

/// Good frames in noise, and inside each other, through `ProtocolParser`: none is lost, none is
/// invented.
///
/// # Panics
/// When a check fails.
pub fn resync(data: &[u8]) {
    let _ = resync::check(data);
}

/// Any bytes with pauses between them through `ResyncReader`, over ports that block, are polled and
/// are awaited, and that fail: the result equals that of one pass over each burst.
///
/// # Panics
/// When a check fails.
pub fn serial(data: &[u8]) {
    let _ = serial::check(data);
}

/// Any bytes with pauses between them through the codecs: `ResyncCodec` gives what one pass over
/// each burst gives, and `FrameCodec` what one pass over all of them gives.
///
/// # Panics
/// When a check fails.
pub fn codec(data: &[u8]) {
    let _ = codec::check(data);
}

/// Connections with any bytes in any order, into the server without its sockets and its clock.
///
/// # Panics
/// When a check fails.
pub fn session(data: &[u8]) {
    let _ = session::check(data);
}

/// Any bytes through the byte loops of every level that this processor has: all give the same
/// results, and write the same bytes.
///
/// # Panics
/// When a check fails.
pub fn kernel(data: &[u8]) {
    let _ = kernel::check(data);
}

/// Requests of a client, a server that says anything, and time, through the client's session: what
/// each message answers is what a list of all that was sent says.
///
/// # Panics
/// When a check fails.
pub fn client(data: &[u8]) {
    let _ = client::check(data);
}

/// Any bytes as a line of frames of chat version 2, some of them damaged, under the terms of any
/// session, compared with the reference.
///
/// # Panics
/// When a check fails.
pub fn v2(data: &[u8]) {
    let _ = v2::check(data);
}

/// Any bytes as what a proxy puts in front of a connection, compared with the reference.
///
/// # Panics
/// When a check fails.
pub fn proxy(data: &[u8]) {
    proxy::check(data);
}

/// A sign-in and sealed frames with an attacker on the way, who has no key: what is opened is what
/// was sealed next.
///
/// # Panics
/// When a check fails.
pub fn seal(data: &[u8]) {
    let _ = seal::check(data);
}

/// Any bytes as the payload of a compressed frame, compared with the reference, and compressed
/// themselves.
///
/// # Panics
/// When a check fails.
pub fn inflate(data: &[u8]) {
    let _ = inflate::check(data);
}
