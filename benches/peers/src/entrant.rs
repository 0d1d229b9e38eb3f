//! A contender with its input made and its output checked: two passes that can be timed, whatever
//! its types are.

use std::hint::black_box;

use crate::allocations::count_allocations;
use crate::contenders::Contender;
use crate::message::{Digest, Message};
use crate::verify;
use crate::workload::OwnedMessage;

/// What a row is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Cafewire,
    /// cafewire once more: what differs between the two is the noise of the run.
    Control,
    Peer,
    /// A part of the work, without the fields.
    Limit,
}

/// What a row is timed at. The stream of a contender that only parses is written by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operations {
    Both,
    Parse,
}

/// One row of the table over one workload.
pub(crate) struct Entrant<'w> {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Of the core: which of its levels.
    pub(crate) level: Option<&'static str>,
    /// Mean size of a frame in this contender's format.
    pub(crate) frame_bytes: f64,
    pub(crate) parse: Pass<'w>,
    pub(crate) encode: Option<Pass<'w>>,
}

/// Work over a whole workload, the same every time.
pub(crate) struct Pass<'w> {
    work: Box<dyn FnMut() -> u64 + 'w>,
    outcome: u64,
    /// Mean number per frame, once buffers that are kept have grown.
    pub(crate) allocations_per_frame: f64,
}

impl<'w> Pass<'w> {
    fn new(frames: usize, mut work: impl FnMut() -> u64 + 'w) -> Self {
        let outcome = work();
        let (_, allocations) = count_allocations(&mut work);
        let allocations_per_frame = allocations as f64 / frames as f64;
        Self { work: Box::new(work), outcome, allocations_per_frame }
    }

    /// # Panics
    /// If the outcome is not that of the first pass.
    pub(crate) fn run(&mut self) {
        assert_eq!((self.work)(), self.outcome);
    }
}

impl<'w> Entrant<'w> {
    /// # Panics
    /// If the contender does not read what it wrote, or reads what it has to refuse.
    pub(crate) fn new<C: Contender + 'w>(
        name: &'static str,
        role: Role,
        operations: Operations,
        make: impl Fn() -> C,
        owned: &'w [OwnedMessage],
        repeats: usize,
    ) -> Self {
        let messages: Vec<_> = owned.iter().map(OwnedMessage::as_borrowed).collect();
        let values: Vec<_> = messages.iter().map(C::value).collect();
        let mut contender = make();
        contender.prepare();
        let stream = contender.stream(&values).expect("messages that may be sent");
        if role != Role::Limit {
            verify::reads_what_it_wrote(name, &mut contender, &stream, &messages);
            verify::refuses_damage(name, &mut contender);
        }

        let frames = messages.len() * repeats;
        let frame_bytes = stream.len() as f64 / messages.len() as f64;
        let encode = (operations == Operations::Both).then(|| {
            let mut contender = make();
            let mut buffer = vec![0; stream.len() + SLACK_BYTES];
            Pass::new(frames, move || encode_pass(&mut contender, &values, &mut buffer, repeats))
        });
        let mut contender = make();
        let parse = Pass::new(frames, move || parse_pass(&mut contender, &stream, repeats));
        if role != Role::Limit {
            assert_eq!(parse.outcome, digest(&messages, repeats), "{name}: other fields");
        }
        Self { name, role, level: None, frame_bytes, parse, encode }
    }
}

/// Room behind the last frame: contenders may want more of it than they use.
const SLACK_BYTES: usize = 4096;

fn parse_pass(contender: &mut impl Contender, stream: &[u8], repeats: usize) -> u64 {
    contender.prepare();
    let mut digest = Digest::default();
    for _ in 0..repeats {
        let mut rest = black_box(stream);
        while !rest.is_empty() {
            let consumed = contender.decode(rest, &mut digest).expect("a good frame");
            rest = &rest[consumed..];
        }
    }
    digest.0
}

fn encode_pass<C: Contender>(
    contender: &mut C,
    values: &[C::Value<'_>],
    buffer: &mut [u8],
    repeats: usize,
) -> u64 {
    contender.prepare();
    let mut written = 0;
    for _ in 0..repeats {
        let mut rest = &mut *buffer;
        for value in black_box(values) {
            let frame_bytes = contender.encode(value, rest).expect("a frame that fits");
            written += frame_bytes as u64;
            rest = &mut rest[frame_bytes..];
        }
        black_box(&mut *buffer);
    }
    written
}

fn digest(messages: &[Message<'_>], repeats: usize) -> u64 {
    use crate::message::Sink;

    let mut digest = Digest::default();
    for message in messages {
        match *message {
            Message::SendMessage(message) => digest.send_message(message),
            Message::Broadcast(message) => digest.broadcast(message),
        }
    }
    digest.0.wrapping_mul(repeats as u64)
}
