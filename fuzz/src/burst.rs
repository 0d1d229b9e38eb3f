//! What happens on a serial line: bytes in pieces, and between them pauses, failed reads, and reads
//! that give nothing. The input of the targets `serial` and `codec`.

use arbitrary::Unstructured;

use crate::input::Input;
use crate::line::Listening;
use crate::reference::line::{Line, read_bursts};

/// A step of the line.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Bytes(Vec<u8>),
    /// A pause, longer than any within a frame.
    Silence,
    /// A read that gives no byte and no error.
    Nothing,
    /// A read that fails, and loses no byte.
    Failure,
}

/// Steps, and how they are read.
pub(crate) struct Bursts {
    pub(crate) listening: Listening,
    pub(crate) steps: Vec<Step>,
    /// All of the bytes.
    pub(crate) stream: Vec<u8>,
}

impl Bursts {
    /// From the fuzzer's bytes: a [`Listening`]; a byte whose bits 0..=3 say how many follow;
    /// these, each of which says in its bits 0 and 1 what comes after a chunk, cyclically (0
    /// nothing, 1 a silence, 2 a read of nothing, 3 a failure); and then what target `parse` takes.
    /// `None` if they form no input.
    pub(crate) fn new(data: &[u8]) -> arbitrary::Result<Option<Self>> {
        let mut data = Unstructured::new(data);
        let listening = Listening::new(&mut data)?;
        let count = usize::from(data.arbitrary::<u8>()? & 0x0F);
        let between = data.bytes(count)?;
        let mut between = between.iter().cycle();
        let Some(Input { stream, .. }) = Input::new(data.take_rest()) else { return Ok(None) };
        let mut steps = Vec::new();
        let mut rest = &stream[..];
        for &size in listening.chunk_sizes_bytes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            steps.push(Step::Bytes(chunk.to_vec()));
            rest = after;
            match between.next().map_or(0, |byte| byte & 3) {
                0 => {}
                1 => steps.push(Step::Silence),
                2 => steps.push(Step::Nothing),
                _ => steps.push(Step::Failure),
            }
        }
        Ok(Some(Self { listening, steps, stream }))
    }

    /// What is on the line, by the reference.
    pub(crate) fn expected(&self) -> Line {
        let mut bursts = vec![Vec::new()];
        for step in &self.steps {
            match (step, bursts.last_mut()) {
                (Step::Bytes(bytes), Some(burst)) => burst.extend_from_slice(bytes),
                (Step::Silence, _) => bursts.push(Vec::new()),
                _ => {}
            }
        }
        read_bursts(
            bursts.iter().map(|burst| &burst[..]),
            self.listening.frame_size_max(),
            self.listening.family,
            self.listening.direction,
        )
    }
}
